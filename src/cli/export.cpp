// Owns `deltascape export`: a store's embeddings as CSV, TSV, JSON or npz.
#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/error.h"

namespace deltascape::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  StoreView view;
  std::string out;
  std::vector<std::string> names;
};

// Rows of one base, one shape and one meaning: an npz has no column that would tell them apart.
void require_one_space(const std::vector<store::ChosenSpace>& spaces) try {
  store::only_one(spaces);
} catch (const Error& e) {
  throw Error(ErrorCode::kUsage, std::string("one npz holds one space; ") + e.what());
}

bool is_of_all_layers(const store::ChosenSpace& space) { return space.stored.layers > 1; }

// Those in which one of the variants is measured.
void keep_spaces_of(const store::Store& store, const std::vector<std::string>& names,
                    std::vector<store::ChosenSpace>& spaces) {
  std::set<std::int64_t> own;
  for (const std::string& name : names)
    for (const store::StoredSpace& space : store.spaces(store::Query().of(name))) own.insert(space.id);
  std::erase_if(spaces, [&](const store::ChosenSpace& s) { return !own.contains(s.stored.id); });
}

std::size_t count_of(const std::vector<store::StoredSpace>& spaces) {
  std::int64_t out = 0;
  for (const store::StoredSpace& space : spaces) out += space.variants;
  return static_cast<std::size_t>(out);
}

int export_store(const ExportOptions& options, const Console& console) {
  const auto store = options.view.open(store::Store::Mode::kRead);
  std::vector<std::string> names;
  for (const std::string& name : options.names) names.push_back(store->resolve(name));
  ExportOptions chosen = options;
  const bool all_layers = chosen.view.choice.layer == "all", npz = fs::path(options.out).extension() == ".npz";
  if (all_layers) chosen.view.choice.layer.clear();
  std::vector<store::ChosenSpace> spaces = chosen.view.spaces(*store, &console);
  if (!names.empty()) keep_spaces_of(*store, names, spaces);
  if (npz && all_layers && std::ranges::any_of(spaces, is_of_all_layers))
    std::erase_if(spaces, [](const store::ChosenSpace& s) { return !is_of_all_layers(s); });
  if (npz) require_one_space(spaces);

  std::vector<std::string> written;
  const store::Records records = store::records_of(*store, spaces, options.view.where, names);
  const std::size_t count = store::export_records(
      [&](const std::function<void(store::Record)>& use) {
        records([&](store::Record record) {
          if (console.quiet) written.push_back(record.name);
          use(std::move(record));
        });
      },
      options.out);
  if (names.empty()) {
    const std::size_t left_out = count_of(store->spaces(options.view.query())) - count_of(store::stored_of(spaces));
    if (left_out > 0) console.note(std::to_string(left_out) + " records of other spaces are left out");
  }
  if (console.json) console.print_json({{"out", options.out}, {"count", count}});
  else if (console.quiet)
    for (const std::string& name : written) console.print_line(name);
  else console.print_line("wrote " + std::to_string(count) + " embeddings to " + options.out);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "export", "Write embeddings as CSV, TSV, JSON or npz",
               "deltascape export --out embeddings.csv\n  deltascape export --layer 12 --out layer-12.npz");
  const auto options = std::make_shared<ExportOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_space(*verb);
  verb->add_option(
          "--layer", options->view.choice.layer,
          "last, N, a fraction as 0.5, or L-pre: that row of embeddings made with `embed --layer all`; all, or "
          "left out: every row")
      ->type_name("LAYER");
  verb->add_option("--out", options->out, "The file; its suffix says the format: .csv .tsv .json .npz")
      ->required()
      ->type_name("F");
  verb->add_option("NAME", options->names, "Only these variants: names or paths")->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return export_store(*options, session.console); }; });
}

}  // namespace deltascape::cli
