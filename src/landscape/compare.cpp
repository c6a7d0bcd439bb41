#include "deltascape/compare.h"

#include <cmath>

#include "landscape/difference.h"
#include "landscape/probes.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {
namespace {

double norm(std::span<const float> values) {
  double squares = 0;
  for (const float value : values) squares += double{value} * value;
  return std::sqrt(squares);
}

}  // namespace

Comparison compare(const store::Record& a, const store::Record& b, Row row) {
  store::require_comparable({a, b});
  Comparison out;
  out.similarity = similarity(a, b, row);
  out.norm_a = norm(embedding(a, row));
  out.norm_b = norm(embedding(b, row));
  if (!row || *row == a.layers - 1) {
    out.relative_norm_a = store::known_relative_norm(a);
    out.relative_norm_b = store::known_relative_norm(b);
  }
  if (out.norm_b > 0) out.norm_ratio = out.norm_a / out.norm_b;
  const store::Record* const both[] = {&a, &b};
  if (const auto products = ProbeProducts::of(both); products && out.similarity.cosine)
    if (const auto bounds = bootstrap(*products, cosine_of_two).front()) {
      out.bootstrap_low = bounds->around(*out.similarity.cosine, -1, 1).low;
      out.bootstrap_high = bounds->around(*out.similarity.cosine, -1, 1).high;
    }
  out.difference = difference(a, b, row);
  if (a.layers > 1)
    for (std::int64_t l = 0; l < a.layers; ++l) out.layers.push_back(cosine(embedding(a, l), embedding(b, l)));
  return out;
}

StoredComparison compare(const store::Store& store, const std::string& a, const std::string& b,
                         const store::SpaceChoice& choice) {
  const std::string name_a = store.resolve(a), name_b = store.resolve(b);
  // The one in which both are measured; empty where there is none: comparing them says what sets them apart.
  const std::optional<store::ChosenSpace> space = store::only_one(store::choose(store, {name_a, name_b}, choice));
  const store::Query query = space ? *store::within({}, {*space}) : store::Query();
  StoredComparison out{store.get(name_a, query), store.get(name_b, query), {}};
  out.comparison = compare(out.a, out.b, space ? space->row : std::nullopt);
  return out;
}

}  // namespace deltascape::landscape
