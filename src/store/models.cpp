// Models with their labels, of one shard (include/deltascape/models.h).
#include "deltascape/models.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/regex.h"
#include "deltascape/error.h"
#include "store/model_words.h"

namespace deltascape {
namespace {

void add_labels(Expansion& expansion, const ExpandOptions& options) {
  std::map<std::string, std::string> from_file;
  if (!options.labels_file.empty()) from_file = read_labels(options.labels_file);
  std::optional<Regex> pattern;
  if (!options.label_pattern.empty()) pattern.emplace(options.label_pattern);

  std::set<std::string> used;
  for (ModelRef& model : expansion.models) {
    for (const std::string& key : {model.name, model.path}) {
      const auto row = from_file.find(key);
      if (row == from_file.end()) continue;
      used.insert(key);
      if (model.label.empty()) model.label = row->second;
    }
    if (model.label.empty() && pattern) model.label = pattern->search(model.path).value_or("");
  }
  std::size_t unused = 0;
  std::string first;
  for (const auto& [name, label] : from_file) {
    if (used.contains(name)) continue;
    if (unused++ == 0) first = name;
  }
  if (unused > 0)
    expansion.notes.push_back(options.labels_file + ": " + std::to_string(unused) +
                              (unused == 1 ? " row names" : " rows name") + " no model of this run ('" + first + "'" +
                              (unused > 1 ? ", …)" : ")"));
}

}  // namespace

Expansion expand_models(const std::vector<std::string>& words, const ExpandOptions& options) {
  const Shard& shard = options.shard;
  if (shard.index < 1 || shard.index > shard.count)
    throw Error(ErrorCode::kUsage, "no such part",
                {.field = option("shard"),
                 .expected = "1 to " + std::to_string(shard.count),
                 .found = std::to_string(shard.index)});
  store::StoreAtHand store(options.store_file, options.store_named);
  Expansion expansion = store::expand_words(words, store, {.recursive = options.recursive});
  if (!options.name.empty()) {
    if (expansion.models.size() != 1)
      throw Error(ErrorCode::kUsage, "one name for several models: give a @list.jsonl with {\"model\",\"name\"} a line",
                  {.field = option("name"),
                   .expected = "one MODEL",
                   .found = std::to_string(expansion.models.size()) + " models"});
    expansion.models[0].name = options.name;
    expansion.models[0].name_chosen = true;
  }
  add_labels(expansion, options);

  std::vector<ModelRef> mine;
  for (std::size_t i = 0; i < expansion.models.size(); ++i)
    if (shard.holds(i)) mine.push_back(std::move(expansion.models[i]));
  expansion.models = std::move(mine);
  return expansion;
}

}  // namespace deltascape
