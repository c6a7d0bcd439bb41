#include "deltascape/near.h"

#include <algorithm>
#include <functional>

#include "deltascape/error.h"
#include "landscape/parallel.h"
#include "store/store.h"

namespace deltascape::landscape {

namespace {

// `left_out`: the records that are the query itself.
std::vector<Neighbour> nearest(const std::vector<store::Record>& records, const store::Record& query, std::size_t k,
                               Row row, const std::function<bool(const store::Record&)>& left_out) {
  for (const store::Record& record : records) embedding(record, row);  // throws here, not in a thread
  std::vector<std::optional<double>> cosines(records.size());
  const std::span<const float> wanted = embedding(query, row);
  parallel_blocks(records.size(), 64, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) cosines[i] = cosine(wanted, embedding(records[i], row));
  });

  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < records.size(); ++i)
    if (!left_out(records[i])) order.push_back(i);
  const auto nearer = [&](std::size_t a, std::size_t b) {
    if (cosines[a] != cosines[b]) return cosines[a] > cosines[b];  // an empty one is below every number
    return records[a].name < records[b].name;
  };
  const std::size_t count = k == 0 ? order.size() : std::min(k, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), nearer);

  std::vector<Neighbour> out;
  for (std::size_t n = 0; n < count; ++n) {
    const store::Record& other = records[order[n]];
    const Similarity s = similarity(query, other, row);
    out.push_back({other.name, other.label, s.cosine, s.low, s.high, other.space.base_name});
  }
  return out;
}

}  // namespace

std::vector<Neighbour> near(const std::vector<store::Record>& records, const std::string& name, std::size_t k,
                            Row row) {
  store::require_comparable(records);
  const auto self = std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.name == name; });
  if (self == records.end())
    throw Error(ErrorCode::kNotFound, "no variant has this name",
                {.path = name, .field = {}, .expected = {}, .found = {}});
  return nearest(records, *self, k, row, [&](const store::Record& r) { return &r == &*self; });
}

std::vector<Neighbour> near(const std::vector<store::Record>& records, const store::Record& query, std::size_t k,
                            Row row) {
  store::require_comparable(records);
  if (!records.empty()) store::require_comparable({records.front(), query});
  return nearest(records, query, k, row, [&](const store::Record& r) { return r.variant_hash == query.variant_hash; });
}

}  // namespace deltascape::landscape
