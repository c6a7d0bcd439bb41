// Groups of variants by their labels and by their vectors, and how far the two agree.
#pragma once

#include "landscape/agreement.h"
#include "landscape/silhouette.h"

namespace deltascape::landscape {

enum class ClusterMethod {
  kAuto,           // labels when at least half of the records have one, of two classes or more, and no k is asked for;
                   // else agglomerative, or k-means where there are too many records for it
  kLabels,         // one cluster a label; records without a label form a last one without a name
  kKMeans,         // spherical k-means, k-means++ starts, the best of ten
  kAgglomerative,  // average linkage on cosine distance
};

struct ClusterOptions {
  ClusterMethod method = ClusterMethod::kAuto;
  std::size_t k = 0;       // 0: the k (2 … 20) with the best silhouette, for k-means of 5000 records at most
  std::uint64_t seed = 0;  // of k-means
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
  double fit_error = 0;                                  // two standard errors, where it is sampled; see partition.h
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

}  // namespace deltascape::landscape
