// The variants of a store nearest to one, stored or not (include/deltascape/near.h).
#include "deltascape/near.h"

#include <algorithm>
#include <functional>

#include "deltascape/error.h"
#include "deltascape/models.h"
#include "deltascape/spaces_of.h"
#include "io/file.h"
#include "store/products.h"

namespace deltascape {
namespace {

constexpr const char* kNothingStored = "the store holds no variant to compare with";

// As the store's rows were made, so that the model compares with them.
EmbedOptions like(const store::Record& stored, const EmbedOptions& options) {
  EmbedOptions out = embedding_in(stored.space, options);
  if (stored.precision != "unknown") out.precision = stored.precision;
  return out;
}

// Of a space of inner products: nearest first, those without effect last.
std::vector<landscape::Neighbour> by_products(const store::Record& query, const std::vector<store::Record>& records,
                                              std::size_t k) {
  std::vector<landscape::Neighbour> out;
  const double own = query.products.at(query.variant_hash);
  for (const store::Record& record : records) {
    if (record.variant_hash == query.variant_hash) continue;
    const auto found = query.products.find(record.variant_hash);
    if (found == query.products.end())
      throw Error(ErrorCode::kNotFound, "the files of a stored variant have changed: embed it again",
                  {.path = record.path, .field = record.name});
    out.push_back({.name = record.name,
                   .label = record.label,
                   .cosine = store::cosine_in(query.space, found->second, own, record.products.at(record.variant_hash)),
                   .base = record.space.base_name});
  }
  std::ranges::stable_sort(out, std::greater(), [](const landscape::Neighbour& n) { return n.cosine.value_or(-2); });
  if (k > 0 && out.size() > k) out.resize(k);
  return out;
}

store::Record embedded(const NearOptions& options, const std::vector<store::Record>& records, Progress& progress) {
  if (records.empty()) throw Error(ErrorCode::kNotFound, kNothingStored);
  store::require_comparable(records);
  if (records.front().space.representation == "relative")
    throw Error(
        ErrorCode::kUsage,
        "a model takes its place in a relative space once it is stored: embed it, and run `deltascape relative` "
        "again",
        {.path = options.model});
  const EmbedOptions how = like(records.front(), options.embedding);
  store::Record query = records.front();
  query.name = options.model;
  query.space = provenance(how);
  store::require_comparable({records.front(), query});  // before the work
  std::optional<store::Record> made;
  std::vector<ModelRef> models{{.path = options.model, .name = store::first_name(options.model)}};
  if (!records.front().products.empty())
    for (const store::Record& r : records) models.push_back({.path = r.path, .name = r.name, .beside = true});
  const EmbedReport report = embed(
      models, how, [&](store::Record record) { made = std::move(record); }, progress);
  if (!made) throw Error(ErrorCode::kBadFile, report.failed.empty() ? "nothing was embedded" : report.failed[0].error);
  return *made;
}

// The name of the stored variant that the model stands for.
std::string stored_name(const NearOptions& options, const store::Store& store) {
  if (store.find(options.model).empty() && io::exists(options.model))
    throw Error(ErrorCode::kNotFound,
                "this model is not in the store: give " + option("base") +
                    " BASE to embed it now, or store it with `deltascape embed`",
                {.path = options.model});
  return store.resolve(options.model);
}

// Of the chosen spaces the one in which the base would embed the model; empty where it would in none.
std::optional<store::ChosenSpace> space_of_base(const NearOptions& options, const store::Store& store) {
  const std::string& layer = options.choice.layer;
  EmbedOptions how = options.embedding;
  how.layer = layer;
  std::vector<store::StoredSpace> own = spaces_of(
      how, store::stored_of(store::choose(store.spaces({.where = options.where}), {.space = options.choice.space})));
  const bool alone = std::ranges::all_of(own, [](const auto& s) { return s.layers == 1; });
  return store::only_one(store::choose(std::move(own), {.layer = alone ? "" : layer}));
}

// Leaves the spaces in which the variant is measured.
void keep_those_of(const std::string& name, const store::Store& store, std::vector<store::ChosenSpace>& spaces) {
  const std::vector<store::StoredSpace> own = store.spaces(store::Query().of(name));
  std::erase_if(spaces, [&](const store::ChosenSpace& s) {
    return std::ranges::find(own, s.stored.id, &store::StoredSpace::id) == own.end();
  });
  if (spaces.empty() && !own.empty())
    throw Error(ErrorCode::kNotFound, "the variant is in none of the chosen spaces; `deltascape show` says where it is",
                {.path = name});
}

// The space to search: that of the stored variant, or the one in which the base would embed the model.
std::optional<store::ChosenSpace> space_of(const NearOptions& options, const store::Store& store,
                                           const std::string& name, Progress& progress) {
  if (name.empty())
    if (auto own = space_of_base(options, store)) return own;
  std::vector<store::StoredSpace> all = store.spaces({.where = options.where});
  if (all.empty())
    if (const auto unmet = store.unmet({.where = options.where})) progress.note(*unmet);
  std::vector<store::ChosenSpace> spaces = store::choose(std::move(all), options.choice);
  if (!name.empty()) keep_those_of(name, store, spaces);
  else if (spaces.size() > 1)
    throw Error(ErrorCode::kNotFound,
                "nothing is stored of this base, with these probes, at this layer; `deltascape spaces` lists what is",
                {.path = options.embedding.base});
  return store::only_one(spaces);
}

void leave_other_bases(std::vector<store::Record>& records, const store::Record& center) {
  std::erase_if(records, [&](const store::Record& r) { return r.space.base_name == center.space.base_name; });
  if (records.empty())
    throw Error(ErrorCode::kNotFound,
                "no variant of another base is in this space; `deltascape relative` makes one that bases share",
                {.path = center.name, .field = option("other_base")});
}

// Error bars need the deltas by probe: those of the query and of the nearest are read, and no others.
std::vector<landscape::Neighbour> with_bars(const store::Store& store, const store::Query& query,
                                            const std::vector<landscape::Neighbour>& nearest,
                                            const store::Record& center, std::optional<std::int64_t> row) {
  std::vector<store::Record> records;
  for (const landscape::Neighbour& n : nearest)
    for (store::Record& record : store.records(query.of(n.name))) records.push_back(std::move(record));
  return landscape::near(records, center, 0, row);
}

}  // namespace

std::vector<landscape::Neighbour> near(const store::Store& store, const NearOptions& options, Progress& progress) {
  const std::string name = options.embedding.base.empty() ? stored_name(options, store) : "";
  const std::optional<store::ChosenSpace> space = space_of(options, store, name, progress);
  if (!space) throw Error(ErrorCode::kNotFound, kNothingStored);
  const store::Query query = *store::within({.where = options.where}, {*space});
  const bool all = options.k == 0;
  std::vector<store::Record> records = store.records(query, all ? store::Numbers::kAll : store::Numbers::kMean);
  const store::Record center =
      name.empty() ? embedded(options, records, progress) : store.get(name, {.spaces = {space->stored.id}});
  if (name.empty())
    for (const store::Record& record : records)
      if (record.variant_hash == center.variant_hash)
        progress.note(options.model + " has the same content as the stored " + record.name);
  if (options.other_base) leave_other_bases(records, center);
  if (name.empty() && !center.products.empty()) return by_products(center, records, options.k);
  std::vector<landscape::Neighbour> nearest = landscape::near(records, center, options.k, space->row);
  return all || center.per_probe.empty() ? nearest : with_bars(store, query, nearest, center, space->row);
}

}  // namespace deltascape
