// Owns grouping variants: by their labels, or, without labels, by spherical k-means or average linkage.
#pragma once

#include "landscape/silhouette.h"

namespace deltascape::landscape {

enum class ClusterMethod {
  kAuto,           // labels when a record has one and no k is asked for, else agglomerative
  kLabels,         // one cluster a label; records without a label form a last one without a name
  kKMeans,         // spherical k-means, k-means++ starts, the best of ten
  kAgglomerative,  // average linkage on cosine distance
};

struct ClusterOptions {
  ClusterMethod method = ClusterMethod::kAuto;
  std::size_t k = 0;       // 0: the k (2 … 20) with the best silhouette
  std::uint64_t seed = 0;  // of k-means
  Row row = {};
};

struct Cluster {
  std::size_t id = 0;                // from 0, in the order of the clusters
  std::string name;                  // the label; for a found cluster, its most central member's name
  std::vector<std::string> members;  // in name order
};

struct Clustering {
  ClusterMethod method = ClusterMethod::kLabels;  // what was done, never kAuto
  std::optional<Silhouette> silhouette;           // of the labels; empty as silhouette() says
  std::optional<double> fit;                      // average silhouette of found clusters; empty for kLabels
  std::vector<Cluster> clusters;                  // largest first, then by name; labels in label order
  std::vector<std::string> no_effect;  // zero embeddings: in no found cluster (in their label's, for kLabels)
};

// Error(kUsage) when k exceeds the records that have an effect; kMismatch when the records are not comparable.
Clustering cluster(const std::vector<store::Record>& records, const ClusterOptions& options = {});

}  // namespace deltascape::landscape
