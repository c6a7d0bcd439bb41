// How far two groupings agree (labels and what the vectors say), and which variants stand among others' labels.
#pragma once

#include <span>

#include "deltascape/cluster.h"
#include "landscape/rows.h"

namespace deltascape::landscape {

// The class and the cluster of each member, any numbers. With no members all are 0.
Agreement agreement(std::span<const std::size_t> classes, std::span<const std::size_t> clusters);

// rows: unit rows, one a record; assignment: the found cluster of each record. Empty without a labelled record that has
// an effect.
std::optional<LabelAgreement> label_agreement(const std::vector<store::Record>& records, const Rows& rows,
                                              const std::vector<std::optional<std::size_t>>& assignment);

}  // namespace deltascape::landscape
