// Owns taking one layer out of a record that holds all of them.
#include <cmath>

#include "store/store.h"

namespace deltascape::store {

Record one_layer(Record record, std::int64_t row) {
  if (record.layers == 1) return record;
  const bool last = row == record.layers - 1;
  const auto cut = [&](std::vector<float>& values) {
    if (values.empty()) return;
    const auto start = values.begin() + row * record.dim;
    values = std::vector<float>(start, start + record.dim);
  };
  cut(record.mean);
  cut(record.standard_error);
  double squares = 0;
  for (const float value : record.mean) squares += double{value} * value;
  if (!last) {
    record.norm = std::sqrt(squares);
    record.relative_norm = 0;  // not known: the base's hidden state there was not kept
    record.spread.reset();
  }
  record.no_effect = squares == 0;
  record.space.parameters["layer"] = last ? "last" : std::to_string(row);
  record.layers = 1;
  return record;
}

}  // namespace deltascape::store
