// The silhouette (Rousseeuw 1987) over labels as docs/design.md §5.4 fixes it: cosine distance in [0, 1], classes of at
// least two members; equal to sklearn.metrics.silhouette_score(metric="precomputed") unless it says that it is sampled.
#pragma once

#include "landscape/rows.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {

struct SilhouetteClass {
  std::string label;
  std::size_t members = 0;
  double average = 0;
};

struct Silhouette {
  double average = 0;
  double error = 0;                            // two standard errors of the sample
  std::size_t sampled = 0;                     // records of the sample; 0: exact (partition.h says when)
  std::vector<SilhouetteClass> classes;        // in label order
  std::vector<std::optional<double>> samples;  // one a record, empty for those left out, also by the sample
  std::size_t no_effect = 0;                   // left out: zero embeddings
  std::size_t unlabelled = 0;                  // left out: no label
  std::size_t lone = 0;                        // left out: alone in their class
};

// Empty when fewer than two classes have two members with an effect.
std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, Row row = {});
// With the records' unit rows.
std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, const Rows& rows);

}  // namespace deltascape::landscape
