// How alike two embeddings are: cosines in float64, and how far they move when a probe is left out (docs/design.md
// §5.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/record.h"

namespace deltascape::landscape {

// Which row of [layers, dim] is read; empty: the last one, which is the only one unless embedded with --layer all.
using Row = std::optional<std::int64_t>;

// The chosen row, [dim]. A row beyond the record's layers is Error(kUsage).
std::span<const float> embedding(const store::Record& record, Row row = {});

// Whether the deltas of at least two probes are known one by one.
bool has_probes(const store::Record& record);

// Empty when either is zero (a variant without effect points nowhere). Error(kMismatch) when widths differ.
std::optional<double> cosine(std::span<const float> a, std::span<const float> b);

// A cosine and its 95 % interval over probes: the leave-one-probe-out jackknife, its bias taken off, with Student's t
// for the number of probes; the cosine itself is inside, and all is within [-1, 1]. It is right as far as the probes
// are a sample of others one might have asked; the paper's five are fixed. low and high are empty with fewer than two
// probes, without per-probe deltas, or when leaving a probe out leaves nothing.
struct Similarity {
  std::optional<double> cosine, low, high;
};
Similarity similarity(const store::Record& a, const store::Record& b, Row row = {});

// Cosines of all pairs, symmetric, row-major [count, count]; NaN where one is zero (see at()).
// It takes 8·count² bytes; Error(kUsage) above 20000 records.
struct CosineMatrix {
  std::size_t count = 0;
  std::vector<double> values;
  std::optional<double> at(std::size_t i, std::size_t j) const;
};
CosineMatrix cosine_matrix(const std::vector<store::Record>& records, Row row = {});

}  // namespace deltascape::landscape
