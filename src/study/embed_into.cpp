#include "deltascape/embed_results.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "io/file.h"
#include "represent/representation.h"

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

// Where a stored variant lies: its path, or another that its content has had; empty where it is at none of them, and
// perhaps among those that are embedded now. What is still missing then the store refuses by name.
std::string place_of(const store::Record& record) {
  if (!record.path.starts_with('/') || io::exists(record.path)) return record.path;
  for (const std::string& alias : record.aliases)
    if (alias.starts_with('/') && io::exists(alias)) return alias;
  return {};
}

// Where a representation gives inner products: what the store holds in the same spaces, to be measured beside.
std::vector<ModelRef> beside(const EmbedTargets& targets, const EmbedOptions& options) {
  std::vector<ModelRef> out;
  const represent::Chosen chosen = represent::representation_named(options.representation);
  if (chosen.row->products == nullptr || targets.store_file.empty() || !io::exists(targets.store_file)) return out;
  const std::string wanted = represent::spelled({.representation = chosen.row->name, .parameters = chosen.parameters});
  const auto store = store::Store::open(targets.store_file, store::Store::Mode::kRead);
  std::optional<std::string> own;  // the space that the base would embed in, once it is asked for
  for (const store::StoredSpace& stored : store->spaces()) {
    if (represent::spelled(stored.space) != wanted) continue;
    if (!options.base.empty() && !own) own = provenance(options).hash();
    if (own && *own != stored.hash) continue;
    for (const store::Record& r : store->records({.spaces = {stored.id}}, store::Numbers::kNone))
      if (const std::string path = place_of(r); !path.empty())
        out.push_back({.path = path, .name = r.name, .beside = true});
  }
  return out;
}

}  // namespace

EmbeddedInto embed_into(const EmbedTargets& targets, const std::vector<ModelRef>& models, const EmbedOptions& options,
                        Progress& progress) {
  if (!targets.npz_file.empty() && options.base.empty()) require_one_named_base(models, targets.npz_file);
  EmbedResults results(targets, models, progress);
  EmbeddedInto out;
  const auto keep = [&](store::Record record) { results.add(std::move(record)); };
  if (!models.empty()) {
    std::vector<ModelRef> all = models;
    for (ModelRef& stored : beside(targets, options)) all.push_back(std::move(stored));
    out.report = embed(all, options, keep, progress);
  }
  results.finish();
  out.rows = results.rows();
  return out;
}

}  // namespace deltascape
