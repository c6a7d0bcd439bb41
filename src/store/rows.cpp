#include "store/rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/closest.h"
#include "deltascape/error.h"

namespace deltascape::store {

namespace {

constexpr const char* kFacts =
    "SELECT m.id, m.variant, m.space, m.kind, v.name, v.label, v.path, v.content_hash, m.program_version, m.device, "
    "m.precision, m.created, m.base_name, m.probe_count, m.dim, m.layers, m.norm, m.relative_norm, m.numeric_error, "
    "m.spread, m.no_effect, c.cluster, c.name";
constexpr const char* kCluster = " LEFT JOIN cluster c ON c.measurement = m.id";
constexpr const char* kVector = " LEFT JOIN vector n ON n.measurement = m.id";
constexpr const char* kDetail = " LEFT JOIN detail d ON d.measurement = m.id";
constexpr std::string_view kVectorKind = "vector", kProductKind = "gram";
constexpr int kFirstBlob = 23;  // columns of kFacts

constexpr const char* kHoldsNan = "the row holds NaN or Inf; remove it with `deltascape rm` and embed it again";
constexpr std::int64_t kMost = std::int64_t{1} << 28;  // values a blob: SQLite keeps less than 2^30 bytes

// a * b, or -1 where that is no possible number of values.
std::int64_t values_of(std::int64_t a, std::int64_t b) {
  if (a < 0 || b < 0 || a > kMost || b > kMost || a * b > kMost) return -1;
  return a * b;
}

// Where numbers lie, for messages: a million rows are read without one.
struct Field {
  const Record& record;
  const char* name;
  const std::filesystem::path& file;
  ErrorContext context() const {
    return {.path = file.string(), .field = record.name + "." + name, .expected = {}, .found = {}};
  }
};

[[noreturn]] void refuse_size(std::string_view bytes, std::int64_t expected, const Field& at) {
  ErrorContext context = at.context();
  context.expected = expected < 0 ? "possible sizes" : std::to_string(expected * 4) + " bytes";
  context.found = std::to_string(bytes.size());
  throw Error(ErrorCode::kBadFile, kDamagedRow, context);
}

void read_finite(std::string_view bytes, float* out, const Field& at) {
  read_little_endian(std::as_bytes(std::span(bytes)), out);
  for (std::size_t i = 0; i < bytes.size() / 4; ++i)
    if (!std::isfinite(out[i])) throw Error(ErrorCode::kNumeric, kHoldsNan, at.context());
}

std::vector<float> floats_in(std::string_view bytes, std::int64_t expected, const Field& at) {
  if (expected < 0 || bytes.size() != static_cast<std::size_t>(expected) * 4) refuse_size(bytes, expected, at);
  std::vector<float> out(static_cast<std::size_t>(expected));
  read_finite(bytes, out.data(), at);
  return out;
}

void check_values(const Record& record, const char* field, const std::vector<float>& values, std::int64_t expected,
                  bool may_be_empty) {
  if (!(may_be_empty && values.empty()) && static_cast<std::int64_t>(values.size()) != expected)
    throw Error(ErrorCode::kInternal, "an embedding of the wrong size",
                {.path = record.name,
                 .field = field,
                 .expected = std::to_string(expected) + " values",
                 .found = std::to_string(values.size())});
  for (const float value : values)
    if (!std::isfinite(value))
      throw Error(ErrorCode::kNumeric, "the embedding holds NaN or Inf",
                  {.path = record.name, .field = field, .expected = {}, .found = {}});
}

std::string quoted(const std::string& name) { return std::string("\"").append(one_line(name, 60)).append("\""); }

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out.append(out.empty() ? "" : ", ").append(quoted(name));
  return out;
}

}  // namespace

void check_record(const Record& record) {
  if (record.name.empty()) throw Error(ErrorCode::kInternal, "a record without a name");
  for (const auto& [hash, value] : record.products)
    if (!std::isfinite(value))
      throw Error(ErrorCode::kNumeric, "an inner product is NaN or Inf", {.path = record.name, .field = hash});
  if (!record.products.empty() && !record.products.contains(record.variant_hash))
    throw Error(ErrorCode::kInternal, "inner products without the variant's own", {.path = record.name});
  check_values(record, "mean", record.mean, values_of(record.layers, record.dim), false);
  check_values(record, "per_probe", record.per_probe, values_of(record.probe_count, record.dim), true);
  check_values(record, "standard_error", record.standard_error, values_of(record.layers, record.dim), true);
  if (!std::isfinite(record.norm) || !std::isfinite(record.relative_norm) || !std::isfinite(record.numeric_error))
    throw Error(ErrorCode::kNumeric, "the norm is NaN or Inf",
                {.path = record.name, .field = "norm", .expected = {}, .found = {}});
}

void read_little_endian(std::span<const std::byte> bytes, float* out) {
  const std::size_t count = bytes.size() / 4;
  if constexpr (std::endian::native == std::endian::little) {
    if (count > 0) std::memcpy(out, bytes.data(), count * 4);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    for (std::size_t b = 0; b < 4; ++b) bits |= std::to_integer<std::uint32_t>(bytes[4 * i + b]) << (8 * b);
    out[i] = std::bit_cast<float>(bits);
  }
}

std::string select_records(Numbers numbers) {
  std::string out = kFacts;
  if (numbers != Numbers::kNone) out += ", n.mean";
  if (numbers == Numbers::kAll) out += ", d.per_probe, d.standard_error";
  out += kMeasurements;
  out += kCluster;
  if (numbers != Numbers::kNone) out += kVector;
  if (numbers == Numbers::kAll) out += kDetail;
  return out;
}

std::int64_t measurement_in(const Statement& row) { return row.integer(0); }
std::int64_t variant_in(const Statement& row) { return row.integer(1); }
std::int64_t space_in(const Statement& row) { return row.integer(2); }
std::optional<std::int64_t> product_space_in(const Statement& row) {
  return row.text(3) == kProductKind ? std::optional(space_in(row)) : std::nullopt;
}

Record read_record(const Statement& row, const SpaceTable& spaces, Numbers numbers, const std::filesystem::path& file) {
  Record r;
  int at = 4;
  for (std::string* text :
       {&r.name, &r.label, &r.path, &r.variant_hash, &r.program_version, &r.device, &r.precision, &r.created})
    *text = row.text(at++);
  if (r.name.empty())
    throw Error(ErrorCode::kBadFile,
                "the store is damaged: a row has no name; remove it with `deltascape rm \"\"` and embed it again",
                {.path = file.string(), .field = "name", .expected = {}, .found = {}});
  const auto field = [&](const char* name) { return Field{r, name, file}.context(); };
  const SpaceRow* space = spaces.by_id(space_in(row));
  if (!space) throw Error(ErrorCode::kBadFile, "the store is damaged: a row is of no space", field("space"));
  const std::string kind = row.text(3);
  if (kind != kVectorKind && kind != kProductKind)
    throw Error(ErrorCode::kUnsupported, "a measurement of unknown kind; update deltascape to read it", field("kind"));
  r.space = space->space;
  if (!row.is_null(at)) r.space.base_name = row.text(at);
  ++at;
  for (std::int64_t* number : {&r.probe_count, &r.dim, &r.layers}) *number = row.integer(at++);
  for (const auto& [number, name] :
       {std::pair{&r.norm, "norm"}, {&r.relative_norm, "relative_norm"}, {&r.numeric_error, "numeric_error"}}) {
    *number = row.real(at++);
    if (!std::isfinite(*number)) throw Error(ErrorCode::kNumeric, kHoldsNan, field(name));
  }
  if (!row.is_null(at)) r.spread = row.real(at);
  r.no_effect = row.integer(++at) != 0;
  if (!row.is_null(++at)) {
    r.cluster = row.integer(at);
    r.cluster_name = row.text(at + 1);
  }
  if (kind == kProductKind) {  // its vector follows from those of its space
    if (r.dim != 0) throw Error(ErrorCode::kBadFile, kDamagedRow, field("kind"));
    return r;
  }
  if (numbers != Numbers::kNone) read_mean(row.blob(kFirstBlob), r, file);
  if (numbers == Numbers::kAll) read_detail(row.blob(kFirstBlob + 1), row.blob(kFirstBlob + 2), r, file);
  return r;
}

void read_mean(std::string_view mean, Record& record, const std::filesystem::path& file) {
  record.mean = floats_in(mean, values_of(record.layers, record.dim), {record, "mean", file});
}

void read_detail(std::string_view per_probe, std::string_view standard_error, Record& record,
                 const std::filesystem::path& file) {
  if (!per_probe.empty())
    record.per_probe = floats_in(per_probe, values_of(record.probe_count, record.dim), {record, "per_probe", file});
  if (!standard_error.empty())
    record.standard_error =
        floats_in(standard_error, values_of(record.layers, record.dim), {record, "standard_error", file});
}

void read_mean_row(std::string_view mean, std::int64_t row, const Record& record, const std::filesystem::path& file,
                   float* out) {
  const Field at{record, "mean", file};
  const std::int64_t values = values_of(record.layers, record.dim);
  if (values < 0 || mean.size() != static_cast<std::size_t>(values) * 4) refuse_size(mean, values, at);
  const auto width = static_cast<std::size_t>(record.dim) * 4;
  read_finite(mean.substr(static_cast<std::size_t>(row) * width, width), out, at);
}

std::optional<double> known_spread(const Record& r) {
  if (r.standard_error.empty()) return r.spread;
  const auto dim = static_cast<std::size_t>(std::max<std::int64_t>(r.dim, 0));
  if (!knows_standard_error(r) || dim > r.standard_error.size()) return std::nullopt;
  double squares = 0;
  for (std::size_t i = r.standard_error.size() - dim; i < r.standard_error.size(); ++i)
    squares += double{r.standard_error[i]} * r.standard_error[i];
  return std::sqrt(squares);
}

MeasurementWriter::MeasurementWriter(Database& database)
    : database_(database),
      facts_(database,
             "INSERT INTO measurement (variant, space, kind, program_version, device, precision, created, probe_count, "
             "dim, layers, norm, relative_norm, numeric_error, no_effect, spread, base_name, id) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      vector_(database, "INSERT INTO vector (measurement, mean) VALUES (?, ?)"),
      detail_(database, "INSERT INTO detail (measurement, per_probe, standard_error) VALUES (?, ?, ?)"),
      gram_(database, "INSERT INTO gram (measurement, block) VALUES (?, ?)"),
      others_(database,
              "SELECT v.content_hash, v.name FROM measurement m JOIN variant v ON v.id = m.variant WHERE m.space = ?") {
}

// With those that are in the space: what comes later brings its own.
Block MeasurementWriter::block_of(const Record& record, std::int64_t space) {
  Block out{{record.variant_hash, record.products.at(record.variant_hash)}};
  const Use others(others_);
  others_.bind(space);
  while (others_.step()) {
    const auto found = record.products.find(others_.text(0));
    if (found == record.products.end())
      throw Error(ErrorCode::kNotFound,
                  "the inner product with a stored variant of this space is not known (its files are gone or have "
                  "changed, or it came from elsewhere): embed both in one run, or `deltascape rm` it",
                  {.path = record.name, .field = others_.text(1)});
    out.insert(*found);
  }
  return out;
}

std::int64_t MeasurementWriter::insert(const Record& r, const MeasurementKey& key) {
  std::int64_t id = 0;
  {
    const Use use(facts_);
    const bool products = !r.products.empty();
    facts_.bind(key.variant).bind(key.space->id).bind(products ? kProductKind : kVectorKind);
    facts_.bind(r.program_version).bind(r.device).bind(r.precision).bind(r.created).bind(r.probe_count);
    facts_.bind(products ? std::int64_t{0} : r.dim).bind(r.layers).bind(r.norm);
    facts_.bind(r.relative_norm).bind(r.numeric_error).bind(std::int64_t{r.no_effect}).bind(known_spread(r));
    const bool as_space = r.space.base_name == key.space->space.base_name;
    facts_.bind(as_space ? std::nullopt : std::optional<std::string_view>(r.space.base_name)).bind(key.id);
    facts_.step();
    id = sqlite3_last_insert_rowid(database_.handle());
  }
  if (!r.products.empty()) {
    const std::string block = block_bytes(block_of(r, key.space->id));
    const Use gram(gram_);
    gram_.bind(id).bind_blob(block).step();
    return id;
  }
  const Use vector(vector_), detail(detail_);
  vector_.bind(id).bind(r.mean).step();
  if (!r.per_probe.empty() || !r.standard_error.empty())
    detail_.bind(id).bind(r.per_probe).bind(r.standard_error).step();
  return id;
}

void refuse_unknown(const std::string& text, const std::vector<std::string>& names, const std::filesystem::path& file) {
  const std::vector<std::string> close = near_names(text, names);
  throw Error(ErrorCode::kNotFound,
              "no variant is called " + quoted(text) +
                  (close.empty() ? "; `deltascape ls` lists the names" : "; did you mean " + joined(close) + "?"),
              {.path = file.string(), .field = {}, .expected = {}, .found = {}});
}

void refuse_ambiguous(const std::string& text, std::vector<std::string> names, const std::filesystem::path& file) {
  names.resize(std::min<std::size_t>(names.size(), 3));
  throw Error(ErrorCode::kUsage, quoted(text) + " could be " + joined(names) + "; give more of the name",
              {.path = file.string(), .field = {}, .expected = {}, .found = {}});
}

}  // namespace deltascape::store
