// Reading the npz of docs/formats.md, ours and others'.
#include <cmath>
#include <memory>

#include "core/hash.h"
#include "deltascape/error.h"
#include "io/json.h"
#include "io/npz.h"
#include "store/names.h"
#include "store/npz.h"
#include "store/record_json.h"
#include "store/row_texts.h"
#include "store/rows.h"

namespace deltascape::store {
namespace {

constexpr const char *kEmbeddings = "embeddings", *kGram = "gram";
constexpr std::size_t kMostJson = std::size_t{16} << 20;  // or the file's size: <U takes four bytes a character

using Arrays = std::map<std::string, io::NpyArray>;

io::NpyArray& required(Arrays& arrays, const char* key, const std::filesystem::path& file) {
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

void check_size(const std::string& info, const std::filesystem::path& file) {
  const std::size_t most = std::max<std::size_t>(kMostJson, std::filesystem::file_size(file));
  if (info.starts_with('{') && info.size() > most)
    throw Error(ErrorCode::kBadFile, "more text than such a file can need",
                {.path = file.string() + ": probe_info",
                 .expected = "at most " + std::to_string(most) + " bytes",
                 .found = std::to_string(info.size())});
}

// Others may keep any text under our key; what begins as our object has to be one.
nlohmann::json parsed_info(std::string_view text, const std::filesystem::path& file) {
  if (!text.starts_with('{')) return nullptr;
  return io::parse_json(text, file.string() + ": probe_info");
}

// What a file that is not ours says of itself; unknown parts compare as equal within it, never with ours.
Space foreign_space(const std::string& base, const std::string& info) {
  return {
      .representation = "activations",
      .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "unverified:" + Hasher().update(info).hex()}},
      .base = "unverified:" + base,
      .base_name = base,
      .tokenizer = "unverified"};
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

Shape shape_of(const std::vector<std::int64_t>& s, std::size_t names, const std::filesystem::path& file) {
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

// An npz as it is read: its arrays by what they are for.
struct Source {
  std::filesystem::path file;
  std::string path;  // the same, as a store keeps it
  Shape shape;
  Space space;
  std::vector<std::string> names;
  std::vector<std::string> labels, paths;  // one a row, or empty
  std::variant<io::MappedFloats, std::vector<float>, std::vector<double>> values;
  RowTexts rows;  // facts of ours; none in others' files
  std::optional<std::int64_t> probe_count;
  std::vector<double> gram;         // [count, count], in place of the values
  std::vector<std::string> hashes;  // of the rows' content, where there is a gram
};

// The texts of an array beside model_names; none when it is absent or something else.
std::vector<std::string> take_texts(Arrays& arrays, const char* key, std::size_t rows) {
  const auto found = arrays.find(key);
  if (found == arrays.end()) return {};
  auto* texts = std::get_if<std::vector<std::string>>(&found->second.values);
  return texts && texts->size() == rows ? std::move(*texts) : std::vector<std::string>();
}

// Where they lie in the file as they are here, they stay there; else they are read.
std::vector<std::int64_t> take_values(Arrays& arrays, Source& out) {
  if (auto mapped = io::map_floats(out.file, kEmbeddings)) {
    std::vector<std::int64_t> shape = mapped->shape;
    out.values = std::move(*mapped);
    return shape;
  }
  arrays = io::read_npz(out.file);
  io::NpyArray& embeddings = required(arrays, kEmbeddings, out.file);
  if (auto* floats = std::get_if<std::vector<float>>(&embeddings.values)) out.values = std::move(*floats);
  else if (auto* doubles = std::get_if<std::vector<double>>(&embeddings.values)) out.values = std::move(*doubles);
  else
    throw Error(ErrorCode::kBadFile, "the array holds no floating-point numbers",
                {.path = out.file.string(), .field = kEmbeddings, .expected = "f2, f4 or f8", .found = {}});
  return embeddings.shape;
}

// Inner products in place of embeddings; whether the file has them.
bool take_gram(Arrays& arrays, Source& out) {
  const auto found = arrays.find(kGram);
  if (found == arrays.end() || io::map_floats(out.file, kEmbeddings)) return false;
  auto* products = std::get_if<std::vector<double>>(&found->second.values);
  const std::vector<std::int64_t>& shape = found->second.shape;
  if (!products || shape.size() != 2 || shape[0] != shape[1] || shape[0] < 1)
    throw Error(ErrorCode::kBadFile, "the array is no matrix of inner products",
                {.path = out.file.string(), .field = kGram, .expected = "f8 [N,N]"});
  out.gram = std::move(*products);
  out.shape = {.count = shape[0], .layers = 1, .dim = 0};
  return true;
}

Source read_source(const std::filesystem::path& file) {
  Source out{.file = file, .path = stored_path(file.string())};
  Arrays arrays = io::read_npz(file, kEmbeddings);
  std::vector<std::int64_t> shape;
  if (!take_gram(arrays, out)) shape = take_values(arrays, out);
  auto* names = std::get_if<std::vector<std::string>>(&required(arrays, "model_names", file).values);
  if (!names)
    throw Error(ErrorCode::kBadFile, "the array holds no texts",
                {.path = file.string(), .field = "model_names", .expected = "<U", .found = {}});
  out.names = std::move(*names);
  if (out.gram.empty()) out.shape = shape_of(shape, out.names.size(), file);
  else if (out.shape.count != std::ssize(out.names))
    throw Error(ErrorCode::kBadFile, "the array does not fit model_names",
                {.path = file.string(),
                 .field = kGram,
                 .expected = std::to_string(out.names.size()),
                 .found = std::to_string(out.shape.count)});
  out.labels = take_texts(arrays, "labels", out.names.size());
  out.paths = take_texts(arrays, "paths", out.names.size());

  std::string info_text = text_of(arrays, "probe_info");
  out.space = foreign_space(text_of(arrays, "base_model"), info_text);
  arrays.clear();
  check_size(info_text, file);
  RowTexts rows(std::move(info_text));
  nlohmann::json info = parsed_info(rows.rest(), file);
  const bool ours = info.is_object() && info.value("format", nlohmann::json()) == kNpzFormat &&
                    rows.size() == out.names.size() && info["comparable"].is_object();
  if (!ours && !out.gram.empty())
    throw Error(ErrorCode::kUnsupported, "inner products without the contents that they are of",
                {.path = file.string(), .field = "probe_info"});
  if (!ours) return out;
  out.space = {.base_name = out.space.base_name};
  read_space(info["comparable"], out.space);
  if (info["probe_count"].is_number_integer()) out.probe_count = info["probe_count"].get<std::int64_t>();
  out.rows = std::move(rows);
  for (std::size_t i = 0; !out.gram.empty() && i < out.names.size(); ++i) {
    Record facts;
    read_facts(parsed_info(out.rows.row(i), file), facts);
    out.hashes.push_back(std::move(facts.variant_hash));
  }
  return out;
}

void read_mean(const Source& source, std::int64_t row, std::vector<float>& out) {
  const auto width = static_cast<std::size_t>(source.shape.layers * source.shape.dim);
  const std::size_t first = static_cast<std::size_t>(row) * width;
  if (const auto* mapped = std::get_if<io::MappedFloats>(&source.values)) {
    out.resize(width);
    read_little_endian(mapped->values.subspan(first * 4, width * 4), out.data());
  } else if (const auto* floats = std::get_if<std::vector<float>>(&source.values)) {
    out.assign(floats->begin() + static_cast<std::ptrdiff_t>(first),
               floats->begin() + static_cast<std::ptrdiff_t>(first + width));
  } else {
    const auto& doubles = std::get<std::vector<double>>(source.values);
    out.assign(doubles.begin() + static_cast<std::ptrdiff_t>(first),
               doubles.begin() + static_cast<std::ptrdiff_t>(first + width));
  }
}

Record record_of(const Source& source, std::int64_t row) {
  const auto i = static_cast<std::size_t>(row);
  Record r;
  r.name = source.names[i].empty() ? "row-" + std::to_string(row) : source.names[i];
  r.path = source.path;
  if (!source.labels.empty()) r.label = source.labels[i];
  if (!source.paths.empty() && !source.paths[i].empty()) r.path = source.paths[i];
  r.space = source.space;
  r.precision = "unknown";
  r.dim = source.shape.dim;
  r.layers = source.shape.layers;
  if (source.gram.empty()) {
    read_mean(source, row, r.mean);
    fill_from_values(r);
  }
  if (source.rows.size() > 0) read_facts(parsed_info(source.rows.row(i), source.file), r);
  if (source.probe_count) r.probe_count = *source.probe_count;
  for (std::size_t j = 0; j < source.hashes.size(); ++j)
    r.products[source.hashes[j]] = source.gram[i * source.hashes.size() + j];
  check_row(r, source.file);
  return r;
}

}  // namespace

Records embeddings_of_npz(const std::filesystem::path& file) {
  const auto source = std::make_shared<const Source>(read_source(file));
  return [source](const std::function<void(Record)>& use) {
    for (std::int64_t row = 0; row < source->shape.count; ++row) use(record_of(*source, row));
  };
}

}  // namespace deltascape::store
