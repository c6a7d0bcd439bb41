// What this machine can do, and how close the engine comes to it (docs/design.md §4.4 `bench`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"

namespace deltascape {

struct BenchOptions {
  std::string base;
  std::vector<ModelRef> models;    // empty: `variants` random LoRA adapters, made in a temporary folder and removed
  int variants = 16;               // N, where models is empty
  int rank = 8;                    // of the random adapters
  std::string precision = "auto";  // as EmbedOptions
  std::size_t memory = 0;          // as EmbedOptions
  int threads = 0;                 // as EmbedOptions
};

// What was measured here, now. Rates are the best of a few trials: limits, not averages.
struct MachineRates {
  std::string processor;              // "AMD EPYC 9B45"
  std::vector<std::string> features;  // those that decide which products are fast: "avx512f", "avx512_bf16"
  int threads = 0;
  double fp32 = 0, bf16 = 0;    // FLOP/s over one block's linears at the model's shapes
  double fp64 = 0;              // the same; 0 unless the run is fp64
  std::int64_t gemm_rows = 0;   // rows of those products
  double memory_bandwidth = 0;  // bytes/s of a + b -> c on buffers beyond the caches
  double disk_rate = 0;         // bytes/s of reading the base's files, as they were found
  double cached_fraction = 0;   // of those files' pages, in memory before they were read
};

struct BenchReport {
  MachineRates machine;
  // the work
  std::string family, precision;      // precision: what `auto` chose
  std::string precision_reason;       // and what it went by; empty where a precision was asked for
  std::string contradiction;          // one line where the measured products say otherwise; empty where they agree
  std::int64_t variants = 0;          // N that were embedded
  std::int64_t tokens = 0;            // S, of all probes
  std::int64_t block_parameters = 0;  // P, of all blocks' linears that read every token
  std::int64_t base_bytes = 0;        // of the blocks, on disk
  std::int64_t variant_bytes = 0;     // of all variants, on disk
  // what it took
  double start_seconds = 0;                               // opening base and tokenizer
  double seconds = 0;                                     // from there to the last embedding
  std::vector<std::pair<std::string, double>> breakdown;  // of `seconds`, by kind of work; the last is "other"
  std::int64_t peak_bytes = 0;                            // resident set of the process when the run was done
  // what it would take at the measured rates
  double compute_limit = 0, disk_limit = 0;
  double limit() const { return compute_limit > disk_limit ? compute_limit : disk_limit; }
  double ratio() const { return limit() > 0 ? seconds / limit() : 0; }
};

// Runs `embed` once and measures the machine around it. Throws Error when the base cannot be read, a model fails, or
// the temporary folder cannot be written.
BenchReport bench(const BenchOptions& options, Progress& progress = silent_progress());

}  // namespace deltascape
