#include "deltascape/cluster.h"

#include <algorithm>
#include <map>
#include <set>

#include "deltascape/error.h"
#include "landscape/agreement.h"
#include "landscape/embedding_rows.h"
#include "landscape/lloyd.h"
#include "landscape/partition.h"
#include "landscape/silhouette.h"

namespace deltascape::landscape {
namespace {

struct MethodName {
  std::string_view name;
  ClusterMethod method;
};
constexpr MethodName kMethods[] = {{"auto", ClusterMethod::kAuto},
                                   {"labels", ClusterMethod::kLabels},
                                   {"kmeans", ClusterMethod::kKMeans},
                                   {"agglomerative", ClusterMethod::kAgglomerative}};

constexpr std::size_t kMostClusters = 20;       // tried when k is not given
constexpr std::size_t kMostForLinkage = 10000;  // 400 MB and 5 s on one core; of 20000, 1.6 GB and 25 s
constexpr std::size_t kSample = 5000;           // rows that choose k for k-means
constexpr int kStartsToChoose = 3;              // for each k

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
  std::optional<Fit> fit;
};

// The partition that fits best, the first of equals.
Groups best_of(const Rows& rows, std::vector<Partition> partitions) {
  const std::vector<std::optional<Fit>> fit = fits(rows, partitions);
  const auto average = [&](std::size_t p) { return fit[p] ? std::optional(fit[p]->average) : std::nullopt; };
  std::size_t best = 0;
  for (std::size_t p = 1; p < fit.size(); ++p)
    if (average(p) > average(best)) best = p;
  Groups out{std::move(partitions[best]), fit[best]};
  if (out.fit && out.fit->sampled > 0) out.fit = fits(rows, {out.partition}).front();  // one alone may be exact
  return out;
}

std::vector<std::size_t> numbers_tried(std::size_t count) {
  std::vector<std::size_t> out;
  for (std::size_t k = 2; k < count && k <= kMostClusters; ++k) out.push_back(k);
  if (out.empty()) out.push_back(1);
  return out;
}

Groups agglomerative(const Rows& rows, std::size_t k) {
  const std::vector<Merge> tree = average_linkage(rows);
  std::vector<Partition> partitions;
  for (const std::size_t n : k > 0 ? std::vector{k} : numbers_tried(rows.count))
    partitions.push_back(cut(tree, rows.count, n));
  return best_of(rows, std::move(partitions));
}

Groups by_kmeans(const Rows& rows, std::size_t k, std::uint64_t seed) {
  if (k > 0) return best_of(rows, {spherical_kmeans(rows, k, seed)});
  const Subset few(rows, every_nth(rows.count, kSample));
  const bool all = few.rows().count == rows.count;
  std::vector<Partition> partitions;
  for (const std::size_t n : numbers_tried(few.rows().count))
    partitions.push_back(spherical_kmeans(few.rows(), n, seed, all ? kStarts : kStartsToChoose));
  Groups best = best_of(few.rows(), std::move(partitions));
  if (all) return best;
  return by_kmeans(rows, 1 + *std::ranges::max_element(best.partition), seed);
}

// The member nearest to the middle of the group's unit rows.
std::size_t central(const Rows& rows, const std::vector<std::size_t>& members) {
  const std::vector<std::size_t> one_group(members.size(), 0);
  const Centres middle{.count = 1, .values = group_sums(rows, members, one_group, 1), .offsets = {}};
  const Assigned to_it = assign(rows, members, middle);
  std::size_t best = 0;
  for (std::size_t n = 1; n < members.size(); ++n)
    if (to_it.product[n] > to_it.product[best] + 1e-12) best = n;
  return members[best];
}

// The clusters, and where each record (keep[i] of row i) went.
void name_clusters(const std::vector<store::Record>& records, const Rows& rows, const Partition& partition,
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

void require_sizes(const Rows& rows, const ClusterOptions& options) {
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

  const Rows all = unit_rows(records, asked.row);
  out.silhouette = silhouette(records, all, asked.seed);
  out.assignment.resize(records.size());
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (all.is_zero(i)) out.no_effect.push_back(records[i].name);
    else keep.push_back(i);
  }
  const Subset with_effect(all, keep);
  const Rows& rows = with_effect.rows();
  ClusterOptions options = asked;
  if (options.method != ClusterMethod::kKMeans && options.method != ClusterMethod::kAgglomerative)
    options.method = rows.count > kMostForLinkage ? ClusterMethod::kKMeans : ClusterMethod::kAgglomerative;
  require_sizes(rows, options);
  out.found.method = options.method;
  if (rows.count > 0) {
    const Groups groups = options.method == ClusterMethod::kKMeans ? by_kmeans(rows, options.k, options.seed)
                                                                   : agglomerative(rows, options.k);
    if (groups.fit) {
      out.found.fit = groups.fit->average;
      out.found.fit_error = groups.fit->error;
      out.found.fit_sampled = groups.fit->sampled;
    }
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

ClusterMethod cluster_method(const std::string& name) {
  const auto* const found = std::ranges::find(kMethods, name, &MethodName::name);
  if (found == std::end(kMethods))
    throw Error(ErrorCode::kUsage, "unknown clustering method",
                {.field = option("method"), .expected = "auto, labels, kmeans or agglomerative", .found = name});
  return found->method;
}

std::string name_of(ClusterMethod method) {
  return std::string(std::ranges::find(kMethods, method, &MethodName::method)->name);
}

std::vector<store::Assignment> assignments_of(const Clustering& clustering, const std::vector<store::Record>& records) {
  std::vector<store::Assignment> out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::optional<std::size_t>& place = clustering.assignment[i];
    out.push_back({records[i].name, std::nullopt, place ? clustering.found.clusters[*place].name : ""});
    if (place) out.back().cluster = static_cast<std::int64_t>(*place);
  }
  return out;
}

}  // namespace deltascape::landscape
