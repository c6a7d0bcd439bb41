#include "landscape/similarity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deltascape/error.h"
#include "landscape/embedding_rows.h"
#include "landscape/probes.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostRecords = 20000;

}  // namespace

std::vector<double> cosine_of_two(const Gram& products) {
  return {cosine_of(products(0, 1), products(0, 0), products(1, 1)).value_or(std::numeric_limits<double>::quiet_NaN())};
}

bool has_probes(const store::Record& record) {
  return record.layers == 1 && record.probe_count >= 2 &&
         record.per_probe.size() == static_cast<std::size_t>(record.probe_count * record.dim);
}

std::optional<double> cosine_of(double ab, double aa, double bb) {
  if (!(aa > 0) || !(bb > 0)) return std::nullopt;
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

std::span<const float> embedding(const store::Record& record, Row row) {
  const std::int64_t index = row.value_or(record.layers - 1);
  if (index < 0 || index >= record.layers)
    throw Error(ErrorCode::kUsage, "the embedding has no such layer row",
                {.path = record.name,
                 .field = {},
                 .expected = "0 to " + std::to_string(record.layers - 1),
                 .found = std::to_string(index)});
  if (record.mean.size() != static_cast<std::size_t>(record.layers * record.dim))
    throw Error(ErrorCode::kInternal, "an embedding of the wrong size",
                {.path = record.name, .field = {}, .expected = {}, .found = {}});
  return std::span(record.mean)
      .subspan(static_cast<std::size_t>(index * record.dim), static_cast<std::size_t>(record.dim));
}

std::optional<double> cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size())
    throw Error(ErrorCode::kMismatch, "embeddings of different widths",
                {.path = {}, .field = {}, .expected = std::to_string(a.size()), .found = std::to_string(b.size())});
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    ab += double{a[k]} * b[k];
    aa += double{a[k]} * a[k];
    bb += double{b[k]} * b[k];
  }
  return cosine_of(ab, aa, bb);
}

Similarity similarity(const store::Record& a, const store::Record& b, Row row) {
  Similarity out;
  out.cosine = cosine(embedding(a, row), embedding(b, row));
  if (!out.cosine) return out;
  const store::Record* const both[] = {&a, &b};
  if (const auto products = ProbeProducts::of(both))
    if (const auto bounds = jackknife(*products, cosine_of_two).front()) {
      out.low = bounds->around(*out.cosine, -1, 1).low;
      out.high = bounds->around(*out.cosine, -1, 1).high;
    }
  return out;
}

std::optional<double> CosineMatrix::at(std::size_t i, std::size_t j) const {
  const double value = values[i * count + j];
  if (std::isnan(value)) return std::nullopt;
  return value;
}

CosineMatrix cosine_matrix(const std::vector<store::Record>& records, Row row) {
  if (records.size() > kMostRecords)
    throw Error(ErrorCode::kUsage, "too many variants for a matrix of all pairs; select fewer",
                {.path = {},
                 .field = {},
                 .expected = "at most " + std::to_string(kMostRecords),
                 .found = std::to_string(records.size())});
  const Rows rows = unit_rows(records, row);
  CosineMatrix out;
  out.count = rows.count;
  out.values.resize(rows.count * rows.count);
  for_each_lower_tile(rows, [&](const Tile& tile) {
    for (std::size_t i = tile.first_row; i < tile.first_row + tile.rows; ++i)
      for (std::size_t j = tile.first_column; j <= std::min(i, tile.first_column + tile.columns - 1); ++j) {
        const bool null = rows.is_zero(i) || rows.is_zero(j);
        const double product = tile.row(i - tile.first_row)[j - tile.first_column];
        out.values[i * rows.count + j] = out.values[j * rows.count + i] = null
                                                                              ? std::numeric_limits<double>::quiet_NaN()
                                                                          : i == j ? 1
                                                                                   : std::clamp(product, -1.0, 1.0);
      }
  });
  return out;
}

}  // namespace deltascape::landscape
