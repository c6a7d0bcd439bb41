// Owns what the readers of config.json share: numbers within bounds, switches, and one function a group of fields, each
// into a ModelSpec that has the groups before it.
#pragma once

#include "model/spec.h"

namespace deltascape::model {

inline constexpr std::int64_t kMaxWidth = std::int64_t{1} << 24;

// The number under `key`; a missing one is `otherwise` where that is given. Throws Error(kBadFile) outside the bounds.
std::int64_t within(const io::JsonFields& c, std::string_view key, std::int64_t least, std::int64_t most,
                    std::optional<std::int64_t> otherwise = {});
bool is_on(const io::JsonFields& c, const Switch& s);

// The list under `key` with a name for each layer; null where there is none. Throws Error(kBadFile) for another length.
const io::Json* layer_names(const io::JsonFields& c, const ModelSpec& s, std::string_view key = "layer_types");

// Which layers turn and which have windows, for as many layers as there are.
void read_layers(const io::JsonFields& c, ModelSpec& s);
// ropes[0] is for full attention; Gemma 3's windowed layers have their own.
std::vector<RopeSpec> read_ropes(const io::JsonFields& c, const Architecture& a, std::int64_t head_dim);
void read_latent(const io::JsonFields& c, ModelSpec& s);
// Token types, and the options of an encoder that are not computed.
void read_encoder(const io::JsonFields& c, ModelSpec& s);
// T5's buckets of distances.
void read_distances(const io::JsonFields& c, ModelSpec& s);
// Factors on embeddings, residuals, scores and logits, and the bounds of q, k and v.
void read_scales(const io::JsonFields& c, ModelSpec& s);

}  // namespace deltascape::model
