#include "store/rows.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/closest.h"
#include "deltascape/error.h"
#include "store/names.h"

namespace deltascape::store {

#define DELTASCAPE_FACTS                                                                                    \
  "SELECT v.name, v.label, v.path, s.base, v.base_name, s.tokenizer, s.probes, s.representation, s.layer, " \
  "s.position, v.variant_hash, v.program_version, v.device, v.precision, v.created, v.probe_count, v.dim, " \
  "v.layers, v.norm, v.relative_norm, v.numeric_error, v.no_effect"
#define DELTASCAPE_NUMBERS ", v.mean, v.per_probe, v.standard_error"
#define DELTASCAPE_FROM " FROM variant v JOIN space s ON s.id = v.space "

const char* const kSelectRows = DELTASCAPE_FACTS DELTASCAPE_NUMBERS DELTASCAPE_FROM "ORDER BY v.name";
const char* const kSelectFacts = DELTASCAPE_FACTS DELTASCAPE_FROM "ORDER BY v.name";
const char* const kSelectRow = DELTASCAPE_FACTS DELTASCAPE_NUMBERS DELTASCAPE_FROM "WHERE v.name = ?";
#undef DELTASCAPE_FACTS
#undef DELTASCAPE_NUMBERS
#undef DELTASCAPE_FROM

const char* const kInsertRow =
    "INSERT INTO variant (name, label, path, variant_hash, space, base_name, program_version, device, "
    "precision, created, probe_count, dim, layers, norm, relative_norm, numeric_error, no_effect, "
    "mean, per_probe, standard_error, id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

namespace {

constexpr const char* kHoldsNan = "the row holds NaN or Inf; remove it with `deltascape rm` and embed it again";
constexpr std::int64_t kMost = std::int64_t{1} << 28;  // values a blob: SQLite keeps less than 2^30 bytes

// a * b, or -1 where that is no possible number of values.
std::int64_t values_of(std::int64_t a, std::int64_t b) {
  if (a < 0 || b < 0 || a > kMost || b > kMost || a * b > kMost) return -1;
  return a * b;
}

void check_values(const Record& record, const char* field, const std::vector<float>& values, std::int64_t expected,
                  bool may_be_empty) {
  const ErrorContext at{.path = record.name,
                        .field = field,
                        .expected = std::to_string(expected) + " values",
                        .found = std::to_string(values.size())};
  if (!(may_be_empty && values.empty()) && static_cast<std::int64_t>(values.size()) != expected)
    throw Error(ErrorCode::kInternal, "an embedding of the wrong size", at);
  for (const float value : values)
    if (!std::isfinite(value))
      throw Error(ErrorCode::kNumeric, "the embedding holds NaN or Inf",
                  {.path = record.name, .field = field, .expected = {}, .found = {}});
}

std::vector<float> read_floats(std::string_view bytes, std::int64_t expected, bool may_be_empty,
                               const ErrorContext& at) {
  if (may_be_empty && bytes.empty()) return {};
  if (expected < 0 || bytes.size() != static_cast<std::size_t>(expected) * 4)
    throw Error(ErrorCode::kBadFile, "the store's row is damaged; remove it with `deltascape rm` and embed it again",
                {.path = at.path,
                 .field = at.field,
                 .expected = expected < 0 ? "possible sizes" : std::to_string(expected * 4) + " bytes",
                 .found = std::to_string(bytes.size())});
  std::vector<float> out(static_cast<std::size_t>(expected));
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint32_t bits = 0;
    for (std::size_t b = 0; b < 4; ++b)
      bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[4 * i + b])) << (8 * b);
    out[i] = std::bit_cast<float>(bits);
    if (!std::isfinite(out[i])) throw Error(ErrorCode::kNumeric, kHoldsNan, at);
  }
  return out;
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
  check_values(record, "mean", record.mean, values_of(record.layers, record.dim), false);
  check_values(record, "per_probe", record.per_probe, values_of(record.probe_count, record.dim), true);
  check_values(record, "standard_error", record.standard_error, values_of(record.layers, record.dim), true);
  if (!std::isfinite(record.norm) || !std::isfinite(record.relative_norm) || !std::isfinite(record.numeric_error))
    throw Error(ErrorCode::kNumeric, "the norm is NaN or Inf",
                {.path = record.name, .field = "norm", .expected = {}, .found = {}});
}

void insert_row(Statement& insert, const Record& record, const RowKey& key) {
  const Use use(insert);
  insert.bind(key.name).bind(key.label).bind(record.path).bind(record.variant_hash).bind(key.space);
  insert.bind(record.comparable.base_name).bind(record.program_version).bind(record.device);
  insert.bind(record.precision).bind(record.created).bind(record.probe_count).bind(record.dim).bind(record.layers);
  insert.bind(record.norm).bind(record.relative_norm).bind(record.numeric_error);
  insert.bind(std::int64_t{record.no_effect}).bind(record.mean).bind(record.per_probe).bind(record.standard_error);
  if (key.id) insert.bind(*key.id);  // an unbound id is NULL: SQLite chooses the next one
  insert.step();
}

Record read_row(const Statement& row, const std::filesystem::path& file, Numbers numbers) {
  Record r;
  int at = 0;
  for (std::string* text :
       {&r.name, &r.label, &r.path, &r.comparable.base, &r.comparable.base_name, &r.comparable.tokenizer,
        &r.comparable.probes, &r.comparable.representation, &r.comparable.layer, &r.comparable.position,
        &r.variant_hash, &r.program_version, &r.device, &r.precision, &r.created})
    *text = row.text(at++);
  if (r.name.empty())
    throw Error(ErrorCode::kBadFile,
                "the store is damaged: a row has no name; remove it with `deltascape rm \"\"` and embed it again",
                {.path = file.string(), .field = "name", .expected = {}, .found = {}});
  for (std::int64_t* number : {&r.probe_count, &r.dim, &r.layers}) *number = row.integer(at++);
  const auto field = [&](const char* name) {
    return ErrorContext{.path = file.string(), .field = r.name + "." + name, .expected = {}, .found = {}};
  };
  for (const auto& [number, name] :
       {std::pair{&r.norm, "norm"}, {&r.relative_norm, "relative_norm"}, {&r.numeric_error, "numeric_error"}}) {
    *number = row.real(at++);
    if (!std::isfinite(*number)) throw Error(ErrorCode::kNumeric, kHoldsNan, field(name));
  }
  r.no_effect = row.integer(at++) != 0;
  if (numbers == Numbers::kLeaveOut) return r;
  r.mean = read_floats(row.blob(at++), values_of(r.layers, r.dim), false, field("mean"));
  r.per_probe = read_floats(row.blob(at++), values_of(r.probe_count, r.dim), true, field("per_probe"));
  r.standard_error = read_floats(row.blob(at++), values_of(r.layers, r.dim), true, field("standard_error"));
  return r;
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
