#include "landscape/silhouette.h"

#include <algorithm>
#include <map>

#include "landscape/embedding_rows.h"
#include "landscape/partition.h"
#include "landscape/silhouette_interval.h"

namespace deltascape::landscape {

std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, Row row) {
  return silhouette(records, unit_rows(records, row));
}

std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, const Rows& all,
                                     std::optional<std::uint64_t> seed) {
  Silhouette out;
  std::map<std::string, std::vector<std::size_t>> classes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].label.empty()) ++out.unlabelled;
    else if (all.is_zero(i)) ++out.no_effect;
    else classes[records[i].label].push_back(i);
  }
  std::vector<std::size_t> keep;
  Partition labels(records.size());
  for (const auto& [label, members] : classes) {
    if (members.size() < 2) {
      ++out.lone;
      continue;
    }
    for (const std::size_t i : members) {
      keep.push_back(i);
      labels[i] = out.classes.size();
    }
    out.classes.push_back({label, members.size(), 0});
  }
  if (out.classes.size() < 2) return std::nullopt;

  std::ranges::sort(keep);
  Partition kept;
  for (const std::size_t i : keep) kept.push_back(labels[i]);
  const Subset labelled(all, keep);
  const std::optional<Fit> fit = fits(labelled.rows(), {kept}).front();
  out.average = fit->average;
  out.error = fit->error;
  out.sampled = fit->sampled;
  if (seed)
    if (const auto bounds = silhouette_interval(labelled.rows(), kept, fit->average, *seed)) {
      out.low = bounds->low;
      out.high = bounds->high;
    }
  for (std::size_t c = 0; c < out.classes.size(); ++c) out.classes[c].average = fit->groups[c];
  out.samples.resize(records.size());
  for (std::size_t n = 0; n < keep.size(); ++n) out.samples[keep[n]] = fit->rows[n];
  return out;
}

}  // namespace deltascape::landscape
