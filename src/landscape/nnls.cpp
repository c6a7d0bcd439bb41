#include "landscape/nnls.h"

#include <algorithm>
#include <cmath>

namespace deltascape::landscape {
namespace {

constexpr double kDependent = 1e-12;  // share of a squared length outside a span that counts as none

}  // namespace

void NonNegativeFit::join(std::vector<double> products, double with_target) {
  products_.push_back(std::move(products));
  with_target_.push_back(with_target);
  weights_.push_back(0);
}

double NonNegativeFit::slope(std::size_t i) const {
  const double length = std::sqrt(product(i, i));
  if (!(length > 0)) return 0;
  double out = with_target_[i];
  for (const std::size_t j : used_) out -= product(i, j) * weights_[j];
  return out / length;
}

// Appends a row to the factor; false where the vector depends on those in use.
bool NonNegativeFit::enter(std::size_t i) {
  std::vector<double> row(used_.size() + 1);
  double rest = product(i, i);
  for (std::size_t k = 0; k < used_.size(); ++k) {
    double value = product(i, used_[k]);
    for (std::size_t m = 0; m < k; ++m) value -= row[m] * factor_[k][m];
    row[k] = value / factor_[k][k];
    rest -= row[k] * row[k];
  }
  if (!(rest > kDependent * product(i, i))) return false;
  row.back() = std::sqrt(rest);
  factor_.push_back(std::move(row));
  used_.push_back(i);
  return true;
}

void NonNegativeFit::leave(std::size_t place) {
  weights_[used_[place]] = 0;
  const std::vector<std::size_t> behind(used_.begin() + static_cast<std::ptrdiff_t>(place) + 1, used_.end());
  used_.resize(place);
  factor_.resize(place);
  for (const std::size_t i : behind)
    if (!enter(i)) weights_[i] = 0;
}

// Weights of used_ without the condition.
std::vector<double> NonNegativeFit::unconstrained() const {
  const std::size_t count = used_.size();
  std::vector<double> x(count);
  for (std::size_t i = 0; i < count; ++i) {
    double value = with_target_[used_[i]];
    for (std::size_t k = 0; k < i; ++k) value -= factor_[i][k] * x[k];
    x[i] = value / factor_[i][i];
  }
  for (std::size_t i = count; i-- > 0;) {
    for (std::size_t k = i + 1; k < count; ++k) x[i] -= factor_[k][i] * x[k];
    x[i] /= factor_[i][i];
  }
  return x;
}

// Goes to the best weights of used_, as far as no weight turns negative; what reaches zero leaves.
void NonNegativeFit::descend(std::size_t entered) {
  for (bool first = true; !used_.empty(); first = false) {
    const std::vector<double> best = unconstrained();
    if (first && best.back() <= 0) {  // by rounding alone: its slope was upwards
      refused_[entered] = 1;
      leave(used_.size() - 1);
      return;
    }
    double step = 1;
    std::size_t blocking = used_.size();
    for (std::size_t k = 0; k < used_.size(); ++k) {
      const double now = weights_[used_[k]];
      if (best[k] > 0) continue;
      const double here = now > best[k] ? now / (now - best[k]) : 0;
      if (blocking < used_.size() && here >= step) continue;
      step = here;
      blocking = k;
    }
    for (std::size_t k = 0; k < used_.size(); ++k) weights_[used_[k]] += step * (best[k] - weights_[used_[k]]);
    if (blocking == used_.size()) return;
    weights_[used_[blocking]] = 0;
    for (std::size_t k = used_.size(); k-- > 0;)
      if (weights_[used_[k]] <= 0) leave(k);
  }
}

const std::vector<double>& NonNegativeFit::solve() {
  refused_.assign(weights_.size(), 0);
  for (std::size_t round = 0; round < 10 * weights_.size() + 10; ++round) {
    std::size_t best = weights_.size();
    double steepest = tolerance_;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (refused_[i] || std::ranges::find(used_, i) != used_.end()) continue;
      if (const double here = slope(i); here > steepest) {
        steepest = here;
        best = i;
      }
    }
    if (best == weights_.size()) break;
    if (enter(best)) descend(best);
    else refused_[best] = 1;
  }
  return weights_;
}

std::vector<double> non_negative_weights(const Gram& products, std::span<const double> with_target,
                                         double target_length) {
  NonNegativeFit fit(target_length);
  for (std::size_t i = 0; i < products.count; ++i) {
    const double* row = products.values.data() + i * products.count;
    fit.join({row, row + i + 1}, with_target[i]);
  }
  return fit.solve();
}

}  // namespace deltascape::landscape
