#include "landscape/agreement.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "landscape/neighbour_lists.h"

namespace deltascape::landscape {
namespace {

double pairs(double count) { return count * (count - 1) / 2; }

// Members by class, by cluster, and by both.
struct Contingency {
  std::map<std::size_t, double> classes, clusters;
  std::map<std::pair<std::size_t, std::size_t>, double> cells;
  double members = 0;
};

double adjusted_rand(const Contingency& c) {
  double together = 0, in_classes = 0, in_clusters = 0;
  for (const auto& [cell, count] : c.cells) together += pairs(count);
  for (const auto& [group, count] : c.classes) in_classes += pairs(count);
  for (const auto& [group, count] : c.clusters) in_clusters += pairs(count);
  // One group on both sides, or only groups of one, agree.
  if (together == in_classes && together == in_clusters) return 1;
  const double expected = in_classes * in_clusters / pairs(c.members);
  return (together - expected) / ((in_classes + in_clusters) / 2 - expected);
}

double entropy(const std::map<std::size_t, double>& groups, double members) {
  double out = 0;
  for (const auto& [group, count] : groups) out -= count / members * std::log(count / members);
  return out;
}

double mutual_information(const Contingency& c) {
  if (c.classes.size() == 1 && c.clusters.size() == 1) return 1;
  double shared = 0;
  for (const auto& [cell, count] : c.cells)
    shared += count / c.members * std::log(count * c.members / (c.classes.at(cell.first) * c.clusters.at(cell.second)));
  const double mean = (entropy(c.classes, c.members) + entropy(c.clusters, c.members)) / 2;
  return mean > 0 && shared > 0 ? std::min(1.0, shared / mean) : 0;
}

// The most frequent labels of each cluster.
std::map<std::size_t, std::vector<std::string>> labels_of(const std::vector<store::Record>& records,
                                                          const std::vector<std::size_t>& labelled,
                                                          const std::vector<std::optional<std::size_t>>& assignment) {
  std::map<std::size_t, std::map<std::string, std::size_t>> counts;
  for (const std::size_t i : labelled) ++counts[*assignment[i]][records[i].label];
  std::map<std::size_t, std::vector<std::string>> out;
  for (const auto& [cluster, labels] : counts) {
    std::size_t most = 0;
    for (const auto& [label, count] : labels) most = std::max(most, count);
    for (const auto& [label, count] : labels)
      if (count == most) out[cluster].push_back(label);
  }
  return out;
}

}  // namespace

Agreement agreement(std::span<const std::size_t> classes, std::span<const std::size_t> clusters) {
  Contingency c;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    ++c.classes[classes[i]];
    ++c.clusters[clusters[i]];
    ++c.cells[{classes[i], clusters[i]}];
  }
  c.members = static_cast<double>(classes.size());
  if (classes.empty()) return {};
  std::map<std::size_t, double> most;  // of each cluster
  for (const auto& [cell, count] : c.cells) most[cell.second] = std::max(most[cell.second], count);
  double pure = 0;
  for (const auto& [cluster, count] : most) pure += count;
  return {.members = classes.size(),
          .adjusted_rand = adjusted_rand(c),
          .mutual_information = mutual_information(c),
          .purity = pure / c.members};
}

std::optional<LabelAgreement> label_agreement(const std::vector<store::Record>& records, const Rows& rows,
                                              const std::vector<std::optional<std::size_t>>& assignment) {
  std::vector<std::size_t> labelled, classes, clusters;
  std::map<std::string, std::size_t> class_of, sizes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].label.empty() || !assignment[i]) continue;
    labelled.push_back(i);
    classes.push_back(class_of.try_emplace(records[i].label, class_of.size()).first->second);
    clusters.push_back(*assignment[i]);
    ++sizes[records[i].label];
  }
  if (labelled.empty()) return std::nullopt;
  LabelAgreement out;
  out.clusters = agreement(classes, clusters);
  if (labelled.size() < 2) return out;

  const NeighbourLists lists = nearest_rows(Subset(rows, labelled).rows(), 1);
  out.nearest_found = lists.found;
  std::vector<Surroundings> seen;
  for (std::size_t i = 0; i < labelled.size(); ++i)
    seen.push_back({.record = labelled[i],
                    .nearest = labelled[lists.index[i]],
                    .cosine = std::clamp(lists.product[i], -1.0, 1.0),
                    .of_cluster = {}});
  const auto of_cluster = labels_of(records, labelled, assignment);
  std::size_t counted = 0, same = 0;
  for (Surroundings& one : seen) {
    const std::string& label = records[one.record].label;
    if (sizes[label] < 2) continue;
    ++counted;
    const bool near = records[one.nearest].label == label;
    same += near;
    one.of_cluster = of_cluster.at(*assignment[one.record]);
    const bool inside = std::find(one.of_cluster.begin(), one.of_cluster.end(), label) != one.of_cluster.end();
    if (!near || !inside) out.strays.push_back(std::move(one));
  }
  if (counted > 0) out.nearest = static_cast<double>(same) / static_cast<double>(counted);
  return out;
}

}  // namespace deltascape::landscape
