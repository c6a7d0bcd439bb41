// Owns `deltascape export`: a store's embeddings as CSV, TSV, JSON or npz.
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct ExportOptions {
  StoreView view;
  std::string out;
  std::vector<std::string> names;
};

int export_store(const ExportOptions& options, const Console& console) {
  std::vector<store::Record> records;
  if (options.names.empty()) {
    records = options.view.records(&console);
  } else {
    const auto store = options.view.open(store::Store::Mode::kRead);
    for (const std::string& name : options.names) records.push_back(find_record(*store, name));
    if (const auto none = keep_where(records, options.view.where)) console.note(*none);
  }
  if (options.view.layer != "all") {
    const std::size_t before = records.size();
    Selection selection = at_layer(std::move(records), options.view.layer);
    records = std::move(selection.records);
    if (selection.row)
      for (store::Record& record : records) record = store::one_layer(std::move(record), *selection.row);
    if (records.size() < before)
      console.note(std::to_string(before - records.size()) + " records of other layers are left out");
  }
  store::export_records(records, options.out);
  if (console.json) console.print_json({{"out", options.out}, {"count", records.size()}});
  else if (console.quiet)
    for (const auto& record : records) console.print_line(record.name);
  else console.print_line("wrote " + std::to_string(records.size()) + " embeddings to " + options.out);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "export", "Write embeddings as CSV, TSV, JSON or npz",
                            "deltascape export --out embeddings.csv");
  const auto options = std::make_shared<ExportOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  verb->add_option(
          "--layer", options->view.layer,
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
