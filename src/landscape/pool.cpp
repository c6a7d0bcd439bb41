#include "landscape/pool.h"

#include <algorithm>
#include <numeric>

namespace deltascape::landscape {

NamedRecords named_records(const store::Store& store, const std::vector<std::string>& names,
                           const std::vector<std::string>& where, const store::SpaceChoice& choice) {
  std::vector<std::string> found;
  for (const std::string& name : names) found.push_back(store.resolve(name));
  NamedRecords out;
  out.space = store::only_one(store::choose(store, found, choice));
  const store::Query query = out.space ? *store::within({}, {*out.space}) : store::Query();
  for (const std::string& name : found) out.records.push_back(store.get(name, query));
  store::require_comparable(out.records);  // without a space it says what sets them apart
  out.query = query;
  out.query.where = where;
  return out;
}

void CommonDirection::add(const store::Record& record) {
  const std::span<const float> values = embedding(record, row_);
  if (count_++ == 0) {
    first_ = record;
    first_.mean.clear();
    first_.standard_error.clear();
    first_.per_probe.clear();
    sum_.resize(values.size());
    probe_sums_.resize(has_probes(record) ? record.per_probe.size() : 0);
  }
  for (std::size_t k = 0; k < sum_.size(); ++k) sum_[k] += values[k];
  by_probe_ = by_probe_ && has_probes(record) && record.per_probe.size() == probe_sums_.size();
  for (std::size_t k = 0; by_probe_ && k < probe_sums_.size(); ++k) probe_sums_[k] += record.per_probe[k];
}

std::optional<store::Record> CommonDirection::mean() const {
  if (count_ == 0) return std::nullopt;
  store::Record out = first_;
  out.layers = 1;
  const auto count = static_cast<double>(count_);
  for (const double sum : sum_) out.mean.push_back(static_cast<float>(sum / count));
  for (std::size_t k = 0; by_probe_ && k < probe_sums_.size(); ++k)
    out.per_probe.push_back(static_cast<float>(probe_sums_[k] / count));
  return out;
}

std::vector<double> widened(const store::Record& record, Row row, std::size_t width) {
  const std::span<const float> values = embedding(record, row);
  std::vector<double> out(values.begin(), values.end());
  out.resize(std::max(width, out.size()));
  return out;
}

Gram gram_of(const std::vector<std::vector<double>>& vectors) {
  Gram out(vectors.size());
  for (std::size_t i = 0; i < vectors.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      out(i, j) = out(j, i) = std::inner_product(vectors[i].begin(), vectors[i].end(), vectors[j].begin(), 0.0);
  return out;
}

Gram beside_last(const Gram& products) {
  const std::size_t last = products.count - 1;
  Gram out(last);
  const double square = products(last, last);
  for (std::size_t i = 0; i < last; ++i)
    for (std::size_t j = 0; j < last; ++j)
      out(i, j) = products(i, j) - (square > 0 ? products(i, last) * products(j, last) / square : 0);
  for (std::size_t i = 0; i < last; ++i)
    if (!(out(i, i) > 1e-12 * products(i, i)))  // what rounding leaves of a vector along that direction
      for (std::size_t j = 0; j < last; ++j) out(i, j) = out(j, i) = 0;
  return out;
}

}  // namespace deltascape::landscape
