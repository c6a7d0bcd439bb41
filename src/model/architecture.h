// Owns model families as values. A new family is a new row in architecture.cpp plus a parity golden
// (tests/make_goldens.py), not a new class.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/module.h"

namespace deltascape::model {

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };
enum class Bias { kNever, kAlways, kAttentionBias, kMlpBias };  // the last two: config keys of these names
// Which layers see only the last `sliding_window` positions, when the config gives no layer_types.
enum class WindowRule {
  kNone,           // full attention everywhere
  kEveryLayer,     // Mistral
  kAlternate,      // Gemma 2: layers 0, 2, 4 …
  kFiveOfSix,      // Gemma 3: all but every sixth (or sliding_window_pattern)
  kFromMaxWindow,  // Qwen2/3: from max_window_layers on, where use_sliding_window says so
};

enum class NormKind { kRms, kLayer };  // LayerNorm subtracts the mean and has a bias
enum class AttentionKind {
  kGrouped,  // MHA, GQA and MQA: q, k, v of their own
  kFused,    // one linear for q, k, v, head by head (kQkv)
  kLatent,   // MLA, DeepSeek-V2 (arXiv 2405.04434 §2.1)
};
enum class PositionKind {
  kRotary,
  kAlibi,     // arXiv 2108.12409
  kRelative,  // T5's buckets of distances (arXiv 1910.10683 §2.1)
};
enum class MlpKind { kGated, kPlain, kExperts };
enum class StackKind { kDecoder, kEncoderDecoder };

// One tensor name: `hf` below the checkpoint's prefix ("model."), `gguf` whole; the first "{}" stands for the layer,
// counted in its stack, the second for the expert.
struct TensorName {
  Module module;
  std::string_view hf;
  std::string_view gguf;
  int stack = 0;
};

// The config keys that families name differently.
struct ConfigKeys {
  std::string_view hidden = "hidden_size";
  std::string_view intermediate = "intermediate_size";  // empty: four times hidden
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view head_dim = "head_dim";  // empty: hidden / heads
  std::string_view norm_eps = "rms_norm_eps";
};

struct Architecture {
  std::string_view model_type;        // config.json
  std::string_view gguf;              // general.architecture
  std::string_view title;             // for people
  std::span<const TensorName> names;  // the projections and the norms that all families name alike
  std::span<const TensorName> norms;  // the others

  StackKind stacks = StackKind::kDecoder;
  NormKind norm = NormKind::kRms;
  AttentionKind attention = AttentionKind::kGrouped;
  PositionKind position = PositionKind::kRotary;
  MlpKind mlp = MlpKind::kGated;
  bool embeds = true;  // `embed` runs it; false: the model room and the differentiable execution alone
  ConfigKeys keys = {};
  bool embed_norm = false;             // a norm after the token embedding
  bool norm_plus_one = false;          // RMSNorm multiplies by 1 + weight (Gemma)
  bool scale_embeddings = false;       // token embeddings times sqrt(hidden)
  bool qk_norm = false;                // RMSNorm over each head of q and k
  bool post_norms = false;             // norms after attention and MLP too
  bool query_pre_attn_scalar = false;  // attention scale from the config instead of head_dim
  bool soft_caps = false;              // attn_logit_softcapping and final_logit_softcapping, 50 and 30 when missing
  bool local_rope = false;             // windowed layers turn with their own base and no scaling (Gemma 3)
  bool gguf_permutes_qk = false;       // llama.cpp stores q and k rows pairwise interleaved
  Bias qkv_bias = Bias::kNever;
  Bias o_bias = Bias::kNever;
  Bias mlp_bias = Bias::kNever;
  WindowRule window = WindowRule::kNone;
  int window_size = 4096;  // when the config names none; 0: no window then
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";  // when the config names none
  // What transformers assumes for keys a config leaves out; 0: hidden/heads, and as many KV heads as heads.
  int head_dim = 0;
  int heads = 0;  // 0: the config must say
  int kv_heads = 0;
  int vocabulary = 0;  // 0: the config must say
  double rope_theta = 10000;
};

// Every family whose arithmetic is here.
std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view model_type);
const Architecture* find_gguf_architecture(std::string_view gguf);
// "llama, mistral, …", those that `embed` runs, for messages.
std::string architecture_list();

// Of a model with one stack, or of a site in the first; ModelSpec::hf_name knows the stacks.
std::string hf_name(const Architecture& a, Site site, int stack = 0);  // "layers.3.self_attn.q_proj"
std::string gguf_name(const Architecture& a, Site site);               // "blk.3.attn_q"
// The inverse of hf_name for a module path with any of the published prefixes ("model.", "language_model.model.").
// `stack_first`: each stack's first layer; without it only sites of the first stack are found.
std::optional<Site> site_of(const Architecture& a, std::string_view module_path, std::span<const int> stack_first = {});
std::span<const std::string_view> hf_prefixes();

}  // namespace deltascape::model
