#include "landscape/silhouette.h"

#include <algorithm>
#include <map>

#include "landscape/embedding_rows.h"
#include "landscape/silhouette_of.h"

namespace deltascape::landscape {

double silhouette_sample(std::span<const double> distance_sums, std::span<const std::size_t> sizes, std::size_t own) {
  if (sizes[own] < 2) return 0;
  const double inside = distance_sums[own] / static_cast<double>(sizes[own] - 1);
  double outside = -1;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (c == own || sizes[c] == 0) continue;
    const double mean = distance_sums[c] / static_cast<double>(sizes[c]);
    if (outside < 0 || mean < outside) outside = mean;
  }
  const double larger = std::max(inside, outside);
  return larger > 0 && outside >= 0 ? (outside - inside) / larger : 0;
}

std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, Row row) {
  const EmbeddingRows all = unit_rows(records, row);
  Silhouette out;
  std::map<std::string, std::vector<std::size_t>> classes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].label.empty()) ++out.unlabelled;
    else if (all.zero[i]) ++out.no_effect;
    else classes[records[i].label].push_back(i);
  }
  std::vector<std::size_t> keep, class_of, sizes;
  for (const auto& [label, members] : classes) {
    if (members.size() < 2) {
      ++out.lone;
      continue;
    }
    for (const std::size_t i : members) {
      keep.push_back(i);
      class_of.push_back(sizes.size());
    }
    sizes.push_back(members.size());
    out.classes.push_back({label, members.size(), 0});
  }
  if (sizes.size() < 2) return std::nullopt;

  std::vector<double> samples(keep.size());
  for_each_product_row(subset(all, keep), [&](std::size_t i, std::span<const double> cosines) {
    std::vector<double> sums(sizes.size());
    for (std::size_t j = 0; j < cosines.size(); ++j)
      if (j != i) sums[class_of[j]] += cosine_distance(cosines[j]);
    samples[i] = silhouette_sample(sums, sizes, class_of[i]);
  });

  out.samples.resize(records.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    out.samples[keep[i]] = samples[i];
    out.average += samples[i] / static_cast<double>(keep.size());
    SilhouetteClass& own = out.classes[class_of[i]];
    own.average += samples[i] / static_cast<double>(own.members);
  }
  return out;
}

}  // namespace deltascape::landscape
