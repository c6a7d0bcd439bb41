// Owns reading a store for a verb.
#include "cli/store_view.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ranges>
#include <set>

#include "core/closest.h"
#include "core/layer_choice.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

const std::vector<std::pair<std::string, std::string (*)(const store::Record&)>>& fields() {
  using store::Record;
  static const std::vector<std::pair<std::string, std::string (*)(const Record&)>> all = {
      {"name", [](const Record& r) { return r.name; }},
      {"label", [](const Record& r) { return r.label; }},
      {"path", [](const Record& r) { return r.path; }},
      {"base", [](const Record& r) { return r.comparable.base_name; }},
      {"base_hash", [](const Record& r) { return r.comparable.base; }},
      {"tokenizer", [](const Record& r) { return r.comparable.tokenizer; }},
      {"probes", [](const Record& r) { return r.comparable.probes; }},
      {"representation", [](const Record& r) { return r.comparable.representation; }},
      {"layer", [](const Record& r) { return r.comparable.layer; }},
      {"position", [](const Record& r) { return r.comparable.position; }},
      {"precision", [](const Record& r) { return r.precision; }},
      {"device", [](const Record& r) { return r.device; }},
  };
  return all;
}

using Field = std::pair<std::string, std::string (*)(const store::Record&)>;

// The field of FIELD=VALUE.
const Field& field_of(const std::string& condition) {
  const std::string name = condition.substr(0, condition.find('='));
  const auto known = std::ranges::find(fields(), name, &Field::first);
  if (condition.find('=') != std::string::npos && known != fields().end()) return *known;
  std::vector<std::string> names;
  for (const Field& field : fields()) names.push_back(field.first);
  const std::vector<std::string> close = near_names(name, names);
  throw Error(ErrorCode::kUsage,
              "--where takes FIELD=VALUE with one of these fields: " + listed(names) +
                  (close.empty() || close.front() == name ? "" : "; did you mean " + close.front() + "?"),
              {.path = "", .field = "", .expected = "", .found = condition});
}

// A base may be named in full, in short, or by the last word of its hub id.
bool has_value(const store::Record& record, const Field& field, const std::string& value) {
  const std::string own = field.second(record);
  if (own == value || field.first != "base") return own == value;
  const std::string name = store::short_base(own);
  return name == value || name.substr(name.rfind('/') + 1) == value;
}

// "no record has label=maths; label is code, math (did you mean math?)"
std::string none_has(const std::vector<store::Record>& records, const Field& field, const std::string& value) {
  constexpr std::size_t kMost = 8;
  std::set<std::string> values;
  for (const store::Record& record : records) values.insert(field.second(record));
  std::vector<std::string> shown;
  for (const std::string& own : values)
    if (shown.size() < kMost) shown.push_back(own.empty() ? "\"\"" : one_line(own, 60));
  const std::vector<std::string> close = near_names(value, {values.begin(), values.end()});
  return "no record has " + field.first + "=" + one_line(value, 60) + "; its values are " + listed(shown) +
         (values.size() > kMost ? ", … (" + std::to_string(values.size()) + ")" : "") +
         (close.empty() || value.empty() ? "" : "; did you mean " + one_line(close.front(), 60) + "?");
}

// "last, all (0 to 30)"
std::string layers_of(const std::vector<store::Record>& records) {
  std::set<std::string> layers;
  for (const store::Record& r : records)
    layers.insert(r.comparable.layer + (r.layers > 1 ? " (0 to " + std::to_string(r.layers - 1) + ")" : std::string()));
  return listed(layers);
}

}  // namespace

std::optional<std::string> keep_where(std::vector<store::Record>& records, const std::vector<std::string>& where) {
  std::optional<std::string> none;
  for (const std::string& condition : where) {
    const Field& field = field_of(condition);
    const std::string value = condition.substr(condition.find('=') + 1);
    std::vector<store::Record> kept;
    for (store::Record& record : records)
      if (has_value(record, field, value)) kept.push_back(std::move(record));
    if (kept.empty() && !records.empty() && !none) none = none_has(records, field, value);
    records = std::move(kept);
  }
  return none;
}

Selection at_layer(std::vector<store::Record> records, const std::string& layer) {
  if (layer.empty() || records.empty()) return {std::move(records), std::nullopt};
  const std::optional<LayerChoice> choice = read_layer(layer);
  if (!choice || choice->kind == LayerChoice::Kind::kAll)
    throw Error(ErrorCode::kUsage, choice ? "--layer picks one layer here" : "--layer is not a layer",
                {.path = "", .field = "", .expected = "last, N, a fraction as 0.5, or L-pre", .found = layer});
  const auto apart = [&](const store::Record& r) { return r.layers == 1 && choice->is(r.comparable.layer); };
  if (std::ranges::any_of(records, apart)) {
    std::erase_if(records, [&](const store::Record& r) { return !apart(r); });
    return {std::move(records), std::nullopt};
  }
  const std::string present = layers_of(records);
  std::erase_if(records, [](const store::Record& r) { return r.layers == 1; });
  const std::optional<std::int64_t> row = records.empty() || choice->kind == LayerChoice::Kind::kBeforeNorm
                                              ? std::nullopt
                                              : choice->row(records.front().layers - 1);
  if (!row)
    throw Error(ErrorCode::kUsage, "no record is of this layer; `embed --layer all` keeps every one",
                {.path = "", .field = "--layer", .expected = "a layer among " + present, .found = layer});
  return {std::move(records), row};
}

void StoreView::add_store(CLI::App& verb) {
  verb.add_option("--store", file, "The store, one SQLite file")->type_name("F.db")->capture_default_str();
}

void StoreView::add_where(CLI::App& verb) {
  verb.add_option("--where", where, "Only records with this value, as base=SmolLM2 or label=math; repeatable")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false);
}

void StoreView::add_layer(CLI::App& verb) {
  verb.add_option("--layer", layer,
                  "last, N, a fraction as 0.5, or L-pre: variants embedded at that layer, or with `embed --layer all`")
      ->type_name("LAYER");
}

std::unique_ptr<store::Store> StoreView::open(store::Store::Mode mode) const { return store::Store::open(file, mode); }

std::vector<store::Record> StoreView::records(const Console* console) const {
  std::vector<store::Record> records = open(store::Store::Mode::kRead)->all();
  const std::optional<std::string> none = keep_where(records, where);
  if (none && console) console->note(*none);
  return records;
}

Selection StoreView::select(const Console& console) const { return at_layer(records(&console), layer); }

store::Record find_record(const store::Store& store, const std::string& text) { return store.get(text); }

Summary summarise(const store::Record& record) {
  Summary row{.name = record.name,
              .label = record.label,
              .precision = record.precision,
              .base = record.comparable.base_name,
              .layer = record.comparable.layer,
              .position = record.comparable.position,
              .norm = record.norm,
              .relative_norm = store::known_relative_norm(record),
              .standard_error = std::nullopt,
              .error = store::known_numeric_error(record),
              .no_effect = record.no_effect};
  const auto dim = static_cast<std::size_t>(std::max<std::int64_t>(record.dim, 0));
  const std::size_t first = record.standard_error.size() >= dim ? record.standard_error.size() - dim : 0;
  double squares = 0;
  for (std::size_t i = first; i < record.standard_error.size(); ++i)
    squares += static_cast<double>(record.standard_error[i]) * static_cast<double>(record.standard_error[i]);
  if (store::knows_standard_error(record)) row.standard_error = std::sqrt(squares);
  return row;
}

Json summary_json(const Summary& summary) {
  return {{"name", summary.name},
          {"label", summary.label},
          {"norm", json_number(summary.norm)},
          {"relative_norm", json_number(summary.relative_norm)},
          {"stderr", json_number(summary.standard_error)},
          {"precision", summary.precision},
          {"error", json_number(summary.error)}};
}

Json record_json(const store::Record& record) {
  Json out = summary_json(summarise(record));
  out["no_effect"] = record.no_effect;
  out["path"] = record.path;
  out["aliases"] = record.aliases;
  out["cluster"] = record.cluster ? Json{{"id", *record.cluster}, {"name", record.cluster_name}} : Json(nullptr);
  out["base"] = record.comparable.base_name;
  out["base_hash"] = record.comparable.base;
  out["tokenizer"] = record.comparable.tokenizer;
  out["probes"] = record.comparable.probes;
  out["representation"] = record.comparable.representation;
  out["layer"] = record.comparable.layer;
  out["position"] = record.comparable.position;
  out["probe_count"] = record.probe_count > 0 ? Json(record.probe_count) : Json(nullptr);
  out["layers"] = record.layers;
  out["dim"] = record.dim;
  out["variant_hash"] = record.variant_hash;
  out["program_version"] = record.program_version;
  out["device"] = record.device;
  out["created"] = record.created;
  return out;
}

namespace {
std::string or_dash(std::optional<double> value) { return value ? number(*value) : "-"; }
}  // namespace

report::Table summary_table(const std::vector<Summary>& rows) {
  using report::Align;
  std::vector<report::Column> columns = {{"name", Align::kLeft},    {"label", Align::kLeft},
                                         {"norm", Align::kRight},   {"relative_norm", Align::kRight},
                                         {"stderr", Align::kRight}, {"precision", Align::kLeft}};
  const bool flagged = std::any_of(rows.begin(), rows.end(), [](const Summary& row) { return row.no_effect; });
  if (flagged) columns.push_back({"flag", Align::kLeft});
  // A store may hold rows that do not compare: say what sets them apart.
  std::vector<std::string Summary::*> apart;
  for (const auto& [title, field] : {std::pair{"base", &Summary::base}, std::pair{"layer", &Summary::layer},
                                     std::pair{"position", &Summary::position}}) {
    const auto member = field;
    if (std::all_of(rows.begin(), rows.end(), [&](const Summary& row) { return row.*member == rows.front().*member; }))
      continue;
    columns.push_back({title, Align::kLeft});
    apart.push_back(field);
  }
  report::Table table(columns);
  for (const Summary& row : rows) {
    std::vector<std::string> cells = {
        row.name, row.label, number(row.norm), or_dash(row.relative_norm), or_dash(row.standard_error), row.precision};
    if (flagged) cells.push_back(row.no_effect ? "no effect" : "");
    for (const auto field : apart) cells.push_back(row.*field);
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace deltascape::cli
