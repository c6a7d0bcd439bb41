#include "store/npz.h"

#include <cmath>

#include "core/hash.h"
#include "deltascape/error.h"
#include "io/json.h"
#include "io/npz.h"
#include "store/names.h"
#include "store/record_json.h"
#include "store/rows.h"

namespace deltascape::store {
namespace {

constexpr const char* kFormat = "deltascape";
constexpr std::size_t kMostJson = std::size_t{16} << 20;  // or the file's size: <U takes four bytes a character

using Arrays = std::map<std::string, io::NpyArray>;

// One npz holds one base (docs/design.md §7.1), and one array has one shape and one meaning.
void require_one_kind(const std::vector<Record>& records, const std::filesystem::path& out) {
  for (const Record& r : records) {
    const Record& first = records.front();
    if (r.comparable.base == first.comparable.base) continue;
    throw Error(ErrorCode::kUsage, "one npz holds the rows of one base; export each base to its own file",
                {.path = out.string(),
                 .field = r.name,
                 .expected = first.comparable.base_name,
                 .found = r.comparable.base_name});
  }
  require_comparable(records);
}

// What `--layer` calls the rows of an embedding.
std::vector<std::string> layer_names(const Record& record) {
  if (record.layers == 1) return {record.comparable.layer};
  std::vector<std::string> out;
  for (std::int64_t l = 0; l + 1 < record.layers; ++l) out.push_back(std::to_string(l));
  out.push_back("last");
  return out;
}

std::string probe_info(const std::vector<Record>& records) {
  nlohmann::json info = {{"format", kFormat}, {"version", 1}, {"rows", nlohmann::json::array()}};
  if (!records.empty()) {
    info["comparable"] = comparable_json(records.front().comparable);
    if (records.front().probe_count > 0) info["probe_count"] = records.front().probe_count;
  }
  for (const Record& r : records) {
    nlohmann::json facts = facts_json(r);
    for (const char* left_out : {"name", "created", "cluster"}) facts.erase(left_out);  // what a later run may change
    info["rows"].push_back(std::move(facts));
  }
  return info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const io::NpyArray& required(const Arrays& arrays, const char* key, const std::filesystem::path& file) {
  const auto found = arrays.find(key);
  if (found != arrays.end()) return found->second;
  throw Error(ErrorCode::kBadFile, "an npz without this array holds no embeddings",
              {.path = file.string(), .field = key, .expected = {}, .found = {}});
}

// A 0-d or one-element string; empty when it is absent or something else.
std::string text_of(const Arrays& arrays, const char* key) {
  const auto found = arrays.find(key);
  if (found == arrays.end()) return {};
  const auto* texts = std::get_if<std::vector<std::string>>(&found->second.values);
  return texts && texts->size() == 1 ? texts->front() : std::string();
}

// The texts of an array beside model_names; none when it is absent or something else.
const std::string* text_of(const Arrays& arrays, const char* key, std::size_t row, std::size_t rows) {
  const auto found = arrays.find(key);
  if (found == arrays.end()) return nullptr;
  const auto* texts = std::get_if<std::vector<std::string>>(&found->second.values);
  return texts && texts->size() == rows ? &(*texts)[row] : nullptr;
}

std::vector<float> floats_of(const io::NpyArray& array, const std::filesystem::path& file) {
  if (const auto* floats = std::get_if<std::vector<float>>(&array.values)) return *floats;
  if (const auto* doubles = std::get_if<std::vector<double>>(&array.values)) return {doubles->begin(), doubles->end()};
  throw Error(ErrorCode::kBadFile, "the array holds no floating-point numbers",
              {.path = file.string(), .field = "embeddings", .expected = "f2, f4 or f8", .found = {}});
}

// Others may keep any text under our key; what begins as our object has to be one.
nlohmann::json parsed_info(const std::string& text, const std::filesystem::path& file) {
  if (!text.starts_with('{')) return nullptr;
  const std::filesystem::path where = file.string() + ": probe_info";
  const std::size_t most = std::max<std::size_t>(kMostJson, std::filesystem::file_size(file));
  if (text.size() > most)
    throw Error(ErrorCode::kBadFile, "more text than such a file can need",
                {.path = where.string(),
                 .expected = "at most " + std::to_string(most) + " bytes",
                 .found = std::to_string(text.size())});
  return io::parse_json(text, where);
}

// What a file that is not ours says of itself; unknown parts compare as equal within it, never with ours.
Comparable foreign_comparable(const std::string& base, const std::string& info) {
  Comparable c;
  c.base = "unverified:" + base;
  c.base_name = base;
  c.tokenizer = "unverified";
  c.probes = "unverified:" + Hasher().update(info).hex();
  c.representation = "activations";
  c.layer = "last";
  c.position = "last";
  return c;
}

void fill_from_values(Record& r) {
  const std::span<const float> last(r.mean.data() + (r.layers - 1) * r.dim, static_cast<std::size_t>(r.dim));
  double squares = 0;
  for (const float value : last) squares += double{value} * value;
  r.norm = std::sqrt(squares);
  r.no_effect = squares == 0;
  r.variant_hash = "values:" + Hasher().update(r.name).update(std::as_bytes(std::span(r.mean))).hex();
}

// check_record() names the row; the reader's message names the file first.
void check_row(const Record& r, const std::filesystem::path& file) {
  try {
    check_record(r);
  } catch (const Error& error) {
    throw Error(ErrorCode::kNumeric, error.what(), {.path = file.string(), .field = "embeddings"});
  }
}

struct Shape {
  std::int64_t count = 0, layers = 1, dim = 0;
};

Shape shape_of(const io::NpyArray& embeddings, std::size_t names, const std::filesystem::path& file) {
  const std::vector<std::int64_t>& s = embeddings.shape;
  std::string found;
  for (const std::int64_t n : s) found += (found.empty() ? "" : ",") + std::to_string(n);
  if (s.size() < 2 || s.size() > 3 || s[0] != static_cast<std::int64_t>(names) || s[1] < 1 || s.back() < 1)
    throw Error(ErrorCode::kBadFile, "the array does not fit model_names",
                {.path = file.string(),
                 .field = "embeddings",
                 .expected = "[" + std::to_string(names) + ",d] or [" + std::to_string(names) + ",layers,d]",
                 .found = std::string("[").append(found).append("]")});
  return {.count = s[0], .layers = s.size() == 3 ? s[1] : 1, .dim = s.back()};
}

}  // namespace

void write_embeddings_npz(const std::vector<Record>& records, const std::filesystem::path& out) {
  require_one_kind(records, out);
  const std::int64_t count = static_cast<std::int64_t>(records.size());
  const std::int64_t dim = records.empty() ? 0 : records.front().dim;
  const std::int64_t layers = records.empty() ? 1 : records.front().layers;
  std::vector<float> values;  // [count, dim] or [count, layers, dim]
  std::vector<std::string> names, labels, paths;
  values.reserve(static_cast<std::size_t>(count * layers * dim));
  for (const Record& r : records) {
    check_record(r);
    values.insert(values.end(), r.mean.begin(), r.mean.end());
    names.push_back(r.name);
    labels.push_back(r.label);
    paths.push_back(r.path);
  }
  const std::vector<std::string> rows = records.empty() ? std::vector<std::string>() : layer_names(records.front());
  Arrays arrays;
  arrays["embeddings"] = {
      .shape = layers > 1 ? std::vector<std::int64_t>{count, layers, dim} : std::vector<std::int64_t>{count, dim},
      .values = std::move(values),
      .half = !records.empty() && records.front().comparable.representation == "logits"};
  arrays["model_names"] = {.shape = {count}, .values = std::move(names)};
  arrays["labels"] = {.shape = {count}, .values = std::move(labels)};
  arrays["paths"] = {.shape = {count}, .values = std::move(paths)};
  arrays["layers"] = {.shape = {std::ssize(rows)}, .values = rows};
  arrays["base_model"] = {
      .shape = {}, .values = std::vector<std::string>{records.empty() ? "" : records.front().comparable.base_name}};
  arrays["probe_info"] = {.shape = {}, .values = std::vector<std::string>{probe_info(records)}};
  io::write_npz(out, arrays);
}

std::vector<Record> read_embeddings_npz(const std::filesystem::path& file) {
  const Arrays arrays = io::read_npz(file);
  const auto* names = std::get_if<std::vector<std::string>>(&required(arrays, "model_names", file).values);
  if (!names)
    throw Error(ErrorCode::kBadFile, "the array holds no texts",
                {.path = file.string(), .field = "model_names", .expected = "<U", .found = {}});
  const io::NpyArray& embeddings = required(arrays, "embeddings", file);
  const Shape shape = shape_of(embeddings, names->size(), file);
  const std::vector<float> values = floats_of(embeddings, file);

  const std::string base = text_of(arrays, "base_model"), info_text = text_of(arrays, "probe_info");
  nlohmann::json info = parsed_info(info_text, file);
  const bool ours = info.is_object() && info.value("format", nlohmann::json()) == kFormat && info["rows"].is_array() &&
                    info["rows"].size() == names->size() && info["comparable"].is_object();
  Comparable comparable = foreign_comparable(base, info_text);
  if (ours) read_comparable(info["comparable"], comparable);

  std::vector<Record> out;
  const std::int64_t row = shape.layers * shape.dim;
  for (std::int64_t i = 0; i < shape.count; ++i) {
    Record r;
    r.name = (*names)[static_cast<std::size_t>(i)];
    if (r.name.empty()) r.name = "row-" + std::to_string(i);
    r.path = stored_path(file.string());
    if (const auto* label = text_of(arrays, "labels", static_cast<std::size_t>(i), names->size())) r.label = *label;
    if (const auto* path = text_of(arrays, "paths", static_cast<std::size_t>(i), names->size()))
      if (!path->empty()) r.path = *path;
    r.comparable = comparable;
    r.precision = "unknown";
    r.dim = shape.dim;
    r.layers = shape.layers;
    r.mean.assign(values.begin() + i * row, values.begin() + (i + 1) * row);
    fill_from_values(r);
    if (ours) {
      read_facts(info["rows"][static_cast<std::size_t>(i)], r);
      if (info["probe_count"].is_number_integer()) r.probe_count = info["probe_count"].get<std::int64_t>();
    }
    check_row(r, file);
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace deltascape::store
