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
#include "deltascape/spaces_of.h"
#include "landscape/neighbours.h"

namespace deltascape::cli {
namespace {

struct NearOptions {
  StoreView view;
  EmbedOptions embedding;  // base empty: the model is a stored one
  std::string model;
  std::size_t k = 5;
};

// As the store's rows were made, so that the model compares with them.
EmbedOptions like(const store::Record& stored, const EmbedOptions& options) {
  EmbedOptions out = embedding_in(stored.space, options);
  if (stored.precision != "unknown") out.precision = stored.precision;
  return out;
}

store::Record embedded(const NearOptions& options, const std::vector<store::Record>& records, const Console& console) {
  if (records.empty()) throw Error(ErrorCode::kNotFound, "the store holds no variant to compare with");
  store::require_comparable(records);
  const EmbedOptions how = like(records.front(), options.embedding);
  store::Record query = records.front();
  query.name = options.model;
  query.space = provenance(how);
  store::require_comparable({records.front(), query});  // before the work
  std::optional<store::Record> made;
  ProgressBar progress(console);
  const EmbedReport report = embed(
      {{options.model, "", first_name(options.model)}}, how, [&](store::Record record) { made = std::move(record); },
      progress);
  if (!made) throw Error(ErrorCode::kBadFile, report.failed.empty() ? "nothing was embedded" : report.failed[0].error);
  return *made;
}

// The name of the stored variant that MODEL stands for.
std::string stored_name(const NearOptions& options, const store::Store& store) {
  std::error_code ignored;
  if (store.find(options.model).empty() && std::filesystem::exists(options.model, ignored))
    throw Error(ErrorCode::kNotFound,
                "this model is not in the store: give --base BASE to embed it now, or store it with `deltascape embed`",
                {.path = options.model, .field = "", .expected = "", .found = ""});
  return store.resolve(options.model);
}

// The space to search: that of the stored variant, or those in which the base would embed one.
std::optional<store::ChosenSpace> space_of(const NearOptions& options, const store::Store& store,
                                           const std::string& name, const Console& console) {
  const StoreView& view = options.view;
  if (name.empty()) {
    store::SpaceChoice by_layer = view.choice;
    by_layer.layer.clear();
    std::vector<store::StoredSpace> spaces;
    for (store::ChosenSpace& one : store::choose(store.spaces(view.query()), by_layer)) spaces.push_back(one.stored);
    EmbedOptions how = options.embedding;
    how.layer = view.choice.layer;
    if (std::vector<store::StoredSpace> own = spaces_of(how, spaces); !own.empty()) {
      const bool alone = std::ranges::all_of(own, [](const auto& s) { return s.layers == 1; });
      return store::only_one(store::choose(std::move(own), {.space = {}, .layer = alone ? "" : view.choice.layer}));
    }
  }
  std::vector<store::ChosenSpace> spaces = view.spaces(store, &console);
  if (!name.empty()) {
    std::vector<std::int64_t> own;
    for (const store::StoredSpace& space : store.spaces(store::Query().of(name))) own.push_back(space.id);
    if (!spaces.empty())
      std::erase_if(spaces, [&](const auto& s) { return std::ranges::find(own, s.stored.id) == own.end(); });
    if (spaces.empty() && !own.empty() && !view.all())
      throw Error(ErrorCode::kNotFound,
                  "the variant is in none of the chosen spaces; `deltascape show` says where it is",
                  {.path = name, .field = "", .expected = "", .found = ""});
  }
  return store::only_one(spaces);
}

// Error bars need the deltas by probe: those of the query and of the nearest are read, and no others.
std::vector<landscape::Neighbour> with_bars(const store::Store& store, const store::Query& query,
                                            const std::vector<landscape::Neighbour>& nearest,
                                            const store::Record& center, std::optional<std::int64_t> row) {
  std::vector<store::Record> records;
  for (const landscape::Neighbour& n : nearest)
    for (store::Record& record : store.records(query.of(n.name))) records.push_back(std::move(record));
  return landscape::near(records, center, 0, row);
}

std::vector<landscape::Neighbour> neighbours_of(const NearOptions& options, const Console& console) {
  const auto store = options.view.open(store::Store::Mode::kRead);
  const std::string name = options.embedding.base.empty() ? stored_name(options, *store) : "";
  const std::optional<store::ChosenSpace> space = space_of(options, *store, name, console);
  if (!space) throw Error(ErrorCode::kNotFound, "the store holds no variant to compare with");
  const store::Query query = *within(options.view.query(), {*space});
  const bool all = options.k == 0;
  const std::vector<store::Record> records = store->records(query, all ? store::Numbers::kAll : store::Numbers::kMean);
  const store::Record center = name.empty() ? embedded(options, records, console)
                                            : store->get(name, {.spaces = {space->stored.id}, .where = {}});
  if (name.empty())
    for (const store::Record& record : records)
      if (record.variant_hash == center.variant_hash)
        console.note(options.model + " has the same content as the stored " + record.name);
  std::vector<landscape::Neighbour> nearest = landscape::near(records, center, options.k, space->row);
  return all || center.per_probe.empty() ? nearest : with_bars(*store, query, nearest, center, space->row);
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
  const std::vector<landscape::Neighbour> neighbours = neighbours_of(options, console);
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
  options->view.add_space(*verb);
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
