// Owns causal attention over packed probes, with rotary positions or ALiBi, windows and soft caps.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "engine/layout.h"
#include "engine/positions.h"
#include "model/spec.h"

namespace deltascape::engine {

// What attention needs and every layer shares: angles, made once a run.
class Attention {
 public:
  Attention(const model::ModelSpec& spec, const Layout& layout, at::ScalarType dtype);
  // q: [variants, tokens, heads·head_dim], or of each probe's last token alone, [variants, probes, heads·head_dim];
  // k: [variants, tokens, kv_heads·head_dim], v: [variants, tokens, kv_heads·value_dim] -> as many rows as q,
  // heads·value_dim wide. `prefix`: what the layout says stands before each probe's own keys and values, or null.
  at::Tensor operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const adapter::Prefix* prefix) const;

 private:
  const model::ModelSpec& spec_;
  const Layout& layout_;
  std::vector<Angles> angles_;  // one a rope of the model, [tokens, dim/2]
  at::Tensor bias_;             // ALiBi's, [heads, most keys of a probe]; undefined without
};

}  // namespace deltascape::engine
