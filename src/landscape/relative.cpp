#include "landscape/relative.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "deltascape/error.h"

namespace deltascape::landscape {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Scales to length one, where there is any; the length before.
double make_unit(std::vector<double>& values) {
  const double length = std::sqrt(dot(values, values));
  for (double& value : values) value = length > 0 ? value / length : 0;
  return length;
}

constexpr double kRounding = 1e-6;  // of embeddings in float32

}  // namespace

Anchors::Anchors(const std::vector<store::Record>& anchors, Row row, bool centred) : row_(row) {
  store::require_comparable(anchors);
  if (anchors.empty()) return;
  common_.resize(embedding(anchors.front(), row).size());
  if (centred) {
    for (const store::Record& anchor : anchors) {
      const std::span<const float> values = embedding(anchor, row);
      for (std::size_t i = 0; i < common_.size(); ++i) common_[i] += values[i];
    }
    make_unit(common_);
  }
  for (const store::Record& anchor : anchors) {
    units_.push_back(direction(embedding(anchor, row)));
    if (units_.back().empty())
      throw Error(ErrorCode::kNumeric,
                  centred ? "an anchor points where all do: give other tasks, or do not centre"
                          : "an anchor has no effect: train it on more examples",
                  {.path = anchor.name});
  }
}

std::vector<double> Anchors::direction(std::span<const float> values) const {
  std::vector<double> out(values.begin(), values.end());
  const double whole = std::sqrt(dot(out, out)), along = dot(out, common_);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] -= along * common_[i];
  const double left = make_unit(out);
  if (!(left > kRounding * whole)) out.clear();
  return out;
}

std::vector<float> Anchors::cosines(const store::Record& record) const {
  std::vector<float> out(units_.size());
  const std::span<const float> values = embedding(record, row_);
  if (values.size() != common_.size())
    throw Error(
        ErrorCode::kMismatch, "an embedding is of another width than the anchors",
        {.path = record.name, .expected = std::to_string(common_.size()), .found = std::to_string(values.size())});
  const std::vector<double> unit = direction(values);
  if (unit.empty()) return out;
  std::ranges::transform(units_, out.begin(),
                         [&](const auto& anchor) { return static_cast<float>(dot(unit, anchor)); });
  return out;
}

Across across_bases(const std::vector<store::Record>& records) {
  std::map<std::string, std::set<std::string>> bases;  // by label
  for (const store::Record& r : records) bases[r.label].insert(r.space.base_name);
  Across out;
  for (const store::Record& r : records) {
    if (r.label.empty() || r.no_effect || bases[r.label].size() < 2) continue;
    const store::Record* nearest = nullptr;
    double best = -2;
    for (const store::Record& other : records) {
      if (other.space.base_name == r.space.base_name) continue;
      const double near = cosine(r.mean, other.mean).value_or(-2);
      if (near <= best) continue;
      best = near;
      nearest = &other;
    }
    ++out.labelled;
    out.matched += nearest != nullptr && nearest->label == r.label;
  }
  return out;
}

}  // namespace deltascape::landscape
