#include "store/model_words.h"

#include <glob.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/closest.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "hub/find_models.h"
#include "hub/near_path.h"
#include "hub/needed.h"
#include "hub/resolve.h"
#include "io/file.h"
#include "io/gguf.h"
#include "io/json.h"
#include "io/lines.h"
#include "store/names.h"

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxModels = 1'000'000;
constexpr int kMaxListDepth = 8;

// A broken link is a path too: its failure should name it, not a label that was never meant.
bool is_path(const std::string& text) {
  std::error_code ignored;
  return fs::symlink_status(text, ignored).type() != fs::file_type::not_found && !ignored;
}

bool is_pattern(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

// What matches and can be a model: folders, GGUF files, weights; a README beside them is none. In order of names.
std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  const int failed = ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<std::string> out;
  if (failed == 0)
    for (std::size_t i = 0; i < found.gl_pathc && out.size() <= kMaxModels; ++i) {
      const fs::path path = found.gl_pathv[i];
      std::error_code ignored;
      const std::string name = path.filename().string();
      if (!fs::is_regular_file(path, ignored) || io::is_gguf(path) || hub::is_model_file(name))
        out.push_back(path.string());
    }
  ::globfree(&found);
  std::sort(out.begin(), out.end());
  return out;
}

// Whether the hub's cache holds a model of this name, and the row is another one: of another revision, or found by an
// ending or an old name alone.
bool hub_has(const std::string& word, const Found& row) {
  const auto id = hub::parse_hub_id(word);
  if (!id || row.path == word) return false;
  const auto own = hub::exists_here(row.path) ? std::nullopt : hub::parse_hub_id(row.path);
  if (own && own->repository == id->repository) return own->revision != id->revision;
  if (row.name == word) return false;
  try {
    hub::resolve(word);
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Expander {
 public:
  Expander(StoreAtHand& store, const WordOptions& options) : store_(store), options_(options) {}

  // `depth`: of lists around the word; `labelled`: a label was split off already.
  void add(const std::string& word, const std::string& label, int depth, bool labelled = false) {
    if (is_path(word)) return add_path(word, label);
    if (word.starts_with('@')) return add_list(word.substr(1), label, depth);
    if (word.empty())
      throw Error(ErrorCode::kUsage, "a MODEL is empty: give a folder, a file, a hub id, label=MODEL or @list.txt");
    if (add_stored(word, label)) return;
    const bool address = hub::is_address(word);  // its query is no MODEL
    if (const std::size_t equals = word.find('=');
        !address && !labelled && equals != std::string::npos && splits_at(word, equals))
      return add(word.substr(equals + 1), equals > 0 ? word.substr(0, equals) : label, depth, true);
    if (is_pattern(word)) return add_pattern(word, label);
    const std::string path = hub::short_form(word);
    ModelRef model{path, label, first_name(path)};
    model.hint = store_.absent(word);
    push(std::move(model));
  }
  Expansion take() { return std::move(out_); }

 private:
  void push(ModelRef model) {
    if (out_.models.size() >= kMaxModels)
      throw Error(ErrorCode::kUsage, "more models than a run takes", {.expected = std::to_string(kMaxModels)});
    out_.models.push_back(std::move(model));
  }

  // A label is no path that was mistyped: "runs/lr=1e-4" for "runs/lr=1e-5" is not the model 1e-4.
  static bool splits_at(const std::string& word, std::size_t equals) {
    const std::string rest = word.substr(equals + 1);
    if (rest.empty() || is_path(rest) || rest.starts_with('@') || is_pattern(rest)) return true;
    if (!hub::near_path(word).empty()) return false;
    const std::size_t slash = word.find_last_of('/', equals);
    return slash == std::string::npos || !is_path(word.substr(0, slash));
  }

  void add_path(const std::string& path, const std::string& label) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return push({path, label, first_name(path)});
    hub::FindLimits limits;
    limits.in_models = options_.recursive;
    if (!options_.recursive) limits.depth = 1, limits.tell_depth = false;
    const hub::FoundModels found = hub::find_models(path, limits);
    for (const std::string& problem : found.problems) out_.notes.push_back(problem);
    if (found.models.empty()) return push({path, label, first_name(path)});
    for (const fs::path& model : found.models) {
      const std::string own = model == fs::path(path) ? path : model.string();
      push({own, label, first_name(own)});
    }
  }

  bool add_stored(const std::string& name, const std::string& label) {
    const auto row = store_.find(name);
    if (!row || hub_has(name, *row)) return false;
    push({row->path, label.empty() ? row->label : label, row->name});
    return true;
  }

  void add_pattern(const std::string& pattern, const std::string& label) {
    const std::vector<std::string> paths = matches(pattern);
    if (paths.empty()) throw Error(ErrorCode::kNotFound, "no model matches this pattern", {.path = pattern});
    for (const std::string& path : paths) add_path(path, label);
  }

  void add_list(const std::string& file, const std::string& label, int depth) {
    if (depth >= kMaxListDepth)
      throw Error(ErrorCode::kUsage, "lists name each other more than " + std::to_string(kMaxListDepth) + " deep",
                  {.path = file});
    const bool json = lower_ascii(fs::path(file).extension().string()) == ".jsonl";
    for (const io::Line& line : io::read_lines(file, kMaxListBytes)) {
      const std::string text(trimmed(line.text, " \t\r"));
      if (text.front() == '#') continue;
      if (json) add_row(text, label, file + ": line " + std::to_string(line.number), depth + 1);
      else add(text, label, depth + 1);
    }
  }

  // {"model": MODEL, "name": what it is called, "label": its class}, the last two optional.
  void add_row(const std::string& text, const std::string& label, const std::string& where, int depth) {
    const io::Json json = io::parse_json(text, where);
    const io::JsonFields fields(json, where);
    static const std::vector<std::string> kKnown{"model", "name", "label"};
    for (const auto& [key, value] : json.items()) {
      if (std::ranges::find(kKnown, key) != kKnown.end()) continue;
      const auto close = near_names(key, kKnown);
      throw Error(ErrorCode::kBadFile,
                  close.empty() ? "no such field" : "no such field; did you mean " + close[0] + "?",
                  {.path = where, .field = key, .expected = listed(kKnown)});
    }
    const auto model = fields.string("model");
    if (!model) fields.fail("model", "a path, a hub id or a name of the store");
    const std::size_t before = out_.models.size();
    const std::string own = fields.string("label").value_or("");
    add(*model, own.empty() ? label : own, depth);
    if (const auto name = fields.string("name")) choose_name(before, *name, where);
  }

  void choose_name(std::size_t before, const std::string& name, const std::string& where) {
    if (out_.models.size() != before + 1)
      throw Error(ErrorCode::kUsage, "a name for several models: name them one by one",
                  {.path = where, .field = "name", .found = std::to_string(out_.models.size() - before) + " models"});
    if (name.empty()) throw Error(ErrorCode::kUsage, "an empty name", {.path = where, .field = "name"});
    if (!chosen_.insert(name).second)
      throw Error(ErrorCode::kUsage, "two models are to have this name",
                  {.path = where, .field = "name", .found = name});
    out_.models.back().name = name;
    out_.models.back().name_chosen = true;
  }

  StoreAtHand& store_;
  const WordOptions& options_;
  Expansion out_;
  std::set<std::string> chosen_;
};

}  // namespace

Store* StoreAtHand::store() try {
  std::error_code ignored;
  if (!std::exchange(asked_, true) && !file_.empty() && fs::exists(file_, ignored))
    store_ = Store::open(file_, Store::Mode::kRead);
  return store_.get();
} catch (const Error&) {
  if (named_) throw;
  return nullptr;
}

std::optional<Found> StoreAtHand::find(const std::string& text) {
  Store* const at_hand = store();
  if (at_hand == nullptr) return std::nullopt;
  std::vector<Found> found = at_hand->find(text);
  if (found.empty()) return std::nullopt;
  for (const Found& row : found)
    if (row.variant_hash != found.front().variant_hash) at_hand->get(text);  // throws: it could be several
  return std::move(found.front());
}

std::string StoreAtHand::absent(const std::string& word) {
  Store* const at_hand = store();
  if (at_hand == nullptr) return "";
  const auto close = near_names(word, at_hand->names());
  if (close.empty()) return "; no variant in " + file_.string() + " is called so";
  return "; did you mean '" + listed(close, "' or '") + "' of " + file_.string() + "?";
}

Expansion expand_words(const std::vector<std::string>& words, StoreAtHand& store, const WordOptions& options) {
  Expander expander(store, options);
  for (const std::string& word : words) expander.add(word, "", 0);
  return expander.take();
}

std::string model_path(const std::string& word, StoreAtHand& store) {
  if (word.empty() || is_path(word)) return word;
  if (const auto row = store.find(word); row && !hub_has(word, *row)) return row->path;
  const std::string path = hub::short_form(word);
  if (path.find('/') != std::string::npos) return path;
  // A hub id without an owner: rare, and a mistyped name looks the same.
  const std::string hint = store.absent(word);
  if (hint.empty() || hint.find("did you mean") == std::string::npos) return path;
  try {
    hub::resolve(path);
  } catch (const Error& e) {
    throw Error(e.code(), "no file or folder is called '" + word + "', and the cache has no model of that name" + hint);
  }
  return path;
}

std::string first_name(const std::string& path) {
  return unique_name(path, [](const std::string&) { return false; });
}

}  // namespace deltascape::store
