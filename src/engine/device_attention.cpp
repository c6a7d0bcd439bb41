#include "engine/device_attention.h"

#include "deltascape/error.h"
#include "engine/aten_math.h"

namespace deltascape::engine {

DeviceAttention::DeviceAttention(const model::ModelSpec& spec, const Layout& layout, const at::TensorOptions& options)
    : spec_(spec), layout_(layout) {
  if (spec.position == model::PositionKind::kRelative)
    throw Error(ErrorCode::kUsage, "this family runs on the processor alone",
                {.field = "--device", .expected = "cpu", .found = std::string(spec.architecture->model_type)});
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  for (const model::RopeSpec& rope : spec.ropes) {
    std::vector<Angles>& of_rope = angles_.emplace_back();
    for (const auto& probe : layout.probes) {
      const auto length = static_cast<std::int64_t>(probe.size());
      const Angles angles = rope_angles(rope, 0, length, length);
      of_rope.push_back({angles.cos.to(options), angles.sin.to(options)});
    }
  }
  for (const model::LayerSpec& layer : spec.layers) {
    const auto [place, added] = bias_.try_emplace(layer.window);
    if (!added) continue;
    for (const auto& probe : layout.probes) {
      const auto length = static_cast<std::int64_t>(probe.size());
      place->second.push_back(score_bias(spec, layer, 0, length, length, dtype).to(options));
    }
  }
}

at::Tensor DeviceAttention::operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v) const {
  const bool last = q.size(1) != layout_.tokens;  // the last token of each probe asks alone
  const bool turns = !angles_.empty() && layer.rope >= 0;
  const auto by_head = [](const at::Tensor& x, std::int64_t dim) { return x.unflatten(-1, {-1, dim}); };
  std::vector<at::Tensor> out;
  for (std::size_t p = 0; p < layout_.probes.size(); ++p) {
    const auto probe = static_cast<std::int64_t>(p);
    const std::int64_t start = layout_.starts[p], length = layout_.length(probe);
    const std::int64_t asking = last ? 1 : length;
    at::Tensor qs = by_head(q.narrow(1, last ? probe : start, asking), spec_.head_dim);
    at::Tensor ks = by_head(k.narrow(1, start, length), spec_.head_dim);
    const at::Tensor vs = by_head(v.narrow(1, start, length), spec_.value_dim);
    if (turns) {
      const model::RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(layer.rope)];
      const Angles& angles = angles_[static_cast<std::size_t>(layer.rope)][p];
      qs = rotate(rope, qs,
                  {angles.cos.narrow(0, length - asking, asking), angles.sin.narrow(0, length - asking, asking)});
      ks = rotate(rope, ks, angles);
    }
    const at::Tensor& whole = bias_.at(layer.window)[p];  // [..., length or 1, length]
    const at::Tensor bias = whole.size(-2) == 1 ? whole : whole.narrow(-2, length - asking, asking);
    out.push_back(attend(spec_, qs.transpose(1, 2), ks.transpose(1, 2), vs.transpose(1, 2), bias));
  }
  return at::cat(out, 1);
}

}  // namespace deltascape::engine
