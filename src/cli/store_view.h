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

// Records that a verb works on, and which of their rows.
struct Selection {
  std::vector<store::Record> records;
  std::optional<std::int64_t> row;  // of records made with `embed --layer all`; empty: the last, or the only one
};

struct StoreView {
  std::string file = kDefaultStore;
  std::vector<std::string> where;  // FIELD=VALUE, all must hold
  std::string layer;               // empty: last

  // Adds --store, and on request --where and --layer.
  void add_store(CLI::App& verb);
  void add_where(CLI::App& verb);
  void add_layer(CLI::App& verb);

  std::unique_ptr<store::Store> open(store::Store::Mode mode) const;
  // What the store holds and --where lets through, in name order. Error(kUsage) for a field that does not exist; a
  // value that no record has is said on `console`, with those there are.
  std::vector<store::Record> records(const Console* console = nullptr) const;
  // Those of the layer that --layer picks.
  Selection select(const Console& console) const;
};

// Keeps the records that --where lets through. Returns a line for the first condition that none of them fulfils: which
// values there are.
std::optional<std::string> keep_where(std::vector<store::Record>& records, const std::vector<std::string>& where);

// Records of the layer (as `embed --layer` spells it): those embedded at it alone, else that row of those with all.
// Error(kUsage) says which layers there are.
Selection at_layer(std::vector<store::Record> records, const std::string& layer);

// The record that `text` stands for: see Store::find().
store::Record find_record(const store::Store& store, const std::string& text);

// What tables and JSON say of one record; `standard_error` is the length of its last row, as `norm` is the mean's.
struct Summary {
  std::string name, label, precision;
  std::string base, layer, position;  // shown where rows differ in them
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
