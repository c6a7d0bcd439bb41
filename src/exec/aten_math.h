// Owns the steps of a block as plain ATen functions: nothing is overwritten, autograd goes through them, and they run
// on any device. The fused loops of the processor (kernels.h, attention_kernel.h) compute the same.
#pragma once

#include <ATen/ATen.h>

#include "exec/layer_weights.h"
#include "model/spec.h"

namespace deltascape::engine {

// activation(gate) * up, or activation(gate) alone where `up` is undefined.
at::Tensor gated(model::Activation activation, const at::Tensor& gate, const at::Tensor& up);

// The family's norm over each run of what the module normalises: x [rows, n·width] -> the same.
at::Tensor normalised(const model::ModelSpec& spec, model::Module module, const at::Tensor& x, const Norm& norm);

// What the layer's mask and ALiBi add to the scores of queries first … first+n-1 against keys 0 … m-1: broadcasts
// against [heads, n, m]; undefined where nothing is added.
at::Tensor score_bias(const model::ModelSpec& spec, const model::LayerSpec& layer, std::int64_t first, std::int64_t n,
                      std::int64_t m, at::ScalarType dtype);

// The softmax of scores [..., heads, n, keys], of which a head's sink takes a part: sinks broadcast against [...,
// heads, n, 1]; undefined: none.
at::Tensor attention_weights(const at::Tensor& scores, const at::Tensor& sinks);

// q [..., heads, n, head_dim], k [..., kv_heads, m, head_dim], v [..., kv_heads, m, value_dim]; `bias` on the scores,
// and `sinks` beside them, both of which may be undefined -> [..., n, heads·value_dim].
at::Tensor attend(const model::ModelSpec& spec, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const at::Tensor& bias, const at::Tensor& sinks = {});

}  // namespace deltascape::engine
