// Owns random LoRA adapters of a base: what a benchmark embeds when it is given no models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"
#include "model/spec.h"

namespace deltascape::measure {

// A folder of its own below the system's temporary one, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `count` adapters in PEFT's layout, each of other content: float32, alpha 2·rank, A and B random, on q, k, v, gate,
// up and down of every block. Throws Error(kUnsupported) when the family has none of them.
std::vector<ModelRef> make_random_adapters(const model::ModelSpec& spec, int count, int rank,
                                           const std::filesystem::path& folder, Progress& progress);

}  // namespace deltascape::measure
