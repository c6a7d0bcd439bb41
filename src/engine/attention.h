// Owns causal attention over packed probes, with rotary positions, windows and soft caps.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "engine/layout.h"
#include "model/spec.h"

namespace deltascape::engine {

// What attention needs and every layer shares: angles, made once a run.
class Attention {
 public:
  Attention(const model::ModelSpec& spec, const Layout& layout, at::ScalarType dtype);
  // q: [variants, tokens, heads·dim], or of each probe's last token alone, [variants, probes, heads·dim];
  // k, v: [variants, tokens, kv_heads·dim] -> like q.
  at::Tensor operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) const;

 private:
  struct Angles {
    at::Tensor cos, sin;  // [tokens, dim/2]
  };
  const model::ModelSpec& spec_;
  const Layout& layout_;
  std::vector<Angles> angles_;  // one a rope of the model
};

}  // namespace deltascape::engine
