// Owns reading a store for a verb.
#include "cli/store_view.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace deltascape::cli {

void StoreView::add_store(CLI::App& verb) {
  verb.add_option("--store", file, "The store, one SQLite file")->type_name("F.db")->capture_default_str();
}

void StoreView::add_where(CLI::App& verb) {
  verb.add_option("--where", where, "Only records with this value, as base=SmolLM2 or label=math; repeatable")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false);
}

void StoreView::add_layer(CLI::App& verb) {
  verb.add_option("--layer", choice.layer,
                  "last, N, a fraction as 0.5, or L-pre: variants embedded at that layer, or with `embed --layer all`")
      ->type_name("LAYER");
}

void StoreView::add_space(CLI::App& verb) {
  const auto add = [&](const char* name, const std::string& words, const char* type, const char* about) {
    verb.add_option_function<std::string>(
            name,
            [this, words](const std::string& value) {
              choice.space.append(choice.space.empty() ? "" : ",").append(words).append(value);
            },
            about)
        ->type_name(type)
        ->allow_extra_args(false);
  };
  add("--space", "", "ID",
      "Where variants lie in several spaces: the start of its id in `deltascape spaces`, or what it says, as layer=12 "
      "or "
      "position=mean,base=SmolLM2");
  add("--representation", "representation=", "NAME", "The space of this representation, as `embed` spells it");
  add("--position", "position=", "NAME", "The space of this token position: last, mean or weighted");
}

std::unique_ptr<store::Store> StoreView::open(store::Store::Mode mode) const { return store::Store::open(file, mode); }

std::vector<store::ChosenSpace> StoreView::spaces(const store::Store& store, const Console* console) const {
  std::vector<store::StoredSpace> all = store.spaces(query());
  if (all.empty() && console)
    if (const std::optional<std::string> none = store.unmet(query())) console->note(*none);
  return store::choose(std::move(all), choice);
}

std::optional<store::Query> StoreView::chosen(const store::Store& store, const Console* console) const {
  return within(query(), spaces(store, console));
}

store::Selection StoreView::select(const Console& console) const {
  store::Selection out = store::select(*open(store::Store::Mode::kRead), where, choice);
  if (!out.unmet.empty()) console.note(out.unmet);
  return out;
}

Summary summarise(const store::Record& record) {
  return {.name = record.name,
          .label = record.label,
          .precision = record.precision,
          .base = record.space.base_name,
          .layer = record.space.parameter("layer"),
          .position = record.space.parameter("position"),
          .representation = store::representation_of(record.space),
          .norm = record.norm,
          .relative_norm = store::known_relative_norm(record),
          .standard_error = store::known_spread(record),
          .error = store::known_numeric_error(record),
          .no_effect = record.no_effect};
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
  out["base"] = record.space.base_name;
  out["base_hash"] = record.space.base;
  out["tokenizer"] = record.space.tokenizer;
  out["probes"] = record.space.parameter("probes");
  out["representation"] = record.space.representation;
  out["layer"] = record.space.parameter("layer");
  out["position"] = record.space.parameter("position");
  out["parameters"] = record.space.parameters;
  out["space"] = store::short_id(record.space.hash());
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
  for (const auto& [title, field] :
       {std::pair{"base", &Summary::base}, std::pair{"representation", &Summary::representation},
        std::pair{"layer", &Summary::layer}, std::pair{"position", &Summary::position}}) {
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
    if (flagged) cells.emplace_back(row.no_effect ? "no effect" : "");
    for (const auto field : apart) cells.push_back(row.*field);
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace deltascape::cli
