// Choosing among the spaces of a store, and saying what tells them apart.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "core/identity.h"
#include "core/layer_choice.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "store/names.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

constexpr std::size_t kShortId = 8, kLeastId = 4;  // digits
constexpr std::size_t kMostNamed = 6;              // spaces in a message

// What a space says of itself, by name: what a choice may name, and what may tell it from others.
using Sayings = std::vector<std::pair<std::string, std::string>>;
Sayings sayings_of(const Space& space) {
  Sayings out = {{"representation", space.representation}};
  for (const auto& [name, value] : space.parameters) out.emplace_back(name, value);
  out.emplace_back("base", short_base(space.base_name));
  out.emplace_back("base_hash", space.base);
  out.emplace_back("tokenizer", space.tokenizer);
  return out;
}

bool is_hash(const std::string& name) {
  return name == "base_hash" || name == "tokenizer" || name == "probes" || name == "anchors";
}

// "qwen2/base" of "/models/qwen2/base"
bool ends_path(const std::string& path, const std::string& ending) {
  return path.size() > ending.size() && path.ends_with(ending) && path[path.size() - ending.size() - 1] == '/';
}

bool is_id(const std::string& text) {
  return text.size() >= kLeastId && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// "layer=12", or the value of anything but a hash and what another representation was made of.
bool says(const Space& space, const std::string& word) {
  const std::size_t equals = word.find('=');
  return std::ranges::any_of(sayings_of(space), [&](const auto& saying) {
    const std::string &name = saying.first, &value = saying.second;
    const bool hash = is_hash(name);
    const auto is = [&](const std::string& wanted) {
      return wanted == value || (name == "base" && (ends_path(space.base_name, wanted) || ends_path(value, wanted))) ||
             (hash && wanted.size() >= kShortId && value.starts_with(wanted));
    };
    if (equals == std::string::npos) return !hash && name != "of" && is(word);
    return word.substr(0, equals) == name && is(word.substr(equals + 1));
  });
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    out.emplace_back(trimmed(text.substr(start, comma - start)));
    start = comma + 1;
  }
  return out;
}

bool is_chosen(const StoredSpace& stored, const std::string& choice) {
  return std::ranges::all_of(words_of(choice), [&](const std::string& word) {
    const std::string id = lower_ascii(word);
    return (is_id(id) && stored.hash.starts_with(id)) || says(stored.space, word);
  });
}

// "1f2e3d4c (layer 12), 9a8b7c6d (layer last)"
std::string listed_spaces(const std::vector<StoredSpace>& spaces) {
  const std::vector<std::string> apart = what_differs(spaces);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < spaces.size() && i < kMostNamed; ++i)
    out.push_back(short_id(spaces[i].hash) + (apart[i].empty() ? "" : " (" + apart[i] + ")"));
  if (spaces.size() > kMostNamed) out.push_back("… (" + std::to_string(spaces.size()) + ")");
  return listed(out);
}

// "last, all (0 to 30)"
std::string layers_of(const std::vector<StoredSpace>& spaces) {
  std::set<std::string> layers;
  for (const StoredSpace& s : spaces)
    layers.insert(s.space.parameter("layer") +
                  (s.layers > 1 ? " (0 to " + std::to_string(s.layers - 1) + ")" : std::string()));
  return listed(layers);
}

std::vector<ChosenSpace> at_layer(const std::vector<StoredSpace>& spaces, const std::string& layer) {
  const std::optional<LayerChoice> choice = read_layer(layer);
  if (!choice || choice->kind == LayerChoice::Kind::kAll)
    throw Error(ErrorCode::kUsage, option("layer") + (choice ? " picks one layer here" : " is not a layer"),
                {.path = "", .field = "", .expected = "last, N, a fraction as 0.5, or L-pre", .found = layer});
  std::vector<ChosenSpace> out;
  for (const StoredSpace& s : spaces)
    if (s.layers == 1 && choice->is(s.space.parameter("layer"))) out.push_back({s, std::nullopt});
  if (!out.empty()) return out;
  for (const StoredSpace& s : spaces) {
    if (s.layers == 1 || choice->kind == LayerChoice::Kind::kBeforeNorm) continue;
    if (const std::optional<std::int64_t> row = choice->row(s.layers - 1)) out.push_back({s, row});
  }
  if (std::ranges::all_of(spaces, [](const StoredSpace& s) { return s.space.parameter("layer").empty(); }))
    throw Error(ErrorCode::kUsage, "this representation has no layers: leave " + option("layer") + " out",
                {.path = "",
                 .field = option("representation"),
                 .expected = "",
                 .found = representation_of(spaces.front().space)});
  if (out.empty())
    throw Error(
        ErrorCode::kUsage, "no record is of this layer; `embed " + option("layer") + " all` keeps every one",
        {.path = "", .field = option("layer"), .expected = "a layer among " + layers_of(spaces), .found = layer});
  return out;
}

}  // namespace

std::string short_id(const std::string& hash) { return hash.substr(0, kShortId); }

std::vector<std::string> what_differs(const std::vector<StoredSpace>& spaces) {
  std::vector<Sayings> all;
  for (const StoredSpace& s : spaces) all.push_back(sayings_of(s.space));
  const auto value_in = [](const Sayings& sayings, const std::string& name) {
    const auto found = std::ranges::find(sayings, name, &Sayings::value_type::first);
    return found == sayings.end() ? std::string() : found->second;
  };
  const auto shared = [&](const std::string& name) {
    return std::ranges::all_of(all, [&](const Sayings& s) { return value_in(s, name) == value_in(all.front(), name); });
  };
  const bool any_current =
      std::ranges::any_of(spaces, [](const StoredSpace& s) { return Identity::is_current(s.space.base); });
  std::vector<std::string> out;
  for (const Sayings& own : all) {
    std::vector<std::string> apart;
    for (const auto& [name, value] : own) {
      const bool of_base = name == "base_hash" || name == "tokenizer";  // said by the base's name, where names differ
      const bool hash = is_hash(name);
      if (value.empty() || (of_base && !shared("base"))) continue;
      if (!shared(name) || (spaces.size() == 1 && !hash))
        apart.push_back(name + " " + (hash ? short_id(value) : value) +
                        (name == "base_hash" && any_current && !Identity::is_current(value)
                             ? " of an older release: embed its models again"
                             : ""));
    }
    out.push_back(one_line(listed(apart), 80));
  }
  return out;
}

std::vector<ChosenSpace> choose(std::vector<StoredSpace> spaces, const SpaceChoice& choice) {
  if (!choice.space.empty() && !spaces.empty()) {
    std::vector<StoredSpace> chosen;
    std::ranges::copy_if(spaces, std::back_inserter(chosen),
                         [&](const StoredSpace& s) { return is_chosen(s, choice.space); });
    if (chosen.empty())
      throw Error(ErrorCode::kUsage, "no such space; `deltascape spaces` lists them",
                  {.path = "", .field = option("space"), .expected = listed_spaces(spaces), .found = choice.space});
    spaces = std::move(chosen);
  }
  if (!choice.layer.empty() && !spaces.empty()) return at_layer(spaces, choice.layer);
  std::vector<ChosenSpace> out;
  for (StoredSpace& s : spaces) out.push_back({std::move(s), std::nullopt});
  return out;
}

std::vector<ChosenSpace> choose(const Store& store, const std::vector<std::string>& names, const SpaceChoice& choice) {
  std::vector<StoredSpace> common = names.empty() ? store.spaces() : store.spaces(Query().of(names.front()));
  for (std::size_t n = 1; n < names.size(); ++n) {
    const std::vector<StoredSpace> own = store.spaces(Query().of(names[n]));
    std::erase_if(common,
                  [&](const StoredSpace& s) { return std::ranges::find(own, s.id, &StoredSpace::id) == own.end(); });
  }
  try {
    return choose(common, choice);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUsage || common.empty()) throw;
    choose(store.spaces(), choice);  // throws where the store has no such space
    throw Error(ErrorCode::kNotFound, "not measured in the chosen space; `deltascape show` says where it is",
                {.path = "", .field = listed(names), .expected = listed_spaces(common), .found = ""});
  }
}

std::vector<StoredSpace> stored_of(std::vector<ChosenSpace> chosen) {
  std::vector<StoredSpace> out;
  for (ChosenSpace& one : chosen) out.push_back(std::move(one.stored));
  return out;
}

std::optional<ChosenSpace> only_one(const std::vector<ChosenSpace>& spaces) {
  if (spaces.empty()) return std::nullopt;
  if (spaces.size() == 1) return spaces.front();
  throw Error(ErrorCode::kMismatch, "the variants lie in " + std::to_string(spaces.size()) +
                                        " spaces, which do not compare: " + listed_spaces(stored_of(spaces)) +
                                        "; choose one with " + option("space") + " ID, " + option("layer") + " or " +
                                        option("where"));
}

std::optional<Query> within(const Query& query, const std::vector<ChosenSpace>& spaces) {
  if (spaces.empty()) return std::nullopt;
  Query out = query;
  for (const ChosenSpace& space : spaces) out.spaces.push_back(space.stored.id);
  return out;
}

Records records_of(const Store& store, const std::vector<ChosenSpace>& spaces, const std::vector<std::string>& where,
                   const std::vector<std::string>& names) {
  const std::optional<Query> query = within({.where = where}, spaces);
  std::map<std::string, std::int64_t> rows;  // of spaces of all layers, by what they are
  for (const ChosenSpace& space : spaces)
    if (space.row) rows[space.stored.space.hash()] = *space.row;
  return [&store, query, names, rows](const std::function<void(Record)>& use) {
    const auto cut = [&](Record record) {
      const auto row = rows.empty() ? rows.end() : rows.find(record.space.hash());
      use(row == rows.end() ? std::move(record) : one_layer(std::move(record), row->second));
    };
    if (query && names.empty()) store.read(*query, Numbers::kAll, cut);
    for (const std::string& name : names)
      if (query) store.read(query->of(name), Numbers::kAll, cut);
  };
}

Selection select(const Store& store, const std::vector<std::string>& where, const SpaceChoice& choice) {
  const Query query{.where = where};
  std::vector<StoredSpace> spaces = store.spaces(query);
  Selection out;
  if (spaces.empty()) out.unmet = store.unmet(query).value_or("");
  out.space = only_one(choose(std::move(spaces), choice));
  if (!out.space) return out;
  out.records = store.records(*within(query, {*out.space}), Numbers::kMean);
  out.row = out.space->row;
  return out;
}

}  // namespace deltascape::store
