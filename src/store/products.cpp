#include "store/products.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace deltascape::store {
namespace {

constexpr double kRest = 1e-12;         // of a row's squared length: what no vector need say
constexpr std::size_t kNumber = 8;      // bytes
constexpr std::size_t kMostHash = 255;  // its length is one byte

void append_number(std::string& out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (std::size_t b = 0; b < kNumber; ++b) out += static_cast<char>(bits >> (8 * b) & 0xff);
}

double number_in(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (std::size_t b = 0; b < kNumber; ++b) bits |= std::uint64_t{static_cast<unsigned char>(bytes[b])} << (8 * b);
  return std::bit_cast<double>(bits);
}

}  // namespace

std::string block_bytes(const Block& products) {
  std::string out;
  for (const auto& [hash, value] : products) {
    if (hash.size() > kMostHash) throw Error(ErrorCode::kInternal, "a content hash of unusual length");
    out += static_cast<char>(hash.size());
    out += hash;
    append_number(out, value);
  }
  return out;
}

Block read_block(std::string_view bytes, const ErrorContext& at) {
  Block out;
  while (!bytes.empty()) {
    const std::size_t length = static_cast<unsigned char>(bytes.front());
    if (bytes.size() < 1 + length + kNumber) throw Error(ErrorCode::kBadFile, kDamagedRow, at);
    const double value = number_in(bytes.substr(1 + length));
    if (!std::isfinite(value))
      throw Error(ErrorCode::kNumeric, "the row holds NaN or Inf; remove it with `deltascape rm` and embed it again",
                  at);
    out[std::string(bytes.substr(1, length))] = value;
    bytes.remove_prefix(1 + length + kNumber);
  }
  return out;
}

double in_space(const Space& space, double ab, double aa, double bb) {
  if (space.parameter("similarity") != "jaccard") return ab;
  const double all = aa + bb - ab;
  return all > 0 ? ab / all : 0;
}

std::optional<double> cosine_in(const Space& space, double ab, double aa, double bb) {
  const double lengths = std::sqrt(in_space(space, aa, aa, aa)) * std::sqrt(in_space(space, bb, bb, bb));
  if (!(lengths > 0)) return std::nullopt;
  return std::clamp(in_space(space, ab, aa, bb) / lengths, -1.0, 1.0);
}

SpaceProducts::SpaceProducts(Database& database, const SpaceRow& space) {
  Statement rows(database,
                 "SELECT v.content_hash, v.name, g.block FROM measurement m JOIN variant v ON v.id = m.variant "
                 "LEFT JOIN gram g ON g.measurement = m.id WHERE m.space = ? ORDER BY m.id");
  rows.bind(space.id);
  while (rows.step()) {
    place_[rows.text(0)] = hashes_.size();
    hashes_.push_back(rows.text(0));
    names_.push_back(rows.text(1));
    blocks_.push_back(read_block(rows.blob(2), {.path = database.file().string(), .field = names_.back() + ".gram"}));
  }
  const std::size_t count = hashes_.size();
  values_.resize(count * count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j <= i; ++j) values_[i * count + j] = values_[j * count + i] = product(i, j, database);
  find_vectors(space.space);
}

double SpaceProducts::product(std::size_t i, std::size_t j, Database& database) const {
  for (const auto& [own, other] : {std::pair{i, j}, std::pair{j, i}})
    if (const auto found = blocks_[own].find(hashes_[other]); found != blocks_[own].end()) return found->second;
  throw Error(ErrorCode::kBadFile,
              "the store is damaged: it has no inner product of two variants of one space; remove one with `deltascape "
              "rm` and embed it again",
              {.path = database.file().string(), .field = names_[i] + ", " + names_[j]});
}

void SpaceProducts::find_vectors(const Space& space) {
  const std::size_t count = hashes_.size();
  std::vector<double> gram(count * count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < count; ++j)
      gram[i * count + j] = in_space(space, values_[i * count + j], values_[i * count + i], values_[j * count + j]);
  vectors_ = vectors_of(gram, count, rank_);
}

void SpaceProducts::fill(Record& record) const {
  const auto found = place_.find(record.variant_hash);
  if (found == place_.end()) return;
  const std::size_t i = found->second, count = hashes_.size();
  for (std::size_t j = 0; j < count; ++j) record.products[hashes_[j]] = values_[i * count + j];
  record.dim = static_cast<std::int64_t>(rank_);
  record.layers = 1;
  const float* row = vectors_.data() + i * rank_;
  record.mean.assign(row, row + rank_);
}

std::vector<float> vectors_of(const std::vector<double>& gram, std::size_t count, std::size_t& rank) {
  std::vector<double> length(count), rest(count);  // of each row; what of its squared length no column has yet
  for (std::size_t i = 0; i < count; ++i) {
    length[i] = std::sqrt(std::max(0.0, gram[i * count + i]));
    rest[i] = length[i] > 0 ? 1 : 0;
  }
  std::vector<std::vector<double>> columns;
  while (columns.size() < count) {
    const auto pivot = static_cast<std::size_t>(std::ranges::max_element(rest) - rest.begin());
    if (!(rest[pivot] > kRest)) break;
    const double root = std::sqrt(rest[pivot]);
    std::vector<double> column(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (length[i] == 0) continue;
      double value = gram[i * count + pivot] / (length[i] * length[pivot]);
      for (const std::vector<double>& before : columns) value -= before[i] * before[pivot];
      column[i] = i == pivot ? root : rest[i] > 0 ? value / root : 0;
      rest[i] = std::max(0.0, rest[i] - column[i] * column[i]);
    }
    rest[pivot] = 0;
    columns.push_back(std::move(column));
  }
  rank = std::max<std::size_t>(1, columns.size());
  std::vector<float> out(count * rank);
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < count; ++i) out[i * rank + c] = static_cast<float>(columns[c][i] * length[i]);
  return out;
}

}  // namespace deltascape::store
