// How far two groupings agree (labels and what the vectors say), and which variants stand among others' labels.
#pragma once

#include "landscape/rows.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {

// As sklearn.metrics' adjusted_rand_score, normalized_mutual_info_score (arithmetic mean), and the share of members
// that have the most frequent label of their cluster.
struct Agreement {
  std::size_t members = 0;
  double adjusted_rand = 0, mutual_information = 0, purity = 0;
};
// The class and the cluster of each member, any numbers. With no members all are 0.
Agreement agreement(std::span<const std::size_t> classes, std::span<const std::size_t> clusters);

// One labelled variant seen from its neighbours.
struct Surroundings {
  std::size_t record = 0;               // index
  std::size_t nearest = 0;              // of the other labelled records with an effect
  double cosine = 0;                    // to it
  std::vector<std::string> of_cluster;  // the most frequent labels of its found cluster (several: a tie)
};

struct LabelAgreement {
  Agreement clusters;  // of labels and found clusters, over labelled records with an effect
  // Share of those whose nearest neighbour has their label; classes of one are left out. Empty without any.
  std::optional<double> nearest;
  // How many of the nearest neighbours were found (neighbour_lists.h); empty: all.
  std::optional<double> nearest_found;
  // Whose nearest neighbour has another label, or whose cluster is mostly of others; in record order, no class of one.
  std::vector<Surroundings> strays;
};

// rows: unit rows, one a record; assignment: the found cluster of each record. Empty without a labelled record that has
// an effect.
std::optional<LabelAgreement> label_agreement(const std::vector<store::Record>& records, const Rows& rows,
                                              const std::vector<std::optional<std::size_t>>& assignment);

}  // namespace deltascape::landscape
