// Owns how verbs reach a store: --store, --where, --layer, names typed loosely, and records as JSON or table rows.
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
  std::string layer;               // row of records embedded with --layer all

  // Adds --store, and on request --where and --layer.
  void add_store(CLI::App& verb);
  void add_where(CLI::App& verb);
  void add_layer(CLI::App& verb);

  std::unique_ptr<store::Store> open(store::Store::Mode mode) const;
  // What the store holds and --where lets through, in name order. Error(kUsage) for a field that does not exist.
  std::vector<store::Record> records() const;
  // --layer, checked.
  std::optional<std::int64_t> row() const;
};

// The record called `text`: its name, an unambiguous ending of it, or a path whose model is stored.
store::Record find_record(const store::Store& store, const std::string& text);

// What tables and JSON say of one record; `standard_error` is the length of its last row, as `norm` is the mean's.
struct Summary {
  std::string name, label, precision;
  std::string base, layer, position;  // shown where rows differ in them
  double norm = 0, relative_norm = 0, standard_error = 0;
  std::optional<double> error;  // measured numerical error
  bool no_effect = false;
};
Summary summarise(const store::Record& record);
// {name, label, norm, relative_norm, stderr, precision, error}: DESIGN §4.
Json summary_json(const Summary& summary);
// Everything that is recorded of a variant but its numbers.
Json record_json(const store::Record& record);
report::Table summary_table(const std::vector<Summary>& rows);

}  // namespace deltascape::cli
