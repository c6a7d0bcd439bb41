// Owns how a layer is written wherever one is chosen: last, all, N, a fraction of the depth, L-pre (docs/design.md
// §5.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deltascape {

struct LayerChoice {
  enum class Kind { kLast, kAll, kNumber, kFraction, kBeforeNorm };
  Kind kind = Kind::kLast;
  std::int64_t number = 0;  // of kNumber and kBeforeNorm, where "L" is -1
  double fraction = 0;      // of kFraction

  // The row of a model's hidden states: 0 behind the embeddings, N behind block N, `blocks` at the end (of kBeforeNorm
  // before the last norm). Empty for kAll, and for a row that such a model lacks.
  std::optional<std::int64_t> row(std::int64_t blocks) const;
  // Is it the layer that a stored record names so? A fraction is one in a space that
  // models of several depths share; other records do not know their model's.
  bool is(std::string_view stored) const;
};

// Empty when it is no spelling of a layer.
std::optional<LayerChoice> read_layer(std::string_view text);

inline constexpr const char* kLayerSpellings = "last, all, N, a fraction as 0.5, or L-pre";

}  // namespace deltascape
