#include "adapter/targets.h"

#include "deltascape/error.h"

namespace deltascape::adapter {

using model::Site;

std::optional<FusedTarget> fused_target(const io::TensorFile& file, const io::TensorInfo& t, const Key& key,
                                        const model::ModelSpec& spec) {
  if (key.role != Role::kA && key.role != Role::kB) return {};
  const auto at = t.name.rfind(key.role == Role::kA ? ".lora_A" : ".lora_B");
  const auto of = [&](char which) {
    std::string name = t.name;
    name[at + 6] = which;
    const io::TensorInfo* found = file.find(name);
    return found != nullptr && found->shape.size() == 2 ? found : nullptr;
  };
  const io::TensorInfo *a = at == std::string::npos ? nullptr : of('A'), *b = a == nullptr ? nullptr : of('B');
  if (b == nullptr) return {};
  std::string holder = key.module_path;
  while (holder.ends_with(".base_layer")) holder.resize(holder.size() - std::string_view(".base_layer").size());
  if (!holder.ends_with(".experts")) return {};
  FusedTarget out;
  for (const model::FusedName& fused : spec.architecture->fused) {
    if (fused.hf.find(".experts.") == std::string_view::npos) continue;
    if (fused.columns)
      throw Error(ErrorCode::kUnsupported, "LoRA on this family's experts is not supported",
                  {.path = file.path().string(), .field = t.name});
    const auto dot = fused.hf.rfind('.');
    const std::vector<std::int64_t> shape = spec.shape(fused.module);
    if (a->shape[1] != shape[1] || b->shape[0] != fused.parts * shape[0]) continue;
    for (int layer = 0; layer < spec.layer_count(); ++layer) {
      std::string name(fused.hf.substr(0, dot));
      name.replace(name.find("{}"), 2, std::to_string(layer));
      if (!spec.has(Site{fused.module, layer}) || !(holder == name || holder.ends_with("." + name))) continue;
      out.path = holder + std::string(fused.hf.substr(dot));
      out.sites.push_back({fused.module, layer});
    }
  }
  return out.sites.empty() ? std::nullopt : std::optional(out);
}

}  // namespace deltascape::adapter
