// Writes a store of made-up vectors for the specs: make_store FILE < records, one JSON a line:
// {"name", "label"?, "base"?, "hash"?, "path"?, "rows": [[…] a probe]}; in place of rows "layers": [[…] a layer] for
// --layer all, or with "representation" and "parameters" the "products" {hash: number, …}.
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "store/store.h"

namespace {

using deltascape::store::Record;
using Rows = std::vector<std::vector<float>>;

double length(const float* values, std::size_t count) {
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) squares += static_cast<double>(values[i]) * values[i];
  return std::sqrt(squares);
}

// Mean over probes and its standard error, as docs/design.md §5.3 defines them.
void add_probes(Record& record, const Rows& rows) {
  record.probe_count = static_cast<std::int64_t>(rows.size());
  record.dim = static_cast<std::int64_t>(rows.at(0).size());
  const auto n = static_cast<double>(rows.size());
  for (const auto& row : rows) record.per_probe.insert(record.per_probe.end(), row.begin(), row.end());
  for (std::size_t d = 0; d < rows[0].size(); ++d) {
    double mean = 0, squares = 0;
    for (const auto& row : rows) mean += row[d] / n;
    for (const auto& row : rows) squares += (row[d] - mean) * (row[d] - mean);
    record.mean.push_back(static_cast<float>(mean));
    record.standard_error.push_back(n > 1 ? static_cast<float>(std::sqrt(squares / (n - 1) / n)) : 0.0F);
  }
}

void add_layers(Record& record, const Rows& layers) {
  record.probe_count = 5;
  record.layers = static_cast<std::int64_t>(layers.size());
  record.dim = static_cast<std::int64_t>(layers.at(0).size());
  for (const auto& row : layers) record.mean.insert(record.mean.end(), row.begin(), row.end());
  record.standard_error.assign(record.mean.size(), 0.0F);
}

Record read_record(const nlohmann::json& line) {
  Record record;
  record.name = line.at("name");
  record.label = line.value("label", "");
  record.path = line.value("path", "/models/" + record.name);
  record.variant_hash = line.value("hash", "hash of " + record.name);
  const std::string base = line.value("base", "tiny");
  const std::string layer = line.value("layer", line.contains("layers") ? "all" : "last");
  record.space = {.representation = "activations",
                  .parameters = {{"layer", layer}, {"position", "last"}, {"probes", "probes"}},
                  .base = "hash of " + base,
                  .base_name = base,
                  .tokenizer = "tokenizer"};
  record.program_version = "0.1.0";
  record.device = "cpu";
  record.precision = "fp32";
  record.created = "2025-01-01T00:00:00Z";
  if (line.contains("products")) {
    record.space.representation = line.at("representation");
    record.space.parameters = line.at("parameters");
    record.products = line["products"].get<std::map<std::string, double>>();
    record.norm = std::sqrt(record.products.at(record.variant_hash));
    record.no_effect = record.norm == 0;
    return record;
  }
  if (line.contains("layers")) add_layers(record, line["layers"].get<Rows>());
  else add_probes(record, line.at("rows").get<Rows>());
  record.norm = length(record.mean.data() + record.mean.size() - record.dim, record.dim);
  record.relative_norm = record.norm / 10;
  record.no_effect = record.norm == 0;
  return record;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_store FILE < records.jsonl\n";
    return 2;
  }
  try {
    const auto store = deltascape::store::Store::open(argv[1], deltascape::store::Store::Mode::kCreate);
    for (std::string line; std::getline(std::cin, line);)
      if (!line.empty()) store->put(read_record(nlohmann::json::parse(line)));
  } catch (const std::exception& e) {
    std::cerr << "make_store: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
