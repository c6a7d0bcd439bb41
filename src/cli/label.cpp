// Owns `deltascape label`: giving stored variants their class.
#include <map>

#include "cli/common_options.h"
#include "cli/labels.h"
#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/regex.h"

namespace deltascape::cli {
namespace {

struct LabelOptions {
  StoreView view;
  std::string name, label, labels_file, pattern;
};

using Labels = std::map<std::string, std::string>;

// Labels by stored name; rows of the file that name no stored variant come back in `failed`.
Labels wanted(const LabelOptions& options, const store::Store& store, Json& failed) {
  Labels labels;
  if (!options.pattern.empty()) {
    const Regex pattern(options.pattern);
    for (const auto& record : store.all())
      if (const auto label = pattern.search(record.path.empty() ? record.name : record.path))
        labels[record.name] = *label;
  }
  if (!options.labels_file.empty()) {
    for (const auto& [name, label] : read_labels(options.labels_file)) {
      try {
        labels[find_record(store, name).name] = label;
      } catch (const Error& e) {
        if (e.code() != ErrorCode::kNotFound) throw;
        failed.push_back({{"name", name}, {"error", e.what()}});
      }
    }
  }
  return labels;
}

int label(const LabelOptions& options, bool label_given, const Console& console) {
  const bool single = !options.name.empty();
  const bool bulk = !options.labels_file.empty() || !options.pattern.empty();
  if (single == bulk || (single && !label_given))
    throw Error(ErrorCode::kUsage, "give NAME and LABEL (\"\" takes the label away), or --labels, or --label-regex");
  const auto store = options.view.open(store::Store::Mode::kReadWrite);
  Json failed = Json::array();
  Labels labels;
  if (single) labels[find_record(*store, options.name).name] = options.label;
  else labels = wanted(options, *store, failed);

  Json done = Json::array();
  for (const auto& [name, value] : labels) {
    store->set_label(name, value);
    done.push_back({{"name", name}, {"label", value}});
    if (!console.json) console.print_line(console.quiet ? name : name + ": " + (value.empty() ? "no label" : value));
  }
  for (const auto& failure : failed) console.failure(failure["error"].get<std::string>());
  const int code = exit_code(done.size(), failed.size());
  if (console.json) console.print_json({{"labelled", done}, {"failed", failed}});
  return code;
}

}  // namespace

void add_label(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "label", "Give stored variants their class", "deltascape label math-1 math");
  const auto options = std::make_shared<LabelOptions>();
  options->view.add_store(*verb);
  add_labels(*verb, options->labels_file, options->pattern, "stored path");
  verb->add_option("NAME", options->name, "A stored variant")->type_name("");
  const CLI::Option* label_option = verb->add_option("LABEL", options->label, "Its class")->type_name("");
  verb->callback([&session, options, label_option] {
    session.run = [&session, options, given = label_option->count() > 0] {
      return label(*options, given, session.console);
    };
  });
}

}  // namespace deltascape::cli
