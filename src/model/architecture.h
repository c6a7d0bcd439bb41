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

// One tensor name: `hf` below the checkpoint's prefix ("model."), `gguf` whole; "{}" stands for the layer.
struct TensorName {
  Module module;
  std::string_view hf;
  std::string_view gguf;
};

struct Architecture {
  std::string_view model_type;        // config.json
  std::string_view gguf;              // general.architecture
  std::string_view title;             // for people
  std::span<const TensorName> names;  // the projections and the norms that all families name alike
  std::span<const TensorName> norms;  // the others

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
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";  // when the config names none
  // What transformers assumes for keys a config leaves out; 0: hidden/heads, and as many KV heads as heads.
  int head_dim = 0;
  int heads = 0;  // 0: the config must say
  int kv_heads = 0;
  int vocabulary = 0;  // 0: the config must say
  double rope_theta = 10000;
};

// Every family this program computes exactly.
std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view model_type);
const Architecture* find_gguf_architecture(std::string_view gguf);
// "llama, mistral, …" for messages.
std::string architecture_list();

std::string hf_name(const Architecture& a, Site site);    // "layers.3.self_attn.q_proj"
std::string gguf_name(const Architecture& a, Site site);  // "blk.3.attn_q"
// The inverse of hf_name for a module path with any of the published prefixes ("model.", "language_model.model.").
std::optional<Site> site_of(const Architecture& a, std::string_view module_path);
std::span<const std::string_view> hf_prefixes();

}  // namespace deltascape::model
