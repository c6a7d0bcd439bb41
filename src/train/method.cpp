#include "train/method.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "deltascape/error.h"

namespace deltascape::training {
namespace {

// Whether a path is `target` or ends with ".target".
bool ends_with_component(const std::string& path, const std::string& target) {
  return path == target || path.ends_with("." + target);
}

}  // namespace

at::Tensor Method::add(std::string name, const at::Tensor& value) {
  const at::Tensor leaf = value.detach().clone(at::MemoryFormat::Contiguous).requires_grad_(true);
  parameters_.push_back({std::move(name), leaf});
  return leaf;
}

std::span<const MethodEntry> methods() {
  static constexpr MethodEntry kMethods[] = {{"lora", lora}, {"ia3", ia3}, {"prefix", prefix}, {"full", full}};
  return kMethods;
}

std::vector<model::Site> target_sites(const model::ModelSpec& spec, const std::vector<std::string>& targets,
                                      std::span<const model::Module> usual) {
  std::vector<model::Site> linears;
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    for (const model::Module module : spec.linears(layer))
      if (!model::of_expert(module)) linears.push_back({module, layer});
  for (const model::Module m : {model::Module::kProjectIn, model::Module::kProjectOut})
    if (spec.has(m)) linears.push_back({m});
  if (!spec.tied_head) linears.push_back({model::Module::kHead});

  std::vector<model::Site> out;
  std::set<std::string> names, unused(targets.begin(), targets.end());
  for (const model::Site& site : linears) {
    const std::string path = spec.hf_name(site);
    names.insert(model::last_component(path));
    bool taken = targets.empty() && std::ranges::find(usual, site.module) != usual.end();
    for (const std::string& target : targets)
      if (ends_with_component(path, target)) taken = true, unused.erase(target);
    if (taken) out.push_back(site);
  }
  if (unused.empty() && !out.empty()) return out;
  throw Error(
      ErrorCode::kUsage, "no such linear in the base",
      {.field = option("targets"), .expected = listed(names), .found = unused.empty() ? "none" : *unused.begin()});
}

}  // namespace deltascape::training
