// Owns `deltascape near`: the variants nearest to one.
#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "landscape/neighbours.h"

namespace deltascape::cli {
namespace {

struct NearOptions {
  StoreView view;
  std::string model;
  std::size_t k = 5;
};

int near(const NearOptions& options, const Console& console) {
  const auto row = options.view.row();
  const std::string name = find_record(*options.view.open(store::Store::Mode::kRead), options.model).name;
  const auto neighbours = landscape::near(options.view.records(), name, options.k, row);
  if (console.json) {
    Json rows = Json::array();
    for (const auto& n : neighbours)
      rows.push_back({{"name", n.name},
                      {"label", n.label},
                      {"cosine", json_number(n.cosine)},
                      {"low", json_number(n.low)},
                      {"high", json_number(n.high)}});
    console.print_json({{"neighbours", std::move(rows)}});
  } else if (console.quiet) {
    for (const auto& n : neighbours) console.print_line(n.name);
  } else {
    using report::Align;
    report::Table table({{"name", Align::kLeft},
                         {"label", Align::kLeft},
                         {"cosine", Align::kRight},
                         {"low", Align::kRight},
                         {"high", Align::kRight}});
    for (const auto& n : neighbours) table.add({n.name, n.label, ratio(n.cosine), ratio(n.low), ratio(n.high)});
    console.print_table(table);
  }
  return kExitDone;
}

}  // namespace

void add_near(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "near", "List the variants nearest to one, by cosine", "deltascape near math-1 -k 10");
  const auto options = std::make_shared<NearOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_layer(*verb);
  verb->add_option("-k", options->k, "How many; 0 lists all")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("MODEL", options->model, "A stored variant: its name, or its path")->required()->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return near(*options, session.console); }; });
}

}  // namespace deltascape::cli
