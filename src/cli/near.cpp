// Owns `deltascape near`: the variants nearest to one, stored or not.
#include <algorithm>
#include <filesystem>

#include "cli/common_options.h"
#include "cli/models.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/embed.h"
#include "landscape/neighbours.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

struct NearOptions {
  StoreView view;
  EmbedOptions embedding;  // base empty: the model is a stored one
  std::string model;
  std::size_t k = 5;
};

// As the store's rows were made, so that the model compares with them.
EmbedOptions like(const store::Record& stored, EmbedOptions options) {
  options.representation = stored.comparable.representation;
  options.layer = stored.comparable.layer;
  options.position = stored.comparable.position;
  if (stored.precision != "unknown") options.precision = stored.precision;
  return options;
}

store::Record embedded(const NearOptions& options, const std::vector<store::Record>& records, const Console& console) {
  if (records.empty()) throw Error(ErrorCode::kNotFound, "the store holds no variant to compare with");
  store::require_comparable(records);
  const EmbedOptions how = like(records.front(), options.embedding);
  store::Record query = records.front();
  query.name = options.model;
  query.comparable = provenance(how);
  store::require_comparable({records.front(), query});  // before the work
  std::optional<store::Record> made;
  ProgressBar progress(console);
  const EmbedReport report = embed(
      {{options.model, "", first_name(options.model)}}, how, [&](store::Record record) { made = std::move(record); },
      progress);
  if (!made) throw Error(ErrorCode::kBadFile, report.failed.empty() ? "nothing was embedded" : report.failed[0].error);
  return *made;
}

// The stored row that MODEL stands for, among those that --where and --layer let through.
std::string stored_name(const NearOptions& options, const std::vector<store::Record>& records) {
  const auto store = options.view.open(store::Store::Mode::kRead);
  const std::vector<store::Found> found = store->find(options.model);
  for (const store::Found& row : found) {
    if (row.variant_hash != found.front().variant_hash) break;  // get() says what it could be
    if (std::ranges::any_of(records, [&](const auto& r) { return r.name == row.name; })) return row.name;
  }
  std::error_code ignored;
  if (found.empty() && std::filesystem::exists(options.model, ignored))
    throw Error(ErrorCode::kNotFound,
                "this model is not in the store: give --base BASE to embed it now, or store it with `deltascape embed`",
                {.path = options.model, .field = "", .expected = "", .found = ""});
  return store->get(options.model).name;
}

Json neighbours_json(const std::vector<landscape::Neighbour>& neighbours) {
  Json rows = Json::array();
  for (const auto& n : neighbours)
    rows.push_back({{"name", n.name},
                    {"label", n.label},
                    {"cosine", json_number(n.cosine)},
                    {"low", json_number(n.low)},
                    {"high", json_number(n.high)}});
  return {{"neighbours", std::move(rows)}};
}

int near(const NearOptions& options, const Console& console) {
  const Selection selection = options.view.select(console);
  std::vector<landscape::Neighbour> neighbours;
  if (options.embedding.base.empty()) {
    neighbours = landscape::near(selection.records, stored_name(options, selection.records), options.k, selection.row);
  } else {
    const store::Record query = embedded(options, selection.records, console);
    for (const store::Record& record : selection.records)
      if (record.variant_hash == query.variant_hash)
        console.note(options.model + " has the same content as the stored " + record.name);
    neighbours = landscape::near(selection.records, query, options.k, selection.row);
  }
  if (console.json) {
    console.print_json(neighbours_json(neighbours));
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
  CLI::App* verb = add_verb(app, session, "near", "List the variants nearest to one, by cosine",
                            "deltascape near math-1 -k 10\n"
                            "  deltascape near --base SmolLM2-135M adapters/new");
  const auto options = std::make_shared<NearOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_layer(*verb);
  verb->add_option("--base", options->embedding.base,
                   "Embed MODEL now, on this base, as the store's variants were; it is not stored")
      ->type_name("BASE");
  verb->add_option("--probes", options->embedding.probes_file,
                   "With --base: the prompts the store was embedded with; left out: the paper's five")
      ->type_name("F");
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
      [&session, options] { session.run = [&session, options] { return near(*options, session.console); }; });
}

}  // namespace deltascape::cli
