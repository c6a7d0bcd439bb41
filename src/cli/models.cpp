// Owns the expansion of MODEL… into a flat, labelled list.
#include "cli/models.h"

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

#include "cli/labels.h"
#include "core/regex.h"
#include "core/text.h"
#include "io/file.h"
#include "io/utf8.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListBytes = std::size_t{256} << 20;
constexpr int kMaxListDepth = 8;

bool is_path(const std::string& text) {
  std::error_code ignored;
  // A broken link is a path too: its failure should name it, not a label that was never meant.
  return fs::symlink_status(text, ignored).type() != fs::file_type::not_found && !ignored;
}

void expand_into(std::vector<ModelRef>& out, std::string text, std::string label, int depth);

void expand_list(std::vector<ModelRef>& out, const std::string& file, const std::string& label, int depth) {
  if (depth >= kMaxListDepth)
    throw Error(ErrorCode::kUsage, "lists name each other more than " + std::to_string(kMaxListDepth) + " deep",
                {.path = file, .field = "", .expected = "", .found = ""});
  const std::string content = io::read_text(file, kMaxListBytes);
  std::istringstream lines{std::string(io::without_byte_order_mark(content))};
  for (std::string line; std::getline(lines, line);) {
    const std::string model(trimmed(line, " \t\r"));
    if (!model.empty() && model.front() != '#') expand_into(out, model, label, depth + 1);
  }
}

void expand_into(std::vector<ModelRef>& out, std::string text, std::string label, int depth) {
  if (!is_path(text)) {
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      if (equals > 0) label = text.substr(0, equals);
      text.erase(0, equals + 1);
    }
  }
  if (text.starts_with('@') && !is_path(text)) return expand_list(out, text.substr(1), label, depth);
  if (text.empty())
    throw Error(ErrorCode::kUsage, "a MODEL is empty: give a folder, a file, a hub id, label=MODEL or @list.txt");
  out.push_back({text, label, first_name(text)});
}

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

std::string first_name(const std::string& path) {
  return store::unique_name(path, [](const std::string&) { return false; });
}

Expansion expand_models(const std::vector<std::string>& arguments, const ExpandOptions& options) {
  Expansion expansion;
  for (const std::string& argument : arguments) expand_into(expansion.models, argument, "", 0);
  add_labels(expansion, options);

  std::vector<ModelRef> mine;
  for (std::size_t i = 0; i < expansion.models.size(); ++i)
    if (options.shard.holds(i)) mine.push_back(std::move(expansion.models[i]));
  expansion.models = std::move(mine);
  return expansion;
}

}  // namespace deltascape::cli
