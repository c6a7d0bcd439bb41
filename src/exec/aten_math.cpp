#include "exec/aten_math.h"

#include <limits>

#include "exec/positions.h"

namespace deltascape::engine {

at::Tensor gated(model::Activation activation, const at::Tensor& gate, const at::Tensor& up) {
  at::Tensor y;
  switch (activation) {
    case model::Activation::kSilu: y = at::silu(gate); break;
    case model::Activation::kGelu: y = at::gelu(gate, "none"); break;
    case model::Activation::kGeluTanh: y = at::gelu(gate, "tanh"); break;
    case model::Activation::kRelu: y = at::relu(gate); break;
    case model::Activation::kReluSquared: y = at::relu(gate).square(); break;
  }
  return up.defined() ? y * up : y;
}

at::Tensor normalised(const model::ModelSpec& spec, model::Module module, const at::Tensor& x, const Norm& norm) {
  const double eps = spec.eps(module);
  if (spec.norm == model::NormKind::kRms) {
    const at::Tensor runs = x.reshape({-1, norm.weight.size(0)});
    const at::Tensor scale = at::rsqrt(runs.square().mean({1}, true) + eps);
    return (runs * scale * norm.weight).view(x.sizes());
  }
  const std::int64_t width = spec.norm_width(module);
  const at::Tensor runs = x.reshape({-1, width});
  if (!norm.weight.defined() || norm.weight.size(0) == width)
    return at::layer_norm(runs, {width}, norm.weight, norm.bias, eps).view(x.sizes());
  // Heads with weights of their own.
  const at::Tensor own = at::layer_norm(runs, {width}, {}, {}, eps).view({-1, norm.weight.size(0)}) * norm.weight;
  return (norm.bias.defined() ? own + norm.bias : own).view(x.sizes());
}

at::Tensor score_bias(const model::ModelSpec& spec, const model::LayerSpec& layer, std::int64_t first, std::int64_t n,
                      std::int64_t m, at::ScalarType dtype) {
  at::Tensor bias;
  if (spec.stacks[static_cast<std::size_t>(layer.stack)].causal) {
    const at::Tensor i = at::arange(first, first + n).unsqueeze(1), j = at::arange(m).unsqueeze(0);
    at::Tensor hidden = j > i;
    if (layer.window > 0) hidden = hidden | (j <= i - layer.window);
    if (layer.chunk > 0) hidden = hidden | (j.div(layer.chunk, "floor") != i.div(layer.chunk, "floor"));
    bias = at::zeros({n, m}, at::TensorOptions(dtype)).masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  if (spec.position != model::PositionKind::kAlibi) return bias;
  const at::Tensor slopes = alibi(spec, m).to(dtype);
  return bias.defined() ? bias + slopes : slopes;
}

at::Tensor attention_weights(const at::Tensor& scores, const at::Tensor& sinks) {
  if (!sinks.defined()) return at::softmax(scores, -1);
  std::vector<std::int64_t> each = scores.sizes().vec();
  each.back() = 1;
  return at::softmax(at::cat({scores, sinks.expand(each)}, -1), -1).narrow(-1, 0, scores.size(-1));
}

at::Tensor attend(const model::ModelSpec& spec, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const at::Tensor& bias, const at::Tensor& sinks) {
  const std::int64_t share = q.size(-3) / k.size(-3);  // query heads a KV head
  const auto repeat = [&](const at::Tensor& x) { return share == 1 ? x : x.repeat_interleave(share, -3); };
  at::Tensor scores = at::matmul(q, repeat(k).transpose(-2, -1)) * spec.attention_scale;  // [..., heads, n, m]
  if (spec.attention_softcap > 0) scores = at::tanh(scores / spec.attention_softcap) * spec.attention_softcap;
  if (bias.defined()) scores = scores + bias;
  return at::matmul(attention_weights(scores, sinks), repeat(v)).transpose(-3, -2).flatten(-2);
}

}  // namespace deltascape::engine
