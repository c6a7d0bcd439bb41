#include "landscape/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "landscape/kernels.h"
#include "landscape/nnls.h"
#include "landscape/parallel.h"

namespace deltascape::landscape {
namespace {

constexpr double kNothing = 1e-12;  // share of a squared length that rounding may leave
constexpr double kNearer = 1e-9;    // a smaller gain, of what is left, is none
constexpr double kReached = 1e-16;  // share of the target's squared length that is less than its values' rounding
constexpr std::size_t kBlock = 64;  // rows a task reads
constexpr std::size_t kMostSweeps = 20;
constexpr std::size_t kMostNamed = 10;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void subtract(std::vector<double>& from, const std::vector<double>& other, double factor) {
  for (std::size_t k = 0; k < from.size(); ++k) from[k] -= factor * other[k];
}

}  // namespace

MixtureSearch::MixtureSearch(const Rows& rows, const Target& target)
    : rows_(rows), target_(target.values), common_(target.common), squares_(rows.count), along_common_(rows.count) {
  if (const double length = common_.empty() ? 0 : std::sqrt(dot(common_, common_)); length > 0) {
    for (double& value : common_) value /= length;
    subtract(target_, common_, dot(target_, common_));
  } else {
    common_.clear();
  }
  square_ = dot(target_, target_);
  parallel_blocks(rows.count, kBlock, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const Vector values = widened(i);
      const double square = dot(values, values);
      if (!common_.empty()) along_common_[i] = dot(values, common_);
      squares_[i] = square - along_common_[i] * along_common_[i];
      if (!(squares_[i] > kNothing * square)) squares_[i] = 0;
    }
  });
}

MixtureSearch::Vector MixtureSearch::widened(std::size_t i) const {
  return Vector(rows_.row(i), rows_.row(i) + rows_.width);
}

// Of row i with another, both beside the common direction.
double MixtureSearch::product(std::size_t i, const Vector& other, double common_of_other) const {
  return landscape::dot(rows_.row(i), other.data(), rows_.width) - along_common_[i] * common_of_other;
}

// The best weights of these rows; those of weight zero are left out.
Mixture MixtureSearch::fitted(const std::vector<std::size_t>& rows) const {
  Gram products(rows.size());
  std::vector<double> with_target(rows.size());
  for (std::size_t a = 0; a < rows.size(); ++a) {
    const Vector values = widened(rows[a]);
    for (std::size_t b = 0; b <= a; ++b)
      products(a, b) = products(b, a) = product(rows[b], values, along_common_[rows[a]]);
    with_target[a] = dot(values, target_);
  }
  const std::vector<double> weights = non_negative_weights(products, with_target, std::sqrt(square_));
  Mixture out;
  for (std::size_t a = 0; a < rows.size(); ++a) {
    if (!(weights[a] > 0)) continue;
    out.rows.push_back(rows[a]);
    out.weights.push_back(weights[a]);
  }
  const Vector left = rest(out);
  out.left = dot(left, left);
  return out;
}

MixtureSearch::Vector MixtureSearch::rest(const Mixture& mixture) const {
  Vector out = target_;
  for (std::size_t n = 0; n < mixture.rows.size(); ++n)
    add_scaled(rows_.row(mixture.rows[n]), -mixture.weights[n], rows_.width, out.data());
  if (!common_.empty()) subtract(out, common_, dot(out, common_));
  return out;
}

// Orthonormal, the common direction included.
std::vector<MixtureSearch::Vector> MixtureSearch::basis(const std::vector<std::size_t>& rows) const {
  std::vector<Vector> out;
  if (!common_.empty()) out.push_back(common_);
  for (const std::size_t i : rows) {
    Vector values = widened(i);
    for (int twice = 0; twice < 2; ++twice)
      for (const Vector& other : out) subtract(values, other, dot(values, other));
    const double square = dot(values, values);
    if (!(square > kNothing * squares_[i])) continue;
    for (double& value : values) value /= std::sqrt(square);
    out.push_back(std::move(values));
  }
  return out;
}

// Rows that would bring the mixture nearer, and what each would leave; the best first.
std::vector<MixtureSearch::Candidate> MixtureSearch::candidates(const Mixture& mixture) const {
  const Vector left = rest(mixture);
  std::vector<Vector> span = basis(mixture.rows);
  if (!common_.empty()) span.erase(span.begin());  // squares_ are beside it already
  std::vector<double> lefts(rows_.count, mixture.left);
  const double least = 1e-11 * std::sqrt(square_);
  parallel_blocks(rows_.count, kBlock, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      if (!(squares_[i] > 0)) continue;
      const double along = landscape::dot(rows_.row(i), left.data(), rows_.width);
      if (!(along > least * std::sqrt(squares_[i]))) continue;
      double outside = squares_[i];
      for (const Vector& direction : span) {
        const double inside = landscape::dot(rows_.row(i), direction.data(), rows_.width);
        outside -= inside * inside;
      }
      if (outside > 1e-10 * squares_[i]) lefts[i] = mixture.left - along * along / outside;
    }
  });
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < lefts.size(); ++i)
    if (lefts[i] < mixture.left && std::ranges::find(mixture.rows, i) == mixture.rows.end())
      out.push_back({i, std::max(0.0, lefts[i])});
  std::ranges::stable_sort(out, {}, &Candidate::left);
  return out;
}

Mixture MixtureSearch::exact() const {
  Mixture out{.rows = {}, .weights = {}, .left = square_};
  NonNegativeFit fit(std::sqrt(square_));
  std::vector<std::size_t> joined;
  std::vector<char> seen(rows_.count);
  const double least = 1e-11 * std::sqrt(square_);
  for (;;) {
    const Vector left = rest(out);
    if (dot(left, left) <= kReached * square_) break;
    std::vector<double> slopes(rows_.count);
    parallel_blocks(rows_.count, kBlock, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i)
        if (squares_[i] > 0 && !seen[i])
          slopes[i] = landscape::dot(rows_.row(i), left.data(), rows_.width) / std::sqrt(squares_[i]);
    });
    const auto steepest = std::ranges::max_element(slopes);
    if (steepest == slopes.end() || *steepest <= least) break;
    const auto next = static_cast<std::size_t>(steepest - slopes.begin());
    seen[next] = 1;
    joined.push_back(next);
    const Vector values = widened(next);
    std::vector<double> products;
    for (const std::size_t i : joined) products.push_back(product(i, values, along_common_[next]));
    fit.join(std::move(products), dot(values, target_));
    const std::vector<double>& weights = fit.solve();
    out = {.rows = {}, .weights = {}, .left = 0};
    for (std::size_t n = 0; n < joined.size(); ++n)
      if (weights[n] > 0) {
        out.rows.push_back(joined[n]);
        out.weights.push_back(weights[n]);
      }
  }
  const Vector left = rest(out);
  out.left = dot(left, left);
  return out;
}

// Takes row after row until there are k, or none brings the mixture nearer.
Mixture MixtureSearch::grown(Mixture mixture, std::size_t k) const {
  for (std::size_t step = 0; mixture.rows.size() < k && step < 4 * k; ++step) {
    if (mixture.left <= kReached * square_) break;
    const std::vector<Candidate> next = candidates(mixture);
    if (next.empty()) break;
    std::vector<std::size_t> rows = mixture.rows;
    rows.push_back(next.front().row);
    Mixture larger = fitted(rows);
    if (!(larger.left < mixture.left)) break;
    mixture = std::move(larger);
  }
  return mixture;
}

// Puts the best other row in the place of one, where that leaves less.
bool MixtureSearch::exchange_one(Mixture& mixture) const {
  for (const std::size_t out : mixture.rows) {
    std::vector<std::size_t> rows = mixture.rows;
    std::erase(rows, out);
    const Mixture without = fitted(rows);
    const std::vector<Candidate> next = candidates(without);
    if (next.empty() || next.front().row == out) continue;
    rows = without.rows;
    rows.push_back(next.front().row);
    Mixture other = fitted(rows);
    if (!(other.left < mixture.left - kNearer * (mixture.left + kNothing * square_))) continue;
    mixture = std::move(other);
    return true;
  }
  return false;
}

Mixture MixtureSearch::sparse(std::size_t k) const {
  Mixture mixture = grown({.rows = {}, .weights = {}, .left = square_}, k);
  for (std::size_t sweep = 0; sweep < kMostSweeps * k && mixture.left > kReached * square_; ++sweep) {
    if (!exchange_one(mixture)) break;
    mixture = grown(std::move(mixture), k);
  }
  return mixture;
}

double MixtureSearch::parallel(std::size_t row, const std::vector<std::size_t>& others) const {
  Vector values = widened(row);
  for (const Vector& direction : basis(others)) subtract(values, direction, dot(values, direction));
  return std::clamp(1 - dot(values, values) / squares_[row], 0.0, 1.0);
}

std::vector<Replacement> MixtureSearch::replacements(const Mixture& mixture, double most_left) const {
  std::vector<Replacement> out;
  for (const std::size_t row : mixture.rows) {
    std::vector<std::size_t> others = mixture.rows;
    std::erase(others, row);
    const Mixture without = fitted(others);
    Replacement one{.without = without.left, .parallel = parallel(row, others), .rows = {}, .count = 0};
    for (const Candidate& candidate : candidates(without)) {
      if (candidate.left > most_left) break;
      if (std::ranges::find(mixture.rows, candidate.row) != mixture.rows.end()) continue;
      std::vector<std::size_t> rows = without.rows;
      rows.push_back(candidate.row);
      if (one.rows.size() < kMostNamed && fitted(rows).left > most_left) continue;
      ++one.count;
      if (one.rows.size() < kMostNamed) one.rows.push_back(candidate.row);
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace deltascape::landscape
