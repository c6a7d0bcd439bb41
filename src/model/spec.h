// Owns a model's resolved shape: a family (architecture.h) with the numbers of one config.json or GGUF header.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/gguf.h"
#include "io/json.h"
#include "model/architecture.h"

namespace deltascape::model {

// Rotary position embedding as published (RoFormer, arXiv 2104.09864) and its scalings in transformers'
// modeling_rope_utils: default, linear, dynamic (NTK by length), llama3, yarn (arXiv 2309.00071).
struct RopeSpec {
  std::string type = "default";
  double theta = 10000;
  int dim = 0;  // rotated features a head
  double factor = 1;
  double max_positions = 0;       // dynamic: max_position_embeddings
  double original_positions = 0;  // llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;
  double attention_factor = 0;  // yarn; 0: from factor and the mscales
  double mscale = 0, mscale_all_dim = 0, beta_fast = 32, beta_slow = 1;
  bool truncate = true;
  std::vector<float> divisors;  // GGUF rope_freqs: each frequency divided by its own number
};

struct LayerSpec {
  int window = 0;  // a query sees keys j > i - window; 0: all before it
  int rope = 0;    // which of ModelSpec::ropes
};

struct ModelSpec {
  const Architecture* architecture = nullptr;
  std::int64_t hidden = 0, vocabulary = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0;
  std::vector<LayerSpec> layers;
  std::vector<RopeSpec> ropes;
  Activation activation = Activation::kSilu;
  double norm_eps = 1e-6;
  double attention_scale = 1;
  double attention_softcap = 0;  // 0: none
  double final_softcap = 0;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool tied_head = false;

  int layer_count() const { return static_cast<int>(layers.size()); }
  bool has(Module module) const;  // whether this model has such a part
  bool has_bias(Module module) const;
  std::vector<std::int64_t> shape(Module module) const;  // of its weight
  std::string fingerprint() const;                       // every number that decides results, as text
};

// Throw Error(kUnsupported) for a family or option that is not computed exactly, kBadFile for missing or absurd values.
ModelSpec spec_from_config(const io::Json& config, const std::filesystem::path& file);
ModelSpec spec_from_gguf(const io::GgufFile& gguf);
// Shared by both: "gelu_pytorch_tanh" -> kGeluTanh.
Activation activation_named(const std::string& name, const std::filesystem::path& file);

// Angles' frequencies for a sequence of `length` tokens, float32 as transformers computes them, [dim/2]; and the
// factor on cos and sin.
std::vector<float> inverse_frequencies(const RopeSpec& rope, std::int64_t length);
double rope_attention_factor(const RopeSpec& rope);

}  // namespace deltascape::model
