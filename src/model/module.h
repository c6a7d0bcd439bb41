// Owns the canonical names of a decoder's parts. Families map their tensor names onto these (architecture.cpp).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace deltascape::model {

// The parts of one block in the order they run, then the parts outside the blocks.
enum class Module : std::uint8_t {
  kAttnNorm,
  kQ,
  kK,
  kV,
  kQNorm,
  kKNorm,
  kO,
  kAttnPostNorm,
  kMlpNorm,
  kGate,
  kUp,
  kDown,
  kMlpPostNorm,
  kEmbed,
  kFinalNorm,
  kHead,
};
inline constexpr std::size_t kModules = 16;
inline constexpr std::size_t kBlockModules = 13;  // the first 13 lie in a block
constexpr std::size_t index(Module m) { return static_cast<std::size_t>(m); }
constexpr Module module_at(std::size_t i) { return static_cast<Module>(i); }
constexpr bool in_block(Module m) { return index(m) < kBlockModules; }

// A part of one layer; layer is -1 for the parts outside the blocks.
struct Site {
  Module module;
  int layer = -1;
  friend auto operator<=>(const Site&, const Site&) = default;
};

enum class Param : std::uint8_t { kWeight, kBias };

template <class T>
using PerModule = std::array<T, kModules>;

}  // namespace deltascape::model
