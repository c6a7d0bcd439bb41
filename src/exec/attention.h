// Owns attention over packed probes: causal or not, with rotary positions, ALiBi or T5's distances, windows and soft
// caps.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "exec/layout.h"
#include "exec/positions.h"
#include "model/spec.h"

namespace deltascape::engine {

// q: [variants, tokens, heads·head_dim], or of one token of each probe alone, [variants, probes, heads·head_dim];
// k: [variants, tokens, kv_heads·head_dim], v: [variants, tokens, kv_heads·value_dim].
struct AttentionRows {
  at::Tensor q, k, v;
  std::int64_t first = 0;                   // which of the stream's variants is the first one here
  const adapter::Prefix* prefix = nullptr;  // what the layout says stands before each probe's own keys and values
  at::Tensor sinks;                         // [variants or 1, heads]: scores that no key takes; undefined: none
};

// What attention over a layout needs and its layers share: angles and biases.
class Attention {
 public:
  // Both must outlive it.
  Attention(const model::ModelSpec& spec, const Layout& layout, std::int64_t variants, at::ScalarType dtype);
  // What distances add to the scores of `count` variants from `first` on, from this layer's table [buckets, heads] on.
  void set_relative(int layer, const at::Tensor& table, std::int64_t first, std::int64_t count);
  // Within each probe; one query a probe is its last token's -> as many rows as q, heads·value_dim wide.
  at::Tensor operator()(const model::LayerSpec& layer, const AttentionRows& rows) const;
  // One query a probe to all of its keys, wherever they stand.
  at::Tensor cross(const AttentionRows& rows) const;

 private:
  struct Positions;
  at::Tensor run(const Positions& positions, const AttentionRows& rows) const;

  const model::ModelSpec* spec_;
  const Layout* layout_;
  std::vector<Angles> angles_;  // one a rope of the model, [tokens, dim/2]
  // ALiBi's, by key: [1, heads, most keys of a probe]; or T5's, by distance: [variants, heads, 2·that - 1]; undefined
  // without.
  at::Tensor bias_;
  std::int64_t longest_ = 0;
};

}  // namespace deltascape::engine
