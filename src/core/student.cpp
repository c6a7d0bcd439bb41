#include "core/student.h"

#include <cmath>
#include <initializer_list>

namespace deltascape {
namespace {

// The continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), evaluated from the front by
// Lentz's method. It converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kEpsilon = 1e-15;
  const auto off_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1, d = 1 / off_zero(1 - (a + b) * x / (a + 1)), out = d;
  for (int m = 1; m < 500; ++m) {
    for (const double term : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
      d = 1 / off_zero(1 + term * d);
      c = off_zero(1 + term / c);
      out *= c * d;
    }
    if (std::abs(c * d - 1) < kEpsilon) break;
  }
  return out;
}

// I_x(a, b), the regularised incomplete beta function.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

double student_tail(double t, double freedom) {
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  const double both = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
  return t >= 0 ? both / 2 : 1 - both / 2;
}

double student_quantile(double tail, double freedom) {
  double low = 0, high = 1;
  while (student_tail(high, freedom) > tail) high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (student_tail(middle, freedom) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace deltascape
