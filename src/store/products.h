// Inner products of the variants of a space, where a representation gives these in place of vectors (docs/formats.md),
// and vectors that have them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "store/space_table.h"

namespace deltascape::store {

inline constexpr const char* kDamagedRow =
    "the store's row is damaged; remove it with `deltascape rm` and embed it again";

// A measurement's block: with each variant of its space that was there when it was written, itself among them.
using Block = std::map<std::string, double>;  // by content hash
std::string block_bytes(const Block& products);
// Throws Error(kBadFile) for bytes that are no block, kNumeric for NaN or Inf; `at` says where they lie.
Block read_block(std::string_view bytes, const ErrorContext& at);

// What the space makes of an inner product and the two variants' own: itself, or with the parameter similarity=jaccard,
// where the products count what two sets share, the share of the union.
std::optional<double> cosine_in(const Space& space, double ab, double aa, double bb);  // empty: one is zero
double in_space(const Space& space, double ab, double aa, double bb);

// All of one space.
class SpaceProducts {
 public:
  // Throws Error(kBadFile) naming two variants whose product is not kept, and as read_block().
  SpaceProducts(Database& database, const SpaceRow& space);

  // Fills products, mean, and dim: the rank of all vectors. Of a measurement of the space.
  void fill(Record& record) const;

 private:
  double product(std::size_t i, std::size_t j, Database& database) const;
  void find_vectors(const Space& space);

  std::vector<std::string> hashes_, names_;
  std::vector<Block> blocks_;
  std::map<std::string, std::size_t> place_;  // by content hash
  std::vector<double> values_;                // [count, count]
  std::vector<float> vectors_;                // [count, rank]
  std::size_t rank_ = 1;
};

// Rows x with x_i · x_j = gram[i, j], [count, rank]: the Cholesky factor with the pivots that are largest at each step,
// of the rows brought to length one; it ends where what is left of each is below 1e-12. gram: positive semidefinite.
std::vector<float> vectors_of(const std::vector<double>& gram, std::size_t count, std::size_t& rank);

}  // namespace deltascape::store
