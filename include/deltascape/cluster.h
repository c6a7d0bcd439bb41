// Groups of variants by their labels and by their vectors, how well they fit, and how far the two agree
// (docs/design.md §5.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/similarity.h"
#include "deltascape/store.h"

namespace deltascape::landscape {

// ---- silhouette (Rousseeuw 1987) over labels: cosine distance in [0, 1], classes of at least two members ----

struct SilhouetteClass {
  std::string label;
  std::size_t members = 0;
  double average = 0;
};

struct Silhouette {
  double average = 0;
  double error = 0;         // two standard errors of the sample
  std::size_t sampled = 0;  // records of the sample; 0: exact (docs/design.md §5.4)
  // 95 %, by drawing other variants of the same classes (bootstrap); cluster() alone takes it. Empty where no class has
  // three members, and for more than 2000 variants in hundreds of classes.
  std::optional<double> low, high;
  std::vector<SilhouetteClass> classes;        // in label order
  std::vector<std::optional<double>> samples;  // one a record, empty for those left out, also by the sample
  std::size_t no_effect = 0;                   // left out: zero embeddings
  std::size_t unlabelled = 0;                  // left out: no label
  std::size_t lone = 0;                        // left out: alone in their class
};

// Empty when fewer than two classes have two members with an effect.
std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, Row row = {});

// ---- how far labels and vectors agree ----

// As sklearn.metrics' adjusted_rand_score, normalized_mutual_info_score (arithmetic mean), and the share of members
// that have the most frequent label of their cluster.
struct Agreement {
  std::size_t members = 0;
  double adjusted_rand = 0, mutual_information = 0, purity = 0;
};

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
  // How many of the nearest neighbours were found; empty: all.
  std::optional<double> nearest_found;
  // Whose nearest neighbour has another label, or whose cluster is mostly of others; in record order, no class of one.
  std::vector<Surroundings> strays;
};

// ---- clusters ----

enum class ClusterMethod {
  kAuto,           // labels when at least half of the records have one, of two classes or more, and no k is asked for;
                   // else agglomerative, or k-means where there are too many records for it
  kLabels,         // one cluster a label; records without a label form a last one without a name
  kKMeans,         // spherical k-means, k-means++ starts, the best of ten
  kAgglomerative,  // average linkage on cosine distance
};

// auto, labels, kmeans, agglomerative. Error(kUsage) for another name.
ClusterMethod cluster_method(const std::string& name);
std::string name_of(ClusterMethod method);

struct ClusterOptions {
  ClusterMethod method = ClusterMethod::kAuto;
  std::size_t k = 0;       // 0: the k (2 … 20) with the best silhouette, for k-means of 5000 records at most
  std::uint64_t seed = 0;  // of k-means, and of the silhouette's interval
  Row row = {};
};

struct Cluster {
  std::size_t id = 0;                // from 0, in the order of the clusters
  std::string name;                  // the label; for a found cluster, its most central member's name
  std::vector<std::string> members;  // in name order
};

// Groups that the vectors form.
struct FoundClusters {
  ClusterMethod method = ClusterMethod::kAgglomerative;  // kKMeans or kAgglomerative
  std::optional<double> fit;                             // average silhouette
  double fit_error = 0;                                  // two standard errors, where it is sampled
  std::size_t fit_sampled = 0;                           // records of the sample; 0: exact
  std::vector<Cluster> clusters;                         // largest first, then by name
};

struct Clustering {
  ClusterMethod method = ClusterMethod::kLabels;  // what `clusters` are by, never kAuto
  std::optional<Silhouette> silhouette;           // of the labels; empty as silhouette() says
  std::optional<double> fit;                      // of found clusters; empty for kLabels
  std::vector<Cluster> clusters;                  // by label, in label order, or the found ones
  FoundClusters found;                            // what the vectors say, whatever `method` is
  std::vector<std::string> no_effect;  // zero embeddings: in no found cluster (in their label's, for kLabels)
  // One a record: its place in found.clusters; empty for one without effect.
  std::vector<std::optional<std::size_t>> assignment;
  std::optional<LabelAgreement> agreement;  // of labels and vectors; empty when no record with an effect has a label
};

// Error(kUsage) when k exceeds the records that have an effect; kMismatch when the records are not comparable.
Clustering cluster(const std::vector<store::Record>& records, const ClusterOptions& options = {});

// What a store keeps of it, for maps: Store::keep_clusters().
std::vector<store::Assignment> assignments_of(const Clustering& clustering, const std::vector<store::Record>& records);

}  // namespace deltascape::landscape
