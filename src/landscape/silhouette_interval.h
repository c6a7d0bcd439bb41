// How far the silhouette of labels moves when other variants of the same classes might have been there.
#pragma once

#include <cstdint>

#include "landscape/partition.h"
#include "landscape/probes.h"

namespace deltascape::landscape {

// 95 %: standard error of the bootstrap within classes (500 draws; copies of one row are not compared with each other),
// widened by √(n/(n−1)) for the classes' sizes n, with Student's t for rows less classes. Above 1000 rows it is that
// of an even part of each class, scaled. `average`: of all rows. Empty where no class has three rows, and where there
// are too many classes.
std::optional<Bounds> silhouette_interval(const Rows& rows, const Partition& labels, double average,
                                          std::uint64_t seed);

}  // namespace deltascape::landscape
