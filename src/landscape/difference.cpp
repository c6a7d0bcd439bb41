#include "landscape/difference.h"

#include <algorithm>
#include <cmath>

#include "core/student.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {
namespace {

constexpr double kLevel = 0.05;

// Numerical error of an embedding of this length: as measured, else the bound of docs/design.md §6.2.
double numeric_error(const store::Record& record, double norm, bool last_row) {
  if (const std::optional<double> measured = store::known_numeric_error(record)) return *measured * norm;
  struct Bound {
    double of_embedding, of_state;
  };
  const Bound bound = record.precision == "fp64"    ? Bound{1e-5, 4e-7}
                      : record.precision == "delta" ? Bound{1e-2, 4e-6}
                      : record.precision == "bf16"  ? Bound{3e-2, 0}
                                                    : Bound{1e-4, 4e-6};
  const double state = last_row && record.relative_norm > 0 ? record.norm / record.relative_norm : 0;
  return std::max(bound.of_embedding * norm, bound.of_state * state);
}

// The products of the difference on each two probes have mean zero where there is none, and do not go together; one
// degree of freedom less than there are probes keeps the level where few dimensions carry the noise.
std::optional<double> chance(const store::Record& a, const store::Record& b) {
  if (!has_probes(a) || !has_probes(b) || a.probe_count != b.probe_count || a.probe_count < 3) return std::nullopt;
  const auto probes = static_cast<std::size_t>(a.probe_count), dim = static_cast<std::size_t>(a.dim);
  std::vector<double> products;
  for (std::size_t p = 0; p < probes; ++p)
    for (std::size_t q = 0; q < p; ++q) {
      double sum = 0;
      for (std::size_t k = 0; k < dim; ++k)
        sum += (double{a.per_probe[p * dim + k]} - b.per_probe[p * dim + k]) *
               (double{a.per_probe[q * dim + k]} - b.per_probe[q * dim + k]);
      products.push_back(sum);
    }
  const auto count = static_cast<double>(products.size());
  double mean = 0, squares = 0;
  for (const double value : products) mean += value / count;
  for (const double value : products) squares += (value - mean) * (value - mean);
  if (!(squares > 0)) return mean > 0 ? 0 : 1;
  return student_tail(mean / std::sqrt(squares / (count - 1) / count), static_cast<double>(probes) - 1);
}

}  // namespace

std::optional<Difference> difference(const store::Record& a, const store::Record& b, Row row) {
  const std::span<const float> of_a = embedding(a, row), of_b = embedding(b, row);
  double square_a = 0, square_b = 0, square = 0;
  for (std::size_t k = 0; k < of_a.size(); ++k) {
    square_a += double{of_a[k]} * of_a[k];
    square_b += double{of_b[k]} * of_b[k];
    square += (double{of_a[k]} - of_b[k]) * (double{of_a[k]} - of_b[k]);
  }
  const double longer = std::sqrt(std::max(square_a, square_b));
  if (!(longer > 0)) return std::nullopt;
  const bool last = !row || *row == a.layers - 1;
  Difference out;
  out.distance = std::sqrt(square) / longer;
  out.numeric = (numeric_error(a, std::sqrt(square_a), last) + numeric_error(b, std::sqrt(square_b), last)) / longer;
  out.p = chance(a, b);
  if (out.distance <= out.numeric) out.differ = false;
  else if (out.p) out.differ = *out.p < kLevel;
  return out;
}

}  // namespace deltascape::landscape
