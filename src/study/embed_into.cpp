#include "deltascape/embed_results.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"

namespace deltascape {
namespace {

// One npz for several bases is a usage error; adapters name their base in their header, so it is said at the start.
void require_one_named_base(const std::vector<ModelRef>& models, const std::string& npz) {
  std::string first_base, first_model;
  for (const ModelRef& model : models) {
    const std::string base = inspect(model.path).base;
    if (base.empty()) continue;
    if (first_base.empty()) {
      first_base = base;
      first_model = model.name;
    } else if (base != first_base) {
      throw Error(
          ErrorCode::kUsage,
          "one npz holds one base; give " + option("base") + ", or " + option("store") + " instead of " + option("out"),
          {.path = npz, .field = model.name, .expected = first_base + " as " + first_model, .found = base});
    }
  }
}

}  // namespace

EmbeddedInto embed_into(const EmbedTargets& targets, const std::vector<ModelRef>& models, const EmbedOptions& options,
                        Progress& progress) {
  if (!targets.npz_file.empty() && options.base.empty()) require_one_named_base(models, targets.npz_file);
  EmbedResults results(targets, models, progress);
  EmbeddedInto out;
  const auto keep = [&](store::Record record) { results.add(std::move(record)); };
  if (!models.empty()) out.report = embed(models, options, keep, progress);
  results.finish();
  out.rows = results.rows();
  return out;
}

}  // namespace deltascape
