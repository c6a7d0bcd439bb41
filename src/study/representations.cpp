#include "study/representations.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "deltascape/cluster.h"
#include "deltascape/embed_results.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "store/names.h"
#include "study/retrieval.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;

// What the store holds in the space of such an embedding, by path. Nothing where that space is not known before it is
// measured, as of continuations that are yet to be sampled; what else is wrong, measuring says.
std::map<std::string, store::Record> stored(const fs::path& file, const EmbedOptions& embedding) {
  std::map<std::string, store::Record> out;
  if (!io::exists(file)) return out;
  std::string space;
  try {
    space = provenance(embedding).hash();
  } catch (const Error&) {
    return out;
  }
  const auto store = store::Store::open(file, store::Store::Mode::kRead);
  for (const store::StoredSpace& one : store->spaces())
    if (one.hash == space)
      for (store::Record& record : store->records({.spaces = {one.id}})) {
        for (const std::string& alias : record.aliases) out.emplace(alias, record);
        out[record.path] = std::move(record);
      }
  return out;
}

// The records of the models; empty where one is missing. Equal content, which stands there once, is each model's own.
std::vector<store::Record> records_of(const std::map<std::string, store::Record>& by_path,
                                      const std::vector<ModelRef>& models) {
  std::vector<store::Record> out;
  for (const ModelRef& model : models) {
    const auto found = by_path.find(store::stored_path(model.path));
    if (found == by_path.end()) return {};
    out.push_back(found->second);
    out.back().name = model.name;
    out.back().label = model.label;
  }
  return out;
}

}  // namespace

MeasuredModels measure_models(const std::vector<ModelRef>& models, const EmbedOptions& embedding, const fs::path& store,
                              Progress& progress) {
  MeasuredModels out{.records = records_of(stored(store, embedding), models), .seconds = {}, .error = {}};
  if (!out.records.empty()) return out;
  const auto start = std::chrono::steady_clock::now();
  const EmbeddedInto made = embed_into({.store_file = store.string()}, models, embedding, progress);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!made.report.failed.empty()) {
    out.error = made.report.failed.front().error;
    return out;
  }
  out.records = records_of(stored(store, embedding), models);
  if (out.records.empty()) throw Error(ErrorCode::kInternal, "a variant is missing that was measured", {.path = store});
  return out;
}

StudyRepresentation measure_representation(const std::vector<ModelRef>& pool, const std::vector<ModelRef>& runs,
                                           const EmbedOptions& embedding, const fs::path& store, Progress& progress) {
  StudyRepresentation out{.name = embedding.representation};
  std::vector<ModelRef> all = pool;
  all.insert(all.end(), runs.begin(), runs.end());
  MeasuredModels measured = measure_models(all, embedding, store, progress);
  out.seconds = measured.seconds;
  out.error = measured.error;
  if (!out.error.empty()) return out;
  const auto first_run = measured.records.begin() + std::ssize(pool);
  const std::vector<store::Record> members(measured.records.begin(), first_run),
      tasks(first_run, measured.records.end());
  if (const auto silhouette = landscape::silhouette(members)) out.silhouette = silhouette->average;
  out.retrieval = retrieve(members, tasks, {}, members.front().layers - 1, out.tasks);
  return out;
}

}  // namespace deltascape::study
