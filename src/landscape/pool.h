// What sums and decompositions take from a store: the space, the named records, and the direction that all share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "landscape/nnls.h"
#include "landscape/rows.h"
#include "landscape/similarity.h"
#include "store/store.h"

namespace deltascape::landscape {

// The space in which all these variants are measured, and their records in it, in order.
struct NamedRecords {
  std::optional<store::ChosenSpace> space;
  std::vector<store::Record> records;
  store::Query query;  // of the pool: `where` within the space
};
// Error(kMismatch) for several such spaces, and for none.
NamedRecords named_records(const store::Store& store, const std::vector<std::string>& names,
                           const std::vector<std::string>& where, const store::SpaceChoice& choice);

// The mean of many records, and of their deltas by probe where all of them have those. Records without effect count.
class CommonDirection {
 public:
  explicit CommonDirection(Row row) : row_(row) {}
  void add(const store::Record& record);
  // Empty for no record.
  std::optional<store::Record> mean() const;

 private:
  Row row_;
  std::size_t count_ = 0;
  store::Record first_;  // without its numbers
  bool by_probe_ = true;
  std::vector<double> sum_, probe_sums_;
};

std::vector<double> widened(const store::Record& record, Row row, std::size_t width);  // the rest zeros
Gram gram_of(const std::vector<std::vector<double>>& vectors);
// The same of all but the last, beside its direction.
Gram beside_last(const Gram& products);

}  // namespace deltascape::landscape
