// `deltascape relative`: variants of several bases in one space.
#include "deltascape/relative.h"

#include <filesystem>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

struct RelativeVerb {
  StoreView view;
  RelativeOptions options;
  std::vector<std::string> tasks;
};

Json report_json(const RelativeReport& report) {
  Json bases = Json::array();
  for (const RelativeReport::Base& base : report.bases)
    bases.push_back(
        {{"base", base.name}, {"variants", base.variants}, {"added", base.added}, {"trained", base.trained}});
  return {{"space", store::short_id(report.space.hash())},
          {"parameters", report.space.parameters},
          {"anchors", report.anchors},
          {"bases", std::move(bases)},
          {"labelled", report.labelled},
          {"matched", report.matched}};
}

void print_report(const RelativeReport& report, const Console& console) {
  using report::Align;
  report::Table table({{"base", Align::kLeft},
                       {"variants", Align::kRight},
                       {"added", Align::kRight},
                       {"anchors trained", Align::kRight}});
  for (const RelativeReport::Base& base : report.bases)
    table.add({store::short_base(base.name), std::to_string(base.variants), std::to_string(base.added),
               std::to_string(base.trained.size())});
  console.print_table(table);
  console.print_line("anchors: " + listed(report.anchors));
  if (report.labelled > 0)
    console.print_line("of " + std::to_string(report.labelled) + " variants whose label another base has, " +
                       std::to_string(report.matched) + " have that of their nearest of another base");
  console.print_line("next: deltascape map --space " + store::short_id(report.space.hash()) + " --out map.html");
}

int run_relative(const RelativeVerb& verb, const Console& console) {
  RelativeOptions options = verb.options;
  options.where = verb.view.where;
  options.choice = verb.view.choice;
  if (options.anchors_file.empty())
    options.anchors_file = std::filesystem::path(verb.view.file).replace_extension(".controls.db").string();
  for (const std::string& file : verb.tasks)
    options.tasks.push_back({std::filesystem::path(file).stem().string(), file});
  RelativeReport report;
  {
    ProgressBar progress(console);
    report = measure_relative(*verb.view.open(store::Store::Mode::kReadWrite), options, progress);
  }
  if (console.json) console.print_json(report_json(report));
  else if (console.quiet) console.print_line(store::short_id(report.space.hash()));
  else print_report(report, console);
  return kExitDone;
}

}  // namespace

void add_relative(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "relative", "Measure variants of several bases in one space",
                            "deltascape relative --tasks math.jsonl code.jsonl law.jsonl medicine.jsonl\n"
                            "  deltascape near math-1 --representation relative --other-base");
  const auto relative = std::make_shared<RelativeVerb>();
  RelativeOptions& options = relative->options;
  verb->add_option(
          "--tasks", relative->tasks,
          "Examples of the anchor tasks, {\"prompt\",\"completion\"} a line, a file a task; tasks like those of "
          "the variants tell these apart; left out: the control examples of `task`")
      ->type_name("F.jsonl");
  verb->add_option("--base", options.bases, "Where bases lie that are not where the store says; several may follow")
      ->type_name("BASE");
  relative->view.add_store(*verb);
  relative->view.add_where(*verb);
  relative->view.add_space(*verb);
  verb->add_option("--layer", relative->view.choice.layer,
                   "last, or a fraction of the depth, which reads spaces of all layers; left out: last")
      ->type_name("LAYER");
  verb->add_flag("--centre,!--no-centre", options.centred,
                 "Take the direction of the anchors' mean off before cosines are taken")
      ->default_str("centre");
  verb->add_option("--anchors", options.anchors_file, "Where embedded anchors are kept; left out: STORE.controls.db")
      ->type_name("F.db");
  verb->add_option("--probes", options.probes_file, "Prompts the store was embedded with; left out: the paper's five")
      ->type_name("F");
  add_few_shot_training(*verb, options.training);
  add_memory(*verb, options.memory);
  add_threads(*verb, options.threads);
  verb->callback([&session, relative] {
    session.run = [&session, relative] { return run_relative(*relative, session.console); };
  });
}

}  // namespace deltascape::cli
