// Owns the canonical names of a model's parts. Families map their tensor names onto these (families.cpp).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace deltascape::model {

// The parts of one block, then the parts outside the blocks. A family has some of them. Masks of dropout go by the
// place in this list: what joins a block stands behind its others.
enum class Module : std::uint8_t {
  kAttnNorm,
  kQ,
  kK,
  kV,
  kQkv,    // one linear for q, k and v (Architecture::qkv says in which order)
  kQDown,  // latent attention (MLA): hidden -> q's latent, its norm, latent -> heads
  kQDownNorm,
  kQUp,
  kKvDown,  // hidden -> the latent of k and v, and the rotated features of k that all heads share
  kKvDownNorm,
  kKvUp,  // latent -> each head's unrotated features of k, then its v
  kQNorm,
  kKNorm,
  kRelativeBias,  // T5: a number for each bucket of distances and head; the first layer of a stack has it for all
  kO,
  kAttnPostNorm,
  kCrossNorm,  // attention to the encoder's rows
  kCrossQ,
  kCrossK,
  kCrossV,
  kCrossO,
  kMlpNorm,
  kGate,
  kUp,
  kGateUp,  // one linear for gate, then up (Phi-3)
  kFc,      // the first linear of an MLP without a gate; kDown follows
  kDown,
  kRouter,  // mixture of experts: hidden -> a score for each
  kExpertGate,
  kExpertUp,
  kExpertDown,
  kSharedGate,  // the expert that every row takes
  kSharedUp,
  kSharedDown,
  kSharedScore,  // hidden -> how much of it a row takes (Qwen2-MoE)
  kMlpPostNorm,
  kSharedGateUp,  // one linear for the shared expert's gate, then up (Granite 4)
  kSinks,         // a score for each head that no key takes (gpt-oss)
  kMixerIn,       // recurrent mixers: hidden -> what the convolution reads, and in some what gates and steps
  kMixerGate,     // what gates their result, where it is a linear of its own
  kMixerBeta,     // how much a token is written into the state
  kMixerAlpha,    // how much of the state is kept
  kMixerConv,     // over the last few tokens of each channel, [channels, kernel]
  kMixerDecay,    // the logarithm of each head's decay
  kMixerStep,     // what each head's step has added
  kMixerSkip,     // how much of its input a head adds to its result (Mamba 2)
  kMixerNorm,     // beside their gate
  kMixerOut,
  kEmbed,
  kPositions,   // learned: a row for each position
  kTokenTypes,  // a row for each part of a text; the first is added to every token (BERT)
  kEmbedNorm,
  kEncoderNorm,  // after the encoder's last block
  kFinalNorm,
  kHead,
  kProjectIn,   // embeddings of another width -> hidden (ELECTRA, OPT 350M)
  kProjectOut,  // hidden, after the last block -> the width of the embeddings (OPT 350M)
};
inline constexpr std::size_t kModules = 57;
inline constexpr std::size_t kBlockModules = 48;  // the first 48 lie in a block
constexpr std::size_t index(Module m) { return static_cast<std::size_t>(m); }
constexpr Module module_at(std::size_t i) { return static_cast<Module>(i); }
static_assert(index(Module::kProjectOut) + 1 == kModules && index(Module::kMixerOut) + 1 == kBlockModules);
constexpr bool in_block(Module m) { return index(m) < kBlockModules; }
// Rows that are looked up, no linear: [rows, features].
constexpr bool is_table(Module m) {
  return m == Module::kRelativeBias || m == Module::kEmbed || m == Module::kPositions || m == Module::kTokenTypes;
}
// Numbers that are neither a linear's nor a norm's over the block's rows.
constexpr bool is_parameter(Module m) {
  return m == Module::kSinks || (m >= Module::kMixerConv && m <= Module::kMixerNorm);
}
// Parameters whose tensor has the module's name alone, without ".weight" behind it.
constexpr bool is_bare(Module m) { return is_parameter(m) && m != Module::kMixerConv && m != Module::kMixerNorm; }
constexpr bool of_expert(Module m) { return m >= Module::kExpertGate && m <= Module::kExpertDown; }

// A part of one layer; layer counts through all stacks and is -1 for the parts outside the blocks, expert is -1 for
// the parts that are no expert's.
struct Site {
  Module module;
  int layer = -1;
  int expert = -1;
  friend auto operator<=>(const Site&, const Site&) = default;
};

enum class Param : std::uint8_t { kWeight, kBias };

template <class T>
using PerModule = std::array<T, kModules>;

}  // namespace deltascape::model
