// Owns `deltascape near`: the variants nearest to one, stored or not.
#include "deltascape/near.h"

#include <algorithm>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

struct NearVerb {
  StoreView view;
  NearOptions options;
};

Json neighbours_json(const std::vector<landscape::Neighbour>& neighbours) {
  Json rows = Json::array();
  for (const auto& n : neighbours)
    rows.push_back({{"name", n.name},
                    {"label", n.label},
                    {"cosine", json_number(n.cosine)},
                    {"low", json_number(n.low)},
                    {"high", json_number(n.high)},
                    {"base", n.base}});
  return {{"neighbours", std::move(rows)}};
}

bool several_bases(const std::vector<landscape::Neighbour>& neighbours) {
  return std::ranges::any_of(neighbours, [&](const auto& n) { return n.base != neighbours.front().base; });
}

// With their bases where these are several.
report::Table neighbour_table(const std::vector<landscape::Neighbour>& neighbours, bool bases) {
  using report::Align;
  std::vector<report::Column> columns = {{"name", Align::kLeft},
                                         {"label", Align::kLeft},
                                         {"cosine", Align::kRight},
                                         {"low", Align::kRight},
                                         {"high", Align::kRight}};
  if (bases) columns.push_back({"base", Align::kLeft});
  report::Table table(columns);
  for (const auto& n : neighbours) {
    std::vector<std::string> cells = {n.name, n.label, ratio(n.cosine), ratio(n.low), ratio(n.high)};
    if (bases) cells.push_back(store::short_base(n.base));
    table.add(std::move(cells));
  }
  return table;
}

int run_near(const NearVerb& verb, const Console& console) {
  NearOptions options = verb.options;
  options.where = verb.view.where;
  options.choice = verb.view.choice;
  std::vector<landscape::Neighbour> neighbours;
  {
    ProgressBar progress(console);
    neighbours = near(*verb.view.open(store::Store::Mode::kRead), options, progress);
  }
  if (console.json) {
    console.print_json(neighbours_json(neighbours));
  } else if (console.quiet) {
    for (const auto& n : neighbours) console.print_line(n.name);
  } else {
    console.print_table(neighbour_table(neighbours, options.other_base || several_bases(neighbours)));
  }
  return kExitDone;
}

}  // namespace

void add_near(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "near", "List the variants nearest to one, by cosine",
                            "deltascape near math-1 -k 10\n"
                            "  deltascape near --base SmolLM2-135M adapters/new");
  const auto near_verb = std::make_shared<NearVerb>();
  NearOptions* const options = &near_verb->options;
  near_verb->view.add_store(*verb);
  near_verb->view.add_where(*verb);
  near_verb->view.add_space(*verb);
  near_verb->view.add_layer(*verb);
  verb->add_option("--base", options->embedding.base,
                   "Embed MODEL now, on this base, as the store's variants were; it is not stored")
      ->type_name("BASE");
  verb->add_option("--probes", options->embedding.probes_file,
                   "With --base: the prompts the store was embedded with; left out: the paper's five")
      ->type_name("F");
  verb->add_flag("--other-base", options->other_base,
                 "Leave out the variants of MODEL's own base, in a space that bases share");
  verb->add_option("--continuations", options->embedding.continuations_file,
                   "With --base, of meaning: the texts the store was embedded with, where they are not the base's own")
      ->type_name("F.jsonl");
  verb->add_option("--encoder", options->embedding.encoder,
                   "With --base, of outputs: the sentence encoder the store was embedded with")
      ->type_name("MODEL")
      ->capture_default_str();
  add_memory(*verb, options->embedding.memory);
  add_threads(*verb, options->embedding.threads);
  verb->add_option("-k", options->k, "How many; 0 lists all")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("MODEL", options->model, "A stored variant: its name, or its path; with --base a path or a hub id")
      ->required()
      ->type_name("");
  verb->callback(
      [&session, near_verb] { session.run = [&session, near_verb] { return run_near(*near_verb, session.console); }; });
}

}  // namespace deltascape::cli
