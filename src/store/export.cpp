// Records as text files: CSV, TSV and JSON with every value.
#include <charconv>
#include <nlohmann/json.hpp>

#include "deltascape/error.h"
#include "io/file.h"
#include "store/npz.h"
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

// A table of texts: a title line, then a line a record.
class Table {
 public:
  Table(io::AtomicFile& file, std::filesystem::path out, char separator)
      : file_(file), out_(std::move(out)), separator_(separator) {}

  void add(const Record& r) {
    if (count_++ == 0) append_titles(r.layers, r.dim);
    require_width(r);
    const Space& s = r.space;
    const std::string representation = representation_of(s);
    for (const std::string* text :
         {&r.name, &r.label, &r.path, &s.base, &s.base_name, &s.tokenizer, &s.parameter("probes"), &representation,
          &s.parameter("layer"), &s.parameter("position"), &r.variant_hash, &r.program_version, &r.device, &r.precision,
          &r.created}) {
      append_cell(text_, *text, separator_);
      text_ += separator_;
    }
    for (const std::optional<double> number : {std::optional(r.norm), known_relative_norm(r), known_numeric_error(r)}) {
      if (number) append_number(text_, *number);
      text_ += separator_;
    }
    text_ += r.no_effect ? "true" : "false";
    for (const float value : r.mean) {
      text_ += separator_;
      append_number(text_, value);
    }
    text_ += '\n';
    flush();
  }

  std::size_t finish() {
    if (count_ == 0) append_titles(0, 0);
    flush();
    return count_;
  }

 private:
  void append_titles(std::int64_t layers, std::int64_t dim) {
    layers_ = layers;
    dim_ = dim;
    for (const char* title : {"name", "label", "path", "base", "base_name", "tokenizer", "probes", "representation",
                              "layer", "position", "variant_hash", "program_version", "device", "precision", "created",
                              "norm", "relative_norm", "numeric_error", "no_effect"}) {
      if (!text_.empty()) text_ += separator_;
      text_ += title;
    }
    for (std::int64_t l = 0; l < layers; ++l)
      for (std::int64_t d = 0; d < dim; ++d) {
        text_ += separator_;
        if (layers > 1) text_ += "l" + std::to_string(l) + "_";
        text_ += "v" + std::to_string(d);
      }
    text_ += '\n';
  }

  // A table has one width; rows of several kinds would put numbers under the wrong titles.
  void require_width(const Record& r) const {
    if (r.dim == dim_ && r.layers == layers_) return;
    throw Error(ErrorCode::kUsage, "rows of several widths do not fit one table; export them apart, or as .json",
                {.path = out_.string(),
                 .field = r.name,
                 .expected = std::to_string(layers_) + " x " + std::to_string(dim_),
                 .found = std::to_string(r.layers) + " x " + std::to_string(r.dim)});
  }

  void flush() {
    file_.write(std::as_bytes(std::span(text_)));
    text_.clear();
  }

  io::AtomicFile& file_;
  std::filesystem::path out_;
  char separator_;
  std::int64_t layers_ = 0, dim_ = 0;
  std::size_t count_ = 0;
  std::string text_;
};

std::size_t write_table(const Records& each, const std::filesystem::path& out, char separator) {
  io::AtomicFile file(out);
  Table table(file, out, separator);
  each([&](const Record& record) { table.add(record); });
  const std::size_t count = table.finish();
  file.commit();
  return count;
}

std::string json_of(const Record& r) {
  nlohmann::json row = facts_json(r);
  row.update(space_json(r.space));
  row["probe_count"] = r.probe_count > 0 ? nlohmann::json(r.probe_count) : nlohmann::json();
  row["dim"] = r.dim;
  row["layers"] = r.layers;
  row["embedding"] = r.mean;
  row["standard_error"] = knows_standard_error(r) ? nlohmann::json(r.standard_error) : nlohmann::json();
  row["per_probe"] = r.per_probe;
  return row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::size_t write_json(const Records& each, const std::filesystem::path& out) {
  io::AtomicFile file(out);
  const auto write = [&](std::string_view text) { file.write(std::as_bytes(std::span(text))); };
  std::size_t count = 0;
  write(R"({"format":"deltascape-records","records":[)");
  each([&](const Record& record) { write((count++ == 0 ? "" : ",") + json_of(record)); });
  write("],\"version\":1}\n");
  file.commit();
  return count;
}

}  // namespace

std::size_t export_records(const Records& each, const std::filesystem::path& out) {
  const std::string suffix = out.extension().string();
  if (suffix == ".npz") return write_npz(each, out);
  if (suffix == ".json") return write_json(each, out);
  if (suffix == ".csv" || suffix == ".tsv") return write_table(each, out, suffix == ".csv" ? ',' : '\t');
  throw Error(ErrorCode::kUsage, "the file's suffix says its format",
              {.path = out.string(), .field = {}, .expected = ".npz, .csv, .tsv or .json", .found = suffix});
}

void export_records(const std::vector<Record>& records, const std::filesystem::path& out) {
  export_records(
      [&](const std::function<void(Record)>& use) {
        for (const Record& record : records) use(record);
      },
      out);
}

}  // namespace deltascape::store
