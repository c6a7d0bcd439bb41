#include "landscape/embedding_rows.h"

#include <algorithm>
#include <cmath>

#include "landscape/kernels.h"
#include "landscape/parallel.h"
#include "store/store.h"

namespace deltascape::landscape {

namespace {

EmbeddingRows empty_rows(const std::vector<store::Record>& records) {
  store::require_comparable(records);
  EmbeddingRows out;
  out.count = records.size();
  if (records.empty()) return out;
  const std::size_t dim = static_cast<std::size_t>(records.front().dim);
  out.width = (dim + kLanes - 1) / kLanes * kLanes;
  out.values.assign(out.count * out.width, 0.0);
  out.zero.assign(out.count, false);
  return out;
}

}  // namespace

EmbeddingRows unit_rows(const std::vector<store::Record>& records, Row row) {
  EmbeddingRows out = empty_rows(records);
  for (std::size_t i = 0; i < out.count; ++i) {
    const std::span<const float> values = embedding(records[i], row);
    double squares = 0;
    for (const float value : values) squares += double{value} * value;
    out.zero[i] = squares == 0;
    if (out.zero[i]) continue;
    const double length = std::sqrt(squares);
    for (std::size_t k = 0; k < values.size(); ++k) out.values[i * out.width + k] = values[k] / length;
  }
  return out;
}

EmbeddingRows centred_rows(const std::vector<store::Record>& records, Row row) {
  EmbeddingRows out = empty_rows(records);
  std::vector<double> mean(out.width);
  for (std::size_t i = 0; i < out.count; ++i) {
    const std::span<const float> values = embedding(records[i], row);
    for (std::size_t k = 0; k < values.size(); ++k) {
      out.values[i * out.width + k] = values[k];
      mean[k] += values[k];
    }
  }
  for (double& value : mean) value /= static_cast<double>(out.count);
  for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] -= mean[i % out.width];
  return out;
}

EmbeddingRows subset(const EmbeddingRows& rows, const std::vector<std::size_t>& keep) {
  EmbeddingRows out;
  out.count = keep.size();
  out.width = rows.width;
  out.values.reserve(keep.size() * rows.width);
  for (const std::size_t i : keep) {
    const auto start = rows.values.begin() + static_cast<std::ptrdiff_t>(i * rows.width);
    out.values.insert(out.values.end(), start, start + static_cast<std::ptrdiff_t>(rows.width));
    out.zero.push_back(rows.zero[i]);
  }
  return out;
}

void for_each_product_row(const EmbeddingRows& rows,
                          const std::function<void(std::size_t, std::span<const double>)>& use) {
  constexpr std::size_t kBlock = 16;     // rows a task
  constexpr std::size_t kColumns = 128;  // rows of the other side that stay in the cache meanwhile
  parallel_blocks(rows.count, kBlock, [&](std::size_t first, std::size_t last) {
    std::vector<double> products((last - first) * rows.count);
    for (std::size_t j = 0; j < rows.count; j += kColumns)
      dot_products({rows.values.data() + first * rows.width, last - first},
                   {rows.values.data() + j * rows.width, std::min(kColumns, rows.count - j)}, rows.width,
                   products.data() + j, rows.count);
    for (std::size_t i = first; i < last; ++i)
      use(i, std::span<const double>(products).subspan((i - first) * rows.count, rows.count));
  });
}

}  // namespace deltascape::landscape
