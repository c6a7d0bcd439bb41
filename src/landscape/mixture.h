// One vector as a sum of others with weights above zero: all of them that it takes, or a few.
#pragma once

#include <vector>

#include "landscape/rows.h"

namespace deltascape::landscape {

// What the rows are to add up to.
struct Target {
  std::vector<double> values;  // [width]
  std::vector<double> common;  // [width]: a direction that is taken off the target and every row; empty: none
};

struct Mixture {
  std::vector<std::size_t> rows;
  std::vector<double> weights;  // above zero
  double left = 0;              // squared length of what the rows leave of the target
};

// What else could stand for one row of a mixture.
struct Replacement {
  double without = 0;             // left when the row goes and the others take new weights
  double parallel = 0;            // share of the row's squared length that lies in the span of the others
  std::vector<std::size_t> rows;  // that leave at most `most_left` in its place, the best first; ten at most
  std::size_t count = 0;          // of all such rows
};

// Rows that have no length beside `common` take no part.
class MixtureSearch {
 public:
  MixtureSearch(const Rows& rows, const Target& target);

  double target_square() const { return square_; }
  // Non-negative least squares over all rows, exact: rows join as long as one would bring the sum nearer.
  Mixture exact() const;
  // At most k rows: orthogonal least squares with weights above zero (Nguyen, Idier, Soussen and Djermoune 2019), which
  // takes the row that leaves the least; then rows are exchanged one at a time while that leaves less.
  Mixture sparse(std::size_t k) const;
  // One a row of the mixture.
  std::vector<Replacement> replacements(const Mixture& mixture, double most_left) const;

 private:
  using Vector = std::vector<double>;  // [width]
  struct Candidate {
    std::size_t row = 0;
    double left = 0;  // with any weights of the others
  };

  Vector widened(std::size_t i) const;
  double product(std::size_t i, const Vector& other, double common_of_other) const;
  Mixture fitted(const std::vector<std::size_t>& rows) const;
  Vector rest(const Mixture& mixture) const;
  std::vector<Vector> basis(const std::vector<std::size_t>& rows) const;
  std::vector<Candidate> candidates(const Mixture& mixture) const;
  Mixture grown(Mixture mixture, std::size_t k) const;
  bool exchange_one(Mixture& mixture) const;
  double parallel(std::size_t row, const std::vector<std::size_t>& others) const;

  const Rows& rows_;
  Vector target_, common_;       // common_ of length one
  std::vector<double> squares_;  // of each row, beside common_
  std::vector<double> along_common_;
  double square_ = 0;
};

}  // namespace deltascape::landscape
