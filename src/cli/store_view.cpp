// Owns reading a store for a verb.
#include "cli/store_view.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ranges>

#include "cli/models.h"
#include "cli/options.h"
#include "core/text.h"
#include "deltascape/error.h"

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

void keep_where(std::vector<store::Record>& records, const std::string& condition) {
  const std::size_t equals = condition.find('=');
  const std::string field = condition.substr(0, equals);
  const auto known = std::find_if(fields().begin(), fields().end(), [&](const auto& f) { return f.first == field; });
  if (equals == std::string::npos || known == fields().end()) {
    throw Error(ErrorCode::kUsage,
                "--where takes FIELD=VALUE with one of these fields: " + listed(std::views::keys(fields())),
                {.path = "", .field = "", .expected = "", .found = condition});
  }
  const std::string value = condition.substr(equals + 1);
  std::erase_if(records, [&](const store::Record& record) { return known->second(record) != value; });
}

}  // namespace

void StoreView::add_store(CLI::App& verb) {
  verb.add_option("--store", file, "The store, one SQLite file")->type_name("F.db")->capture_default_str();
}

void StoreView::add_where(CLI::App& verb) {
  verb.add_option("--where", where, "Only records with this value, as base=SmolLM2 or label=math; repeatable")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false);
}

void StoreView::add_layer(CLI::App& verb) {
  verb.add_option("--layer", layer, "Row of embeddings made with `embed --layer all`: last, or a number from 0")
      ->type_name("N");
}

std::unique_ptr<store::Store> StoreView::open(store::Store::Mode mode) const { return store::Store::open(file, mode); }

std::vector<store::Record> StoreView::records() const {
  std::vector<store::Record> records = open(store::Store::Mode::kRead)->all();
  for (const std::string& condition : where) keep_where(records, condition);
  return records;
}

std::optional<std::int64_t> StoreView::row() const { return parse_row(layer); }

store::Record find_record(const store::Store& store, const std::string& text) {
  try {
    return store.get(text);
  } catch (const Error& e) {
    std::error_code ignored;
    const std::string name = std::filesystem::exists(text, ignored) ? first_name(text) : text;
    if (e.code() != ErrorCode::kNotFound || name == text) throw;
    const std::vector<std::string> names = store.names();
    if (std::find(names.begin(), names.end(), name) == names.end()) throw;
    return store.get(name);
  }
}

Summary summarise(const store::Record& record) {
  Summary row{.name = record.name,
              .label = record.label,
              .precision = record.precision,
              .base = record.comparable.base_name,
              .layer = record.comparable.layer,
              .position = record.comparable.position,
              .norm = record.norm,
              .relative_norm = record.relative_norm,
              .standard_error = 0,
              .error = std::nullopt,
              .no_effect = record.no_effect};
  const auto dim = static_cast<std::size_t>(std::max<std::int64_t>(record.dim, 0));
  const std::size_t first = record.standard_error.size() >= dim ? record.standard_error.size() - dim : 0;
  double squares = 0;
  for (std::size_t i = first; i < record.standard_error.size(); ++i)
    squares += static_cast<double>(record.standard_error[i]) * static_cast<double>(record.standard_error[i]);
  row.standard_error = std::sqrt(squares);
  if (record.numeric_error > 0) row.error = record.numeric_error;
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
  out["base"] = record.comparable.base_name;
  out["base_hash"] = record.comparable.base;
  out["tokenizer"] = record.comparable.tokenizer;
  out["probes"] = record.comparable.probes;
  out["representation"] = record.comparable.representation;
  out["layer"] = record.comparable.layer;
  out["position"] = record.comparable.position;
  out["probe_count"] = record.probe_count;
  out["layers"] = record.layers;
  out["dim"] = record.dim;
  out["variant_hash"] = record.variant_hash;
  out["program_version"] = record.program_version;
  out["device"] = record.device;
  out["created"] = record.created;
  return out;
}

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
        row.name, row.label, number(row.norm), number(row.relative_norm), number(row.standard_error), row.precision};
    if (flagged) cells.push_back(row.no_effect ? "no effect" : "");
    for (const auto field : apart) cells.push_back(row.*field);
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace deltascape::cli
