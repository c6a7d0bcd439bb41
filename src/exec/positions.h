// Owns what a model's positions do in attention, as plain ATen functions: rotations and biases on the scores.
#pragma once

#include <ATen/ATen.h>

#include "model/spec.h"

namespace deltascape::engine {

// cos and sin of a sequence's angles times the rope's attention factor, [tokens, dim/2], float32 whatever the
// precision, as models are trained and published: angle = position · frequency.
struct Angles {
  at::Tensor cos, sin;
};
// Of positions first … first + tokens - 1 in a sequence of `length` tokens.
Angles rope_angles(const model::RopeSpec& rope, std::int64_t first, std::int64_t tokens, std::int64_t length);

// Rotates x [tokens, heads, dim] at positions first … first + tokens - 1 of a sequence of `length` tokens.
at::Tensor rotate(const model::RopeSpec& rope, const at::Tensor& x, std::int64_t first, std::int64_t length);
// The same with the tokens' angles at hand, of x's type and on its device: x [..., tokens, heads, dim].
at::Tensor rotate(const model::RopeSpec& rope, const at::Tensor& x, const Angles& angles);

// ALiBi (arXiv 2108.12409 §3): a slope a head times the key's position, [heads, 1, keys]. The distance to the query
// would differ by a constant a row, which the softmax does not see.
at::Tensor alibi(const model::ModelSpec& spec, std::int64_t keys);

// T5's bucket of each distance (arXiv 1910.10683 §2.1): queries first … first + n - 1, keys 0 … m - 1 -> int64 [n, m].
// Half the buckets are for exact distances, the others grow with the logarithm; `causal` knows no key after the query.
at::Tensor relative_buckets(const model::RelativeSpec& spec, bool causal, std::int64_t first, std::int64_t n,
                            std::int64_t m);

}  // namespace deltascape::engine
