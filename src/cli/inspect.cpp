// Owns `deltascape inspect`: what paths hold, and whether the program computes it exactly.
#include "deltascape/inspect.h"

#include "cli/options.h"
#include "cli/verbs.h"
#include "hub/resolve.h"

namespace deltascape::cli {
namespace {

struct InspectRun {
  std::vector<Inspection> rows;
  std::size_t missing = 0;
};

InspectRun inspect_all(const std::vector<std::string>& paths, const Console& console) {
  InspectRun run;
  for (const std::string& path : paths) {
    Inspection row;
    try {
      const hub::Resolved found = hub::resolve(path);
      if (!found.note.empty()) console.note(found.note);
      row = inspect(found.path.string());
    } catch (const Error& e) {
      row.kind = "unknown";
      row.verdict = "refused";
      row.reason = e.what();
      ++run.missing;
      console.failure(e.what());
    }
    row.path = path;
    run.rows.push_back(std::move(row));
  }
  return run;
}

Json inspection_json(const Inspection& row) {
  return {{"path", row.path},       {"kind", row.kind},       {"family", row.family},
          {"rank", row.rank},       {"targets", row.targets}, {"base", row.base},
          {"verdict", row.verdict}, {"reason", row.reason},   {"precision", row.precision}};
}

report::Table inspection_table(const std::vector<Inspection>& rows) {
  using report::Align;
  report::Table table({{"path", Align::kLeft},
                       {"kind", Align::kLeft},
                       {"family", Align::kLeft},
                       {"rank", Align::kRight},
                       {"targets", Align::kLeft},
                       {"base", Align::kLeft},
                       {"dtype", Align::kLeft},
                       {"parameters", Align::kRight},
                       {"size", Align::kRight},
                       {"verdict", Align::kLeft},
                       {"precision", Align::kLeft},
                       {"reason", Align::kLeft}});
  for (const Inspection& row : rows) {
    std::string targets;
    for (const std::string& target : row.targets) targets += (targets.empty() ? "" : " ") + target;
    table.add({row.path, row.kind, row.family, row.rank > 0 ? std::to_string(row.rank) : "", targets, row.base,
               row.dtype, row.parameters > 0 ? std::to_string(row.parameters) : "",
               row.bytes > 0 ? bytes(static_cast<double>(row.bytes)) : "", row.verdict, row.precision, row.reason});
  }
  return table;
}

int inspect_paths(const std::vector<std::string>& paths, const Console& console) {
  const InspectRun run = inspect_all(paths, console);
  if (console.json) {
    Json out = Json::array();
    for (const Inspection& row : run.rows) out.push_back(inspection_json(row));
    console.print_json(out);
  } else if (console.quiet) {
    for (const Inspection& row : run.rows)
      if (row.verdict != "refused") console.print_line(row.path);
  } else {
    console.print_table(inspection_table(run.rows));
  }
  return exit_code(run.rows.size() - run.missing, run.missing);
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "inspect", "What a base or adapter is, from its headers: exact or refused",
                            "deltascape inspect adapters/*");
  const auto paths = std::make_shared<std::vector<std::string>>();
  verb->add_option("PATH", *paths, "Directories, files or hub ids; -q prints those that are not refused")
      ->required()
      ->type_name("");
  verb->callback(
      [&session, paths] { session.run = [&session, paths] { return inspect_paths(*paths, session.console); }; });
}

}  // namespace deltascape::cli
