#include "landscape/compare.h"

#include <cmath>

#include "store/store.h"

namespace deltascape::landscape {
namespace {

double norm(std::span<const float> values) {
  double squares = 0;
  for (const float value : values) squares += double{value} * value;
  return std::sqrt(squares);
}

}  // namespace

Comparison compare(const store::Record& a, const store::Record& b, Row row) {
  store::require_comparable({a, b});
  Comparison out;
  out.similarity = similarity(a, b, row);
  out.norm_a = norm(embedding(a, row));
  out.norm_b = norm(embedding(b, row));
  if (!row || *row == a.layers - 1) {
    out.relative_norm_a = a.relative_norm;
    out.relative_norm_b = b.relative_norm;
  }
  if (out.norm_b > 0) out.norm_ratio = out.norm_a / out.norm_b;
  if (a.layers > 1)
    for (std::int64_t l = 0; l < a.layers; ++l) out.layers.push_back(cosine(embedding(a, l), embedding(b, l)));
  return out;
}

}  // namespace deltascape::landscape
