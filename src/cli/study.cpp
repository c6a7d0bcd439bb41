// Owns `deltascape study`: a pool, its tables and its plots from one JSON file.
#include "deltascape/study_report.h"

#include <filesystem>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "report/study_table.h"

namespace deltascape::cli {
namespace {

namespace fs = std::filesystem;

struct StudyVerb {
  std::string file, base, out;
  std::size_t memory = 0;
  int threads = 0;
};

StudyOptions options_of(const StudyVerb& verb) {
  StudyOptions options = read_study(verb.file);
  if (!verb.base.empty()) options.base = verb.base;
  if (!verb.out.empty()) options.out = verb.out;
  options.memory = verb.memory;
  options.threads = verb.threads;
  return options;
}

void print_representations(const StudyReport& report, const Console& console) {
  using report::Align;
  report::Table table({{"representation", Align::kLeft},
                       {"silhouette", Align::kRight},
                       {"top-1", Align::kRight},
                       {"top-3", Align::kRight},
                       {"seconds", Align::kRight}});
  for (const StudyRepresentation& r : report.representations) {
    const bool tasks = !r.tasks.empty();
    table.add({r.name, r.error.empty() ? ratio(r.silhouette) : r.error, tasks ? number(r.retrieval.top1, 3) : "-",
               tasks ? number(r.retrieval.top3, 3) : "-", r.seconds ? number(*r.seconds, 1) : "-"});
  }
  console.print_table(table);
}

void print_question(const StudyTable& question, const Console& console) {
  using report::Align;
  std::vector<report::Column> columns;
  for (std::size_t i = 0; i < question.columns.size(); ++i) {
    const bool words = !question.rows.empty() && std::holds_alternative<std::string>(question.rows.front()[i]);
    columns.push_back({question.columns[i], words ? Align::kLeft : Align::kRight});
  }
  report::Table table(columns);
  for (const auto& row : question.rows) {
    std::vector<std::string> cells;
    for (const StudyTable::Cell& cell : row) {
      const std::string text = report::text_of(cell, [](double value) { return number(value, 3); });
      cells.push_back(text.empty() ? "-" : text);
    }
    table.add(std::move(cells));
  }
  console.print_line(question.title + ":");
  console.print_table(table);
}

void print_report(const StudyReport& report, const Console& console) {
  using report::Align;
  report::Table table({{"position", Align::kLeft},
                       {"layer", Align::kRight},
                       {"silhouette", Align::kRight},
                       {"top-1", Align::kRight},
                       {"top-3", Align::kRight},
                       {"calibrated top-1", Align::kRight},
                       {"top-3", Align::kRight}});
  for (const StudySpace& space : report.spaces)
    for (const StudyLayer& layer : space.layers) {
      const bool tasks = !space.tasks.empty();
      const auto share = [](bool known, double value) { return known ? number(value, 3) : std::string("-"); };
      const StudyRetrieval calibrated = layer.calibrated.value_or(StudyRetrieval{});
      table.add({space.position, std::to_string(layer.layer), ratio(layer.silhouette), share(tasks, layer.plain.top1),
                 share(tasks, layer.plain.top3), share(layer.calibrated.has_value(), calibrated.top1),
                 share(layer.calibrated.has_value(), calibrated.top3)});
    }
  console.print_table(table);
  if (!report.representations.empty()) print_representations(report, console);
  for (const StudyTable& question : report.tables) print_question(question, console);
}

int run_study_verb(const StudyVerb& verb, const Console& console) {
  const StudyOptions options = options_of(verb);
  StudyReport report;
  {
    ProgressBar progress(console);
    report = run_study(options, progress);
  }
  const fs::path out = options.out;
  const std::vector<std::string> documents = report::write_study(report, out);

  if (console.json) {
    Json json = Json::parse(report::study_json(report));
    json["out"] = options.out;
    console.print_json(json);
  } else if (console.quiet) {
    for (const std::string& document : documents) console.print_line((out / document).string());
  } else {
    print_report(report, console);
    console.print_line("report with its plots: " + (out / "report.html").string());
    console.print_line(std::to_string(report.trained) + " adapters trained, " + std::to_string(report.kept) +
                       " reused; tables and plots: " + (out / "report.md").string());
  }
  return kExitDone;
}

}  // namespace

void add_study(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "study", "Pools, tables and plots from one JSON file, resumable",
                            "deltascape study examples/study.json --out my-study");
  const auto options = std::make_shared<StudyVerb>();
  verb->add_option("FILE", options->file, "JSON: base, out, domains, splits, training … (docs/tasks.md)")
      ->required()
      ->type_name("");
  verb->add_option("--base", options->base, "Overrides the base named in the file")->type_name("BASE");
  verb->add_option("--out", options->out, "In place of the file's out")->type_name("DIR");
  add_memory(*verb, options->memory);
  add_threads(*verb, options->threads);
  verb->callback(
      [&session, options] { session.run = [&session, options] { return run_study_verb(*options, session.console); }; });
}

}  // namespace deltascape::cli
