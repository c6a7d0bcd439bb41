// Owns the measuring of limits: products at a model's shapes, memory, and the disk below the base's files.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <vector>

#include "deltascape/progress.h"
#include "model/spec.h"

namespace deltascape::measure {

// FLOP/s of the blocks' linears with `rows` rows, through the engine's own products.
double gemm_rate(const model::ModelSpec& spec, std::int64_t rows, at::ScalarType dtype, Progress& progress);
// bytes/s of c = a + b, two reads and a write counted, on buffers several times the last cache.
double memory_bandwidth();

struct DiskRate {
  double bytes_per_second = 0;
  double cached_fraction = 0;  // of all pages, in memory before
};
// Reads up to 1 GiB, spread over a model's weight files, and leaves the page cache as it was found.
DiskRate disk_rate(const std::filesystem::path& model, Progress& progress);

}  // namespace deltascape::measure
