// Owns `deltascape inspect`: what paths hold, whether the program computes it exactly, and whether it fits its base.
#include "deltascape/inspect.h"

#include "cli/common_options.h"
#include "cli/inspection_table.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/models.h"
#include "hub/find_models.h"
#include "hub/resolve.h"

namespace deltascape::cli {
namespace {

struct InspectVerb {
  std::vector<std::string> paths;
  InspectOptions options;
  std::string store_file = kDefaultStore;
  CLI::Option* store = nullptr;
};

// What the words stand for: models, and a row at once for each word that stands for none.
struct Expanded {
  std::vector<std::string> models;  // as inspect() takes them
  std::vector<Inspection> rows;     // in order; those with a verdict need no inspecting
  std::size_t failures = 0;
};

void expand(const std::string& word, store::StoreAtHand& store, const Console& console, Expanded& out) {
  const hub::Resolved found = hub::resolve(store::model_path(word, store));
  if (!found.note.empty()) console.note(found.note);
  hub::FoundModels below = hub::find_models(found.path, {.in_models = true});
  for (const std::string& problem : below.problems) {
    ++out.failures;
    console.failure(problem);
  }
  // A folder without any model is shown as one, with the reason why it is none.
  if (below.models.empty()) below.models.push_back(found.path);
  for (const auto& model : below.models) {
    Inspection row;
    row.path = model == found.path ? word : model.string();
    out.rows.push_back(std::move(row));
    out.models.push_back(model.string());
  }
}

Expanded expand_all(const InspectVerb& verb, const Console& console) {
  store::StoreAtHand store(verb.store_file, verb.store->count() > 0);
  Expanded out;
  for (const std::string& word : verb.paths) {
    try {
      expand(word, store, console, out);
    } catch (const Error& e) {
      Inspection row;
      row.path = word;
      row.kind = "unknown";
      row.verdict = "refused";
      row.reason = e.what();
      out.rows.push_back(std::move(row));
      ++out.failures;
      console.failure(e.what());
    }
  }
  return out;
}

int inspect_paths(const InspectVerb& verb, const Console& console) {
  Expanded expanded = expand_all(verb, console);
  std::vector<Inspection> found;
  {
    ProgressBar progress(console);
    found = inspect(expanded.models, verb.options, progress);
  }
  auto next = found.begin();
  for (Inspection& row : expanded.rows) {
    if (!row.verdict.empty()) continue;
    std::string path = std::move(row.path);
    row = std::move(*next++);
    row.path = std::move(path);
  }
  const std::vector<Inspection>& rows = expanded.rows;
  if (console.json) {
    Json out = Json::array();
    for (const Inspection& row : rows) out.push_back(inspection_json(row));
    console.print_json(out);
  } else if (console.quiet) {
    for (const Inspection& row : rows)
      if (row.verdict != "refused") console.print_line(row.path);
  } else {
    console.print_table(inspection_table(rows));
    if (rows.size() > 1)
      for (const std::string& line : inspection_summary(rows)) console.print_line(line);
  }
  return exit_code(expanded.models.size(), expanded.failures);
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "inspect",
                            "What bases and adapters are, from their headers: exact or refused, and the base they fit",
                            "deltascape inspect --base SmolLM2-135M adapters");
  const auto run = std::make_shared<InspectVerb>();
  verb->add_option("PATH", run->paths,
                   "Models, or folders with models below them: directories, files, names in the store or hub ids; -q "
                   "prints those that are "
                   "not refused")
      ->required()
      ->type_name("");
  run->store = add_store_at_hand(*verb, run->store_file);
  verb->add_option("--base", run->options.base, "Compare with this base; by default each adapter with the one it names")
      ->type_name("BASE");
  verb->add_flag("--strict", run->options.strict, "Refuse adapters with options that PEFT does not know");
  verb->callback([&session, run] { session.run = [&session, run] { return inspect_paths(*run, session.console); }; });
}

}  // namespace deltascape::cli
