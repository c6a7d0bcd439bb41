// The two leading principal axes by implicitly restarted Lanczos bidiagonalisation (Baglama and Reichel 2005, the
// library irlba): N and d may both be large, and two axes are all a map needs. The products with the rows are ours.
#include <algorithm>
#include <cmath>
#include <irlba/irlba.hpp>
#include <stdexcept>

#include "deltascape/error.h"
#include "landscape/kernels.h"
#include "landscape/parallel.h"
#include "landscape/planar.h"

namespace deltascape::landscape {
namespace {

using Vector = Eigen::VectorXd;
using Dense = Eigen::MatrixXd;

constexpr std::size_t kSmall = 64;  // rows or columns
constexpr int kMostRestarts = 200;

// The rows less their mean, all over the root of the variance: irlba takes lengths below 3e-13 for zero, whatever the
// matrix. Never written down.
class Centred final : public irlba::Matrix<Vector, Dense> {
 public:
  explicit Centred(const Rows& rows)
      : rows_(rows), all_(all_of(rows)), one_group_(rows.count, 0), shift_(group_sums(rows, all_, one_group_, 1)) {
    for (std::size_t k = 0; k < shift_.size(); ++k) {
      shift_[k] /= static_cast<double>(rows.count);
      if (!rows.shift.empty()) shift_[k] += rows.shift[k];
    }
    measure();
  }

  Eigen::Index rows() const override { return static_cast<Eigen::Index>(rows_.count); }
  Eigen::Index cols() const override { return static_cast<Eigen::Index>(rows_.width); }
  std::unique_ptr<irlba::Workspace<Vector>> new_workspace() const override { return std::make_unique<Times>(*this); }
  std::unique_ptr<irlba::AdjointWorkspace<Vector>> new_adjoint_workspace() const override {
    return std::make_unique<TransposedTimes>(*this);
  }
  std::unique_ptr<irlba::RealizeWorkspace<Dense>> new_realize_workspace() const override {
    return std::make_unique<Written>(*this);
  }

  double variance() const { return variance_; }

 private:
  static constexpr std::size_t kBlock = 256;  // rows a task

  void measure() {
    std::vector<double> squares(rows_.count);
    parallel_blocks(rows_.count, kBlock, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i)
        squares[i] = squared_length(rows_.row(i), rows_.scale[i], shift_.data(), rows_.width);
    });
    for (const double square : squares) variance_ += square;
    if (variance_ > 0) factor_ = 1 / std::sqrt(variance_);
  }

  struct Times final : irlba::Workspace<Vector> {
    explicit Times(const Centred& m) : m(m) {}
    void multiply(const Vector& right, Vector& out) override {
      const Rows& rows = m.rows_;
      double off = 0;
      for (std::size_t k = 0; k < rows.width; ++k) off += m.shift_[k] * right[static_cast<Eigen::Index>(k)];
      parallel_blocks(rows.count, kBlock, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i)
          out[static_cast<Eigen::Index>(i)] =
              m.factor_ * (rows.scale[i] * dot(rows.row(i), right.data(), rows.width) - off);
      });
    }
    const Centred& m;
  };

  struct TransposedTimes final : irlba::AdjointWorkspace<Vector> {
    explicit TransposedTimes(const Centred& m) : m(m) {}
    void multiply(const Vector& left, Vector& out) override {
      const Rows& rows = m.rows_;
      std::vector<double> factors(rows.count);
      for (std::size_t i = 0; i < rows.count; ++i) factors[i] = rows.scale[i] * left[static_cast<Eigen::Index>(i)];
      const std::vector<double> sums = group_sums_of_values(rows, m.all_, factors, m.one_group_, 1);
      const double total = left.sum();
      for (std::size_t k = 0; k < sums.size(); ++k)
        out[static_cast<Eigen::Index>(k)] = m.factor_ * (sums[k] - m.shift_[k] * total);
    }
    const Centred& m;
  };

  struct Written final : irlba::RealizeWorkspace<Dense> {
    explicit Written(const Centred& m) : m(m) {}
    const Dense& realize(Dense& buffer) override {
      buffer.resize(m.rows(), m.cols());
      for (Eigen::Index i = 0; i < m.rows(); ++i)
        for (Eigen::Index k = 0; k < m.cols(); ++k) {
          const auto row = static_cast<std::size_t>(i), column = static_cast<std::size_t>(k);
          buffer(i, k) = m.factor_ * (m.rows_.row(row)[column] * m.rows_.scale[row] - m.shift_[column]);
        }
      return buffer;
    }
    const Centred& m;
  };

  const Rows& rows_;
  const std::vector<std::size_t> all_, one_group_;
  std::vector<double> shift_;  // the rows' own and their mean
  double variance_ = 0, factor_ = 1;
};

// Scores [rows, 2 or fewer] on the leading directions, and the squares of the singular values.
struct Leading {
  Dense scores;
  Vector squares;
};

// From the small side's products, where that is small enough.
Leading by_eigenvectors(const Centred& matrix) {
  Dense x;
  matrix.new_realize_workspace()->realize(x);
  const bool wide = x.rows() <= x.cols();
  const Eigen::SelfAdjointEigenSolver<Dense> solver(wide ? Dense(x * x.transpose()) : Dense(x.transpose() * x));
  const Eigen::Index count = std::min<Eigen::Index>(2, solver.eigenvalues().size());
  Leading out{Dense(), solver.eigenvalues().tail(count).reverse().cwiseMax(0.0)};  // eigenvalues rise
  const Dense vectors = solver.eigenvectors().rightCols(count).rowwise().reverse();
  out.scores = wide ? Dense(vectors * out.squares.cwiseSqrt().asDiagonal()) : Dense(x * vectors);
  return out;
}

// A matrix whose rank is just about the number of directions leaves irlba nothing to start again from, and it throws:
// another number then.
Leading by_lanczos(const Centred& matrix, double tolerance) {
  irlba::Options<Vector> options;
  options.convergence_tolerance = tolerance;
  options.max_iterations = kMostRestarts;
  for (const int extra : {20, 30, 10}) {
    options.extra_work = extra;
    try {
      const auto found = irlba::compute(matrix, 2, options);
      return {found.U * found.D.asDiagonal(), found.D.cwiseAbs2()};
    } catch (const std::runtime_error&) {  // on purpose: the next one may find them
    }
  }
  throw Error(ErrorCode::kInternal, "the principal axes of these embeddings were not found");
}

}  // namespace

Principal principal_axes(const Rows& rows, double tolerance) {
  Principal out;
  out.scores.resize(rows.count);
  if (rows.count < 2) return out;
  const Centred centred(rows);
  if (!(centred.variance() > 0)) return out;

  const Leading found =
      std::min(rows.count, rows.width) <= kSmall ? by_eigenvectors(centred) : by_lanczos(centred, tolerance);
  const double length = std::sqrt(centred.variance());
  for (Eigen::Index axis = 0; axis < found.squares.size(); ++axis) {
    out.explained[axis] = found.squares[axis];
    double Point::*coordinate = axis == 0 ? &Point::x : &Point::y;
    double extreme = 0;
    for (std::size_t i = 0; i < rows.count; ++i) {
      const double score = found.scores(static_cast<Eigen::Index>(i), axis) * length;
      out.scores[i].*coordinate = score;
      if (std::fabs(score) > std::fabs(extreme) + 1e-12 * length) extreme = score;
    }
    if (extreme < 0)
      for (Point& point : out.scores) point.*coordinate = -(point.*coordinate);
  }
  return out;
}

}  // namespace deltascape::landscape
