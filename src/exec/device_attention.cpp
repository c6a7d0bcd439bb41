#include "exec/device_attention.h"

#include "deltascape/error.h"
#include "exec/aten_math.h"

namespace deltascape::engine {

DeviceAttention::DeviceAttention(const model::ModelSpec& spec, const Layout& layout, const at::TensorOptions& options)
    : spec_(spec), layout_(layout) {
  if (spec.counts_distances())
    throw Error(ErrorCode::kUsage, "this family runs on the processor alone",
                {.field = option("device"), .expected = "cpu", .found = std::string(spec.architecture->model_type)});
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  const std::int64_t prefix = layout.before.keys;
  const auto probes = static_cast<std::int64_t>(layout.probes.size());
  for (const model::RopeSpec& rope : spec.ropes) {
    std::vector<Angles>& of_rope = angles_.emplace_back();
    for (std::int64_t p = 0; p < probes; ++p) {
      const std::int64_t length = layout.length(p);
      const Angles angles = rope_angles(rope, prefix, length, prefix + length);
      of_rope.push_back({angles.cos.to(options), angles.sin.to(options)});
    }
  }
  for (const model::LayerSpec& layer : spec.layers) {
    const auto [place, added] = bias_.try_emplace({layer.window, layer.chunk});
    for (std::int64_t p = 0; p < probes && added; ++p) {
      const std::int64_t length = layout.length(p);
      const at::Tensor bias = score_bias(spec, layer, prefix, length, prefix + length, dtype);
      place->second.push_back(bias.defined() ? bias.to(options) : bias);
    }
  }
}

at::Tensor DeviceAttention::operator()(const model::LayerSpec& layer, const AttentionRows& rows) const {
  const at::Tensor &q = rows.q, &k = rows.k, &v = rows.v;
  const bool last = q.size(1) != layout_.tokens;  // the last token of each probe asks alone
  const bool turns = !angles_.empty() && layer.rope >= 0;
  const auto by_head = [](const at::Tensor& x, std::int64_t dim) { return x.unflatten(-1, {-1, dim}); };
  const auto behind = [&](const at::Tensor& prefix, const at::Tensor& own, std::int64_t dim) {
    const at::Tensor before = by_head(prefix.to(own.device()).unsqueeze(0), dim);
    return at::cat({before.expand({own.size(0), -1, -1, -1}), own}, 1);
  };
  const at::Tensor sinks =
      rows.sinks.defined() ? rows.sinks.unsqueeze(2).unsqueeze(3) : rows.sinks;  // [variants, heads, 1, 1]
  std::vector<at::Tensor> out;
  for (std::size_t p = 0; p < layout_.probes.size(); ++p) {
    const auto probe = static_cast<std::int64_t>(p);
    const std::int64_t start = layout_.starts[p], length = layout_.length(probe);
    const std::int64_t asking = last ? 1 : length;
    at::Tensor qs = by_head(q.narrow(1, last ? probe : start, asking), spec_.head_dim);
    at::Tensor ks = by_head(k.narrow(1, start, length), spec_.head_dim);
    at::Tensor vs = by_head(v.narrow(1, start, length), spec_.value_dim);
    if (turns) {
      const model::RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(layer.rope)];
      const Angles& angles = angles_[static_cast<std::size_t>(layer.rope)][p];
      const auto asked = [&](const at::Tensor& all) { return all.narrow(0, length - asking, asking); };
      qs = rotate(rope, qs, {asked(angles.cos), asked(angles.sin)});
      ks = rotate(rope, ks, angles);
    }
    if (rows.prefix != nullptr)
      ks = behind(rows.prefix->k, ks, spec_.head_dim), vs = behind(rows.prefix->v, vs, spec_.value_dim);
    at::Tensor bias = bias_.at({layer.window, layer.chunk})[p];  // [..., length or 1, keys]
    if (bias.defined() && bias.size(-2) > 1) bias = bias.narrow(-2, length - asking, asking);
    out.push_back(attend(spec_, qs.transpose(1, 2), ks.transpose(1, 2), vs.transpose(1, 2), bias, sinks));
  }
  return at::cat(out, 1);
}

}  // namespace deltascape::engine
