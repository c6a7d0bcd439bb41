// Owns `deltascape label`: giving stored variants their class.
#include <map>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/regex.h"
#include "core/text.h"
#include "deltascape/models.h"

namespace deltascape::cli {
namespace {

struct LabelOptions {
  StoreView view;
  std::vector<std::string> words;  // NAME LABEL, or LABEL beside --where
  std::string labels_file, pattern;
};

struct Wanted {
  std::map<std::string, std::string> labels;  // by stored name
  std::vector<std::string> unknown;           // rows of the labels file that name no variant
  std::optional<std::string> note;
};

void add_matches(const LabelOptions& options, const std::map<std::string, std::string>& paths, Wanted& wanted) {
  const Regex pattern(options.pattern);
  std::size_t unmatched = 0;
  for (const auto& [name, path] : paths) {
    const auto label = pattern.search(path.empty() ? name : path);
    if (label) wanted.labels[name] = *label;
    else ++unmatched;
  }
  if (unmatched > 0)
    wanted.note = "--label-regex does not match " + std::to_string(unmatched) + " of " + std::to_string(paths.size()) +
                  " stored paths; their labels stay";
}

void add_from_file(const LabelOptions& options, const store::Store& store,
                   const std::map<std::string, std::string>& paths, Wanted& wanted) {
  for (const auto& [name, label] : read_labels(options.labels_file)) {
    std::vector<store::Found> variants = store.find(name);
    std::erase_if(variants, [&](const store::Found& variant) { return !paths.contains(variant.name); });
    if (variants.size() != 1) wanted.unknown.push_back(name);  // of several, nobody knows which one
    else wanted.labels[variants.front().name] = label;
  }
}

// One line for all of them: a file for another store has thousands.
std::string unknown_line(const std::string& file, const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> shown;
  for (const std::string& name : names)
    if (shown.size() < kMost) shown.push_back("'" + one_line(name, 60) + "'");
  return file + ": " + std::to_string(names.size()) + (names.size() == 1 ? " row names" : " rows name") +
         " no variant of the store (" + listed(shown) + (names.size() > kMost ? ", …" : "") +
         "); `deltascape ls` lists the names";
}

Wanted wanted_labels(const LabelOptions& options, const store::Store& store) {
  Wanted out;
  const bool bulk = !options.labels_file.empty() || !options.pattern.empty();
  if (!bulk && options.view.all()) {
    out.labels[store.resolve(options.words[0])] = options.words[1];
    return out;
  }
  const std::optional<store::Query> query = options.view.all() ? store::Query() : options.view.chosen(store, nullptr);
  if (!query) {
    if (const auto none = store.unmet(options.view.query())) throw Error(ErrorCode::kNotFound, *none);
    return out;
  }
  std::map<std::string, std::string> paths;  // by name
  store.read(*query, store::Numbers::kNone, [&](const store::Record& record) { paths[record.name] = record.path; });
  if (!bulk)
    for (const auto& [name, path] : paths) out.labels[name] = options.words[0];
  if (!options.pattern.empty()) add_matches(options, paths, out);
  if (!options.labels_file.empty()) add_from_file(options, store, paths, out);
  return out;
}

int label(const LabelOptions& options, const Console& console) {
  const bool bulk = !options.labels_file.empty() || !options.pattern.empty();
  const std::size_t words = bulk ? 0 : options.view.all() ? 2 : 1;
  if (options.words.size() != words)
    throw Error(ErrorCode::kUsage,
                "give NAME and LABEL (\"\" clears the label), LABEL with --where, or --labels or --label-regex alone");
  const auto store = options.view.open(store::Store::Mode::kReadWrite);
  const Wanted wanted = wanted_labels(options, *store);
  store->set_labels(wanted.labels);

  Json done = Json::array(), failed = Json::array();
  for (const auto& [name, value] : wanted.labels) {
    done.push_back({{"name", name}, {"label", value}});
    if (!console.json) console.print_line(console.quiet ? name : name + ": " + (value.empty() ? "no label" : value));
  }
  for (const std::string& name : wanted.unknown)
    failed.push_back({{"name", name}, {"error", "the store has no variant of this name"}});
  if (wanted.note) console.note(*wanted.note);
  if (!wanted.unknown.empty()) console.failure(unknown_line(options.labels_file, wanted.unknown));
  if (console.json) console.print_json({{"labelled", done}, {"failed", failed}});
  return exit_code(done.size(), failed.size());
}

}  // namespace

void add_label(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "label", "Give stored variants their class",
                            "deltascape label math-1 math\n  deltascape label --where label=maths math");
  const auto options = std::make_shared<LabelOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_space(*verb);
  add_labels(*verb, options->labels_file, options->pattern, "stored path");
  const auto word = [options](const std::string& text) { options->words.push_back(text); };
  verb->add_option_function<std::string>("NAME", word, "A stored variant: its name, or its path")->type_name("");
  verb->add_option_function<std::string>("LABEL", word, "Its class")->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return label(*options, session.console); }; });
}

}  // namespace deltascape::cli
