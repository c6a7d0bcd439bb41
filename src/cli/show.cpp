// Owns `deltascape show`: everything recorded of one variant.
#include <algorithm>

#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct ShowOptions {
  StoreView view;
  std::string name;
  bool vector = false;
};

std::string cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "-";
  return value.is_number_float() ? number(value.get<double>(), 6) : value.dump();
}

// [dim] for one layer, [layers][dim] for several.
Json embedding_json(const store::Record& record) {
  if (record.layers == 1) return record.mean;
  Json rows = Json::array();
  const auto dim = static_cast<std::ptrdiff_t>(record.dim);
  for (auto at = record.mean.begin(); record.mean.end() - at >= dim && dim > 0; at += dim)
    rows.push_back(std::vector<float>(at, at + dim));
  return rows;
}

int show(const ShowOptions& options, const Console& console) {
  const auto store = options.view.open(store::Store::Mode::kRead);
  const std::string name = store->resolve(options.name);
  const std::vector<store::StoredSpace> spaces = store->spaces(store::Query().of(name));
  const std::optional<store::Query> query = within({}, store::choose(*store, {name}, options.view.choice));
  const store::Record record = store->get(name, query.value_or(store::Query()));
  Json out = record_json(record);
  out["spaces"] = Json::array();
  for (const store::StoredSpace& space : spaces) out["spaces"].push_back(store::short_id(space.hash));
  if (query && query->spaces.size() > 1)
    console.note(name + " lies in " + std::to_string(query->spaces.size()) +
                 " spaces; this is what was written last (" + store::short_id(record.space.hash()) +
                 "); --space shows another");
  if (options.vector) out["embedding"] = embedding_json(record);
  if (console.json) {
    console.print_json(out);
  } else if (console.quiet) {
    console.print_line(record.name);
  } else {
    report::Table table({{"field", report::Align::kLeft}, {"value", report::Align::kLeft}});
    for (const auto& [key, value] : out.items()) table.add({key, cell(value)});
    console.print_table(table);
  }
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "show", "Show everything recorded of a variant",
                            "deltascape show math-1\n  deltascape show math-1 --space layer=12 --vector --json");
  const auto options = std::make_shared<ShowOptions>();
  options->view.add_store(*verb);
  options->view.add_space(*verb);
  options->view.add_layer(*verb);
  verb->add_flag("--vector", options->vector, "Print the embedding too");
  verb->add_option("NAME", options->name, "Its name, an unambiguous ending of it, or its path")
      ->required()
      ->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return show(*options, session.console); }; });
}

}  // namespace deltascape::cli
