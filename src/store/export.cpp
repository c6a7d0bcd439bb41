// Owns records as text files: CSV, TSV and JSON with every value.
#include <charconv>
#include <nlohmann/json.hpp>

#include "deltascape/error.h"
#include "io/file.h"
#include "store/record_json.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

// The shortest text that reads back as the same number.
template <typename Number>
void append_number(std::string& out, Number value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

// RFC 4180: quoted when the cell holds the separator, a quote or a line break.
void append_cell(std::string& out, const std::string& cell, char separator) {
  if (cell.find_first_of(std::string{separator, '"', '\n', '\r'}) == std::string::npos) {
    out += cell;
    return;
  }
  out += '"';
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  out += '"';
}

void append_titles(std::string& out, const std::vector<Record>& records, char separator) {
  for (const char* title : {"name", "label", "path", "base", "base_name", "tokenizer", "probes", "representation",
                            "layer", "position", "variant_hash", "program_version", "device", "precision", "created",
                            "norm", "relative_norm", "numeric_error", "no_effect"}) {
    if (out.size() > 0) out += separator;
    out += title;
  }
  const std::int64_t layers = records.empty() ? 0 : records.front().layers;
  const std::int64_t dim = records.empty() ? 0 : records.front().dim;
  for (std::int64_t l = 0; l < layers; ++l)
    for (std::int64_t d = 0; d < dim; ++d) {
      out += separator;
      if (layers > 1) out += "l" + std::to_string(l) + "_";
      out += "v" + std::to_string(d);
    }
  out += '\n';
}

std::string separated(const std::vector<Record>& records, char separator) {
  std::string out;
  append_titles(out, records, separator);
  for (const Record& r : records) {
    const Comparable& c = r.comparable;
    for (const std::string* text :
         {&r.name, &r.label, &r.path, &c.base, &c.base_name, &c.tokenizer, &c.probes, &c.representation, &c.layer,
          &c.position, &r.variant_hash, &r.program_version, &r.device, &r.precision, &r.created}) {
      append_cell(out, *text, separator);
      out += separator;
    }
    for (const std::optional<double> number : {std::optional(r.norm), known_relative_norm(r), known_numeric_error(r)}) {
      if (number) append_number(out, *number);
      out += separator;
    }
    out += r.no_effect ? "true" : "false";
    for (const float value : r.mean) {
      out += separator;
      append_number(out, value);
    }
    out += '\n';
  }
  return out;
}

std::string json_text(const std::vector<Record>& records) {
  nlohmann::json document = {{"format", "deltascape-records"}, {"version", 1}, {"records", nlohmann::json::array()}};
  for (const Record& r : records) {
    nlohmann::json row = facts_json(r);
    row.update(comparable_json(r.comparable));
    row["probe_count"] = r.probe_count > 0 ? nlohmann::json(r.probe_count) : nlohmann::json();
    row["dim"] = r.dim;
    row["layers"] = r.layers;
    row["embedding"] = r.mean;
    row["standard_error"] = knows_standard_error(r) ? nlohmann::json(r.standard_error) : nlohmann::json();
    row["per_probe"] = r.per_probe;
    document["records"].push_back(std::move(row));
  }
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// A table has one width; rows of several kinds would put numbers under the wrong titles.
void require_one_width(const std::vector<Record>& records, const std::filesystem::path& out) {
  for (const Record& r : records)
    if (r.dim != records.front().dim || r.layers != records.front().layers)
      throw Error(ErrorCode::kUsage, "rows of several widths do not fit one table; export them apart, or as .json",
                  {.path = out.string(),
                   .field = r.name,
                   .expected = std::to_string(records.front().layers) + " x " + std::to_string(records.front().dim),
                   .found = std::to_string(r.layers) + " x " + std::to_string(r.dim)});
}

}  // namespace

void export_records(const std::vector<Record>& records, const std::filesystem::path& out) {
  const std::string suffix = out.extension().string();
  if (suffix == ".npz") return write_embeddings_npz(records, out);
  if (suffix == ".json") return io::write_file_atomically(out, std::string_view(json_text(records)));
  if (suffix != ".csv" && suffix != ".tsv")
    throw Error(ErrorCode::kUsage, "the file's suffix says its format",
                {.path = out.string(), .field = {}, .expected = ".npz, .csv, .tsv or .json", .found = suffix});
  require_one_width(records, out);
  io::write_file_atomically(out, std::string_view(separated(records, suffix == ".csv" ? ',' : '\t')));
}

}  // namespace deltascape::store
