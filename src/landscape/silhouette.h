// The silhouette over labels, from rows that are there already.
#pragma once

#include "deltascape/cluster.h"
#include "landscape/rows.h"

namespace deltascape::landscape {

// With the records' unit rows; with a seed also the interval.
std::optional<Silhouette> silhouette(const std::vector<store::Record>& records, const Rows& rows,
                                     std::optional<std::uint64_t> seed = {});

}  // namespace deltascape::landscape
