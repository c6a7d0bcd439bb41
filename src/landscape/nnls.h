// Non-negative least squares on inner products (Lawson and Hanson 1974, chapter 23).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace deltascape::landscape {

// Inner products of a few vectors.
struct Gram {
  explicit Gram(std::size_t size = 0) : count(size), values(size * size) {}
  std::size_t count;
  std::vector<double> values;  // [count, count], symmetric
  double& operator()(std::size_t i, std::size_t j) { return values[i * count + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values[i * count + j]; }
};

// Weights x ≥ 0 that bring Σ x_i v_i as near to a target as they can, over vectors v_i that join one at a time. Exact:
// solve() ends where the conditions of Karush, Kuhn and Tucker hold to 1e-11 of the target's length.
class NonNegativeFit {
 public:
  explicit NonNegativeFit(double target_length) : tolerance_(1e-11 * target_length) {}

  // products: with each vector that has joined, in order, and with itself.
  void join(std::vector<double> products, double with_target);
  // One weight a vector; zero for one that lies in the span of those that have a weight.
  const std::vector<double>& solve();

 private:
  double product(std::size_t i, std::size_t j) const { return i >= j ? products_[i][j] : products_[j][i]; }
  double slope(std::size_t i) const;  // of half the squared distance, downwards, along vector i of length one
  bool enter(std::size_t i);
  void leave(std::size_t place);
  std::vector<double> unconstrained() const;
  void descend(std::size_t entered);

  double tolerance_;
  std::vector<std::vector<double>> products_;  // [i][j ≤ i]
  std::vector<double> with_target_, weights_;
  std::vector<char> refused_;  // in this solve()
  std::vector<std::size_t> used_;
  std::vector<std::vector<double>> factor_;  // Cholesky's, of the products of used_: [i][j ≤ i]
};

// The same at once: the weights of vectors with these inner products.
std::vector<double> non_negative_weights(const Gram& products, std::span<const double> with_target,
                                         double target_length);

}  // namespace deltascape::landscape
