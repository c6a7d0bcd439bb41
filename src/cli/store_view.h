// How verbs reach a store: --store, --where, the choice of a space, and records as JSON or table rows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "store/store.h"

namespace CLI {
class App;
}

namespace deltascape::cli {

inline constexpr const char* kDefaultStore = "deltascape.db";

struct StoreView {
  std::string file = kDefaultStore;
  std::vector<std::string> where;  // FIELD=VALUE, all must hold
  store::SpaceChoice choice;

  // Adds --store, and on request --where; --space, --representation and --position; --layer.
  void add_store(CLI::App& verb);
  void add_where(CLI::App& verb);
  void add_space(CLI::App& verb);
  void add_layer(CLI::App& verb);

  std::unique_ptr<store::Store> open(store::Store::Mode mode) const;
  // What --where lets through. Error(kUsage) for a field that does not exist.
  store::Query query() const { return {.spaces = {}, .where = where}; }
  bool all() const { return where.empty() && choice.space.empty() && choice.layer.empty(); }
  // The same in the spaces that --space and --layer leave. A condition that no record fulfils is said on `console`,
  // with the values there are. Empty: none.
  std::vector<store::ChosenSpace> spaces(const store::Store& store, const Console* console) const;
  std::optional<store::Query> chosen(const store::Store& store, const Console* console) const;
  // store::select(), and the same said.
  store::Selection select(const Console& console) const;
};

// What tables and JSON say of one record; `standard_error` is the length of its last row, as `norm` is the mean's.
struct Summary {
  std::string name, label, precision;
  std::string base, layer, position, representation;  // shown where rows differ in them
  double norm = 0;
  std::optional<double> relative_norm, standard_error;  // empty where they are not known
  std::optional<double> error;                          // measured numerical error
  bool no_effect = false;
};
Summary summarise(const store::Record& record);
// {name, label, norm, relative_norm, stderr, precision, error}: docs/design.md §4.4.
Json summary_json(const Summary& summary);
// Everything that is recorded of a variant but its numbers.
Json record_json(const store::Record& record);
report::Table summary_table(const std::vector<Summary>& rows);

}  // namespace deltascape::cli
