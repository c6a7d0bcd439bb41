#include "landscape/clusters.h"

#include <algorithm>
#include <map>
#include <set>

#include "deltascape/error.h"
#include "landscape/partition.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostClusters = 20;       // tried when k is not given
constexpr std::size_t kMostForLinkage = 20000;  // 1.6 GB of distances
constexpr std::size_t kSample = 5000;           // rows that choose k where all of them would take hours

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

struct Groups {
  Partition partition;
  std::optional<double> fit;
};

// Every n-th row, so that about kSample are left.
EmbeddingRows sampled(const EmbeddingRows& rows) {
  std::vector<std::size_t> keep;
  const std::size_t step = (rows.count + kSample - 1) / kSample;
  for (std::size_t i = 0; i < rows.count; i += step) keep.push_back(i);
  return subset(rows, keep);
}

// The partition into `options.k` groups, or into the number of groups that fits best.
Groups find_groups(const EmbeddingRows& rows, const ClusterOptions& options) {
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

// As find_groups(); silhouettes of many rows take N² products, so a sample chooses the number and stands for the fit.
Groups find_among_many(const EmbeddingRows& rows, ClusterOptions options) {
  if (rows.count <= kMostForLinkage) return find_groups(rows, options);
  const EmbeddingRows few = sampled(rows);
  std::optional<double> fit;
  if (options.k <= few.count) {
    const Groups sample = find_groups(few, options);
    fit = sample.fit;
    options.k = std::max(options.k, 1 + *std::max_element(sample.partition.begin(), sample.partition.end()));
  }
  return {spherical_kmeans(rows, options.k, options.seed), fit};
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

// The clusters, and where each record (keep[i] of row i) went.
void name_clusters(const std::vector<store::Record>& records, const EmbeddingRows& rows, const Partition& partition,
                   const std::vector<std::size_t>& keep, Clustering& out) {
  std::map<std::size_t, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < partition.size(); ++i) groups[partition[i]].push_back(i);
  std::vector<std::pair<Cluster, const std::vector<std::size_t>*>> named;
  for (const auto& [group, members] : groups) {
    Cluster cluster;
    cluster.name = records[keep[central(rows, members)]].name;
    for (const std::size_t i : members) cluster.members.push_back(records[keep[i]].name);
    named.emplace_back(std::move(cluster), &members);
  }
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
    const std::size_t of_a = a.first.members.size(), of_b = b.first.members.size();
    return of_a != of_b ? of_a > of_b : a.first.name < b.first.name;
  });
  for (auto& [cluster, members] : named) {
    for (const std::size_t i : *members) out.assignment[keep[i]] = out.found.clusters.size();
    out.found.clusters.push_back(std::move(cluster));
  }
}

void number(std::vector<Cluster>& clusters) {
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    clusters[c].id = c;
    std::sort(clusters[c].members.begin(), clusters[c].members.end());
  }
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

bool mostly_labelled(const std::vector<store::Record>& records) {
  std::set<std::string> classes;
  std::size_t labelled = 0;
  for (const store::Record& r : records) {
    if (r.label.empty()) continue;
    ++labelled;
    classes.insert(r.label);
  }
  return classes.size() >= 2 && 2 * labelled >= records.size();
}

}  // namespace

Clustering cluster(const std::vector<store::Record>& records, const ClusterOptions& asked) {
  Clustering out;
  out.method = asked.method;
  if (asked.method == ClusterMethod::kAuto && asked.k == 0 && mostly_labelled(records))
    out.method = ClusterMethod::kLabels;

  const EmbeddingRows all = unit_rows(records, asked.row);
  out.silhouette = silhouette(records, asked.row);
  out.assignment.resize(records.size());
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (all.zero[i]) out.no_effect.push_back(records[i].name);
    else keep.push_back(i);
  }
  const EmbeddingRows rows = subset(all, keep);
  ClusterOptions options = asked;
  if (options.method != ClusterMethod::kKMeans && options.method != ClusterMethod::kAgglomerative)
    options.method = rows.count > kMostForLinkage ? ClusterMethod::kKMeans : ClusterMethod::kAgglomerative;
  require_sizes(rows, options);
  out.found.method = options.method;
  if (rows.count > 0) {
    const Groups groups = find_among_many(rows, options);
    out.found.fit = groups.fit;
    name_clusters(records, rows, groups.partition, keep, out);
  }
  number(out.found.clusters);
  out.agreement = label_agreement(records, all, out.assignment);
  if (out.method == ClusterMethod::kLabels) {
    out.clusters = by_label(records);
    number(out.clusters);
  } else {
    out.method = out.found.method;
    out.fit = out.found.fit;
    out.clusters = out.found.clusters;
  }
  std::sort(out.no_effect.begin(), out.no_effect.end());
  return out;
}

}  // namespace deltascape::landscape
