#include "landscape/clusters.h"

#include <algorithm>
#include <map>

#include "deltascape/error.h"
#include "landscape/partition.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostClusters = 20;       // tried when k is not given
constexpr std::size_t kMostForLinkage = 20000;  // 1.6 GB of distances

std::vector<Cluster> by_label(const std::vector<store::Record>& records) {
  std::map<std::string, std::vector<std::string>> members;
  for (const store::Record& record : records) members[record.label].push_back(record.name);
  std::vector<Cluster> out;
  for (auto& [label, names] : members)
    if (!label.empty()) out.push_back({0, label, std::move(names)});
  const auto unlabelled = members.find("");
  if (unlabelled != members.end()) out.push_back({0, "", std::move(unlabelled->second)});
  return out;
}

struct Found {
  Partition partition;
  std::optional<double> fit;
};

// The partition into `options.k` groups, or into the number of groups that fits best.
Found find_groups(const EmbeddingRows& rows, const ClusterOptions& options) {
  std::vector<std::size_t> tried;
  if (options.k > 0) tried = {options.k};
  for (std::size_t k = 2; options.k == 0 && k < rows.count && k <= kMostClusters; ++k) tried.push_back(k);
  if (tried.empty()) tried = {1};

  std::vector<Partition> partitions;
  if (options.method == ClusterMethod::kKMeans) {
    for (const std::size_t k : tried) partitions.push_back(spherical_kmeans(rows, k, options.seed));
  } else {
    const std::vector<Merge> tree = average_linkage(rows);
    for (const std::size_t k : tried) partitions.push_back(cut(tree, rows.count, k));
  }
  const std::vector<std::optional<double>> fit = fits(rows, partitions);
  std::size_t best = 0;
  for (std::size_t p = 1; p < fit.size(); ++p)
    if (fit[p] > fit[best]) best = p;
  return {std::move(partitions[best]), fit[best]};
}

// The member nearest to the middle of the group's unit rows.
std::size_t central(const EmbeddingRows& rows, const std::vector<std::size_t>& members) {
  std::vector<double> sum(rows.width);
  for (const std::size_t i : members)
    for (std::size_t d = 0; d < rows.width; ++d) sum[d] += rows.values[i * rows.width + d];
  std::size_t best = members.front();
  double most = -1e300;
  for (const std::size_t i : members) {
    double product = 0;
    for (std::size_t d = 0; d < rows.width; ++d) product += rows.values[i * rows.width + d] * sum[d];
    if (product > most + 1e-12) {
      most = product;
      best = i;
    }
  }
  return best;
}

std::vector<Cluster> named(const EmbeddingRows& rows, const Partition& partition,
                           const std::vector<std::string>& names) {
  std::map<std::size_t, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < partition.size(); ++i) groups[partition[i]].push_back(i);
  std::vector<Cluster> out;
  for (const auto& [group, members] : groups) {
    Cluster cluster;
    cluster.name = names[central(rows, members)];
    for (const std::size_t i : members) cluster.members.push_back(names[i]);
    out.push_back(std::move(cluster));
  }
  std::sort(out.begin(), out.end(), [](const Cluster& a, const Cluster& b) {
    return a.members.size() != b.members.size() ? a.members.size() > b.members.size() : a.name < b.name;
  });
  return out;
}

void require_sizes(const EmbeddingRows& rows, const ClusterOptions& options) {
  if (options.k > rows.count)
    throw Error(ErrorCode::kUsage, "more clusters than variants that have an effect",
                {.path = {},
                 .field = "k",
                 .expected = "at most " + std::to_string(rows.count),
                 .found = std::to_string(options.k)});
  if (options.method == ClusterMethod::kAgglomerative && rows.count > kMostForLinkage)
    throw Error(ErrorCode::kUsage, "too many variants for agglomerative clusters; use k-means",
                {.path = {},
                 .field = {},
                 .expected = "at most " + std::to_string(kMostForLinkage),
                 .found = std::to_string(rows.count)});
}

}  // namespace

Clustering cluster(const std::vector<store::Record>& records, const ClusterOptions& asked) {
  ClusterOptions options = asked;
  const bool labelled = std::any_of(records.begin(), records.end(), [](const auto& r) { return !r.label.empty(); });
  if (options.method == ClusterMethod::kAuto)
    options.method = labelled && options.k == 0 ? ClusterMethod::kLabels : ClusterMethod::kAgglomerative;

  const EmbeddingRows all = unit_rows(records, options.row);
  Clustering out;
  out.method = options.method;
  out.silhouette = silhouette(records, options.row);
  std::vector<std::size_t> keep;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (all.zero[i]) {
      out.no_effect.push_back(records[i].name);
    } else {
      keep.push_back(i);
      names.push_back(records[i].name);
    }
  }
  if (options.method == ClusterMethod::kLabels) {
    out.clusters = by_label(records);
  } else {
    const EmbeddingRows rows = subset(all, keep);
    require_sizes(rows, options);
    if (rows.count > 0) {
      const Found found = find_groups(rows, options);
      out.fit = found.fit;
      out.clusters = named(rows, found.partition, names);
    }
  }
  for (std::size_t c = 0; c < out.clusters.size(); ++c) {
    out.clusters[c].id = c;
    std::sort(out.clusters[c].members.begin(), out.clusters[c].members.end());
  }
  std::sort(out.no_effect.begin(), out.no_effect.end());
  return out;
}

}  // namespace deltascape::landscape
