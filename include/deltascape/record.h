// Owns what is kept of one embedded variant: its numbers and where they come from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/space.h"

namespace deltascape::store {

struct Record {
  std::string name;                  // of the variant, unique in a store
  std::string label;                 // class, or empty
  std::string path;                  // where the variant was read from: absolute, or a hub id
  std::vector<std::string> aliases;  // other names and paths of the same content
  Space space;
  std::string variant_hash;  // content hash
  std::string program_version;
  std::string device;     // "cpu"
  std::string precision;  // "fp32", "fp64", "delta", "bf16"
  std::string created;    // ISO 8601, UTC
  std::int64_t probe_count = 0;
  std::int64_t dim = 0;
  std::int64_t layers = 1;  // rows of an embedding: 1, or L+1 with --layer all
  // layers == 1: deltas of every probe, [probe_count, dim]. Otherwise empty.
  std::vector<float> per_probe;
  // The embedding: mean over probes, [layers, dim].
  std::vector<float> mean;
  // Standard error of the mean over probes ("probe sensitivity"), [layers, dim].
  std::vector<float> standard_error;
  // Of a representation that gives inner products of variants and no vectors: those with all variants of its space, by
  // their content hashes, itself among them. What is read from a store has vectors too, whose inner products these are.
  std::map<std::string, double> products;
  std::optional<double> spread;  // length of the standard error's last row, as a store keeps it; known_spread()
  double norm = 0;               // ‖Δ‖ of the last row
  double relative_norm = 0;  // ‖Δ‖ / ‖h‖, h the base's mean hidden state at the same tap; see known_relative_norm()
  double numeric_error = 0;             // measured relative numerical error, 0 when not measured
  bool no_effect = false;               // a zero delta: cosines are null
  std::optional<std::int64_t> cluster;  // where `deltascape cluster` last put it
  std::string cluster_name;
};

// What a record knows of itself: imported rows may lack numbers, and a missing one is no zero.
inline std::optional<double> known_relative_norm(const Record& r) {
  return r.relative_norm > 0 || r.norm == 0 ? std::optional(r.relative_norm) : std::nullopt;
}
inline std::optional<double> known_numeric_error(const Record& r) {
  return r.numeric_error > 0 ? std::optional(r.numeric_error) : std::nullopt;
}
// One probe has no standard error.
inline bool knows_standard_error(const Record& r) { return !r.standard_error.empty() && r.probe_count != 1; }
// The length of the standard error's last row, as norm is the mean's: what it was kept as, where the row is not there.
std::optional<double> known_spread(const Record& r);

}  // namespace deltascape::store
