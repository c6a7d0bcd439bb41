// Owns model families as values. A new family is a new row in families.cpp plus a parity golden
// (tests/goldens/families.py), not a new class. Other code asks for a row's fields, never for its name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/module.h"

namespace deltascape::io {
class JsonFields;
}

namespace deltascape::model {

class GgufKeys;
struct ModelSpec;

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu, kReluSquared };
// A yes or no: what the config says under `key`, else `otherwise`; without a key it is always `otherwise`.
struct Switch {
  std::string_view key = "";
  bool otherwise = false;
  static const Switch kNever, kAlways, kAttentionBias, kMlpBias;
};
inline constexpr Switch Switch::kNever{};
inline constexpr Switch Switch::kAlways{"", true};
inline constexpr Switch Switch::kAttentionBias{"attention_bias"};
inline constexpr Switch Switch::kMlpBias{"mlp_bias"};
// Which layers see only the last `sliding_window` positions, when the config gives no layer_types.
enum class WindowRule {
  kNone,            // full attention everywhere
  kEveryLayer,      // Mistral: whatever layer_types says
  kAlternate,       // Gemma 2: layers 0, 2, 4 …
  kAllButEvery,     // all but every sixth (Gemma 3), every fourth (Cohere 2): Architecture::window_pattern
  kFromMaxWindow,   // Qwen2/3: from max_window_layers on
  kBelowMaxWindow,  // Qwen2-MoE: 0, 2, 4 … below max_window_layers
  kUnrotated,       // SmolLM 3: the layers whose positions do not turn
};

enum class NormKind {
  kRms,
  kLayer,  // subtracts the mean, and has a bias
  kBare,   // the same without any parameters (OLMo)
};
// What a norm of q and k takes together.
enum class QkNorm {
  kByHead,   // each head alone, with one weight for all
  kOwnHead,  // each head alone, with a weight of its own
  kWhole,    // all heads together (OLMo 2)
};
// What mixes a layer's tokens: attention, or a state that goes from token to token.
enum class MixerKind {
  kGrouped,   // MHA, GQA and MQA: q, k, v of their own
  kFused,     // one linear for q, k and v (kQkv)
  kLatent,    // MLA, DeepSeek-V2 (arXiv 2405.04434 §2.1)
  kMamba2,    // arXiv 2405.21060
  kDeltaNet,  // the gated delta rule (arXiv 2412.06464)
};
constexpr bool is_recurrent(MixerKind kind) { return kind == MixerKind::kMamba2 || kind == MixerKind::kDeltaNet; }
// The order of kQkv's rows.
enum class QkvLayout {
  kByGroup,  // the q of the heads that share one k and v, then these (BLOOM, GPT-NeoX: heads of their own; Falcon)
  kBlocks,   // every head's q, then every k, then every v
};
enum class PositionKind {
  kRotary,
  kLearned,   // a table of rows that are added to the token embedding
  kAlibi,     // arXiv 2108.12409
  kRelative,  // T5's buckets of distances (arXiv 1910.10683 §2.1); a stack's first layer has the table for all
};
enum class MlpKind { kGated, kPlain, kExperts, kFusedGated };  // fused: one linear for gate and up
enum class StackKind { kDecoder, kEncoder, kEncoderDecoder };  // an encoder's tokens see those behind them too

// One tensor name: `hf` below the checkpoint's prefix ("model."), `gguf` whole; the first "{}" stands for the layer,
// counted in its stack, the second for the expert. A module with several rows goes by several names; the first is the
// one that is written.
struct TensorName {
  Module module;
  std::string_view hf;
  std::string_view gguf;
  int stack = 0;
};

// One tensor with a module's weights of all experts, [experts, parts·out, in], where a checkpoint has them so: this
// module's rows are the `part`-th of `parts`. Whole names, `hf` below the prefix; the hole stands for the layer.
struct FusedName {
  Module module;
  std::string_view hf;
  std::string_view gguf;
  int part = 0, parts = 1;
  bool columns = false;      // [experts, in, parts·out]: what others have as rows
  bool interleaved = false;  // the parts' features take turns
  Param param = Param::kWeight;
};

// The config keys that families name differently.
struct ConfigKeys {
  std::string_view hidden = "hidden_size";
  std::string_view intermediate = "intermediate_size";  // empty: four times hidden
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view kv_heads = "num_key_value_heads";  // empty: as many as heads
  std::string_view head_dim = "head_dim";             // empty: hidden / heads
  std::string_view norm_eps = "rms_norm_eps";
  std::string_view rope_theta = "rope_theta";
  std::string_view rope_part = "partial_rotary_factor";
  std::string_view positions = "max_position_embeddings";
  std::string_view embed_width = "";  // empty: hidden
};

// What only this family's config.json or GGUF metadata say, into a spec that has the rest (model/own_fields.h).
using ReadConfig = void (*)(const io::JsonFields& config, ModelSpec& spec);
using ReadGguf = void (*)(const GgufKeys& keys, ModelSpec& spec);

struct Architecture {
  std::string_view model_type;        // config.json
  std::string_view gguf;              // general.architecture
  std::string_view title;             // for people
  std::span<const TensorName> names;  // the projections and the norms that all families name alike
  std::span<const TensorName> norms;  // the others
  std::span<const FusedName> fused = {};
  std::string_view prefix = "";        // of its tensors' names in a checkpoint; empty: "model.", as most have it
  std::string_view wrapper = "";       // model_type of a multimodal config whose text_config is this family's
  std::string_view gguf_alias = "";    // another general.architecture with the same blocks
  std::string_view gguf_written = "";  // what llama.cpp's own files say, where that is another family's name
  ReadConfig read_config = nullptr;
  ReadGguf read_gguf = nullptr;

  StackKind stacks = StackKind::kDecoder;
  NormKind norm = NormKind::kRms;
  MixerKind mixer = MixerKind::kGrouped;  // of the layers with attention
  QkvLayout qkv = QkvLayout::kByGroup;
  PositionKind position = PositionKind::kRotary;
  MlpKind mlp = MlpKind::kGated;
  ConfigKeys keys = {};
  bool embed_norm = false;                // a norm after the token embedding
  bool token_types = false;               // every token's embedding has the first token type's added
  bool norm_plus_one = false;             // RMSNorm multiplies by 1 + weight (Gemma)
  bool scale_embeddings = false;          // token embeddings times sqrt(hidden)
  Switch norm_weights = Switch::kAlways;  // else norms are bare
  bool norm_bias = true;                  // LayerNorms have a bias
  bool fourfold = false;                  // the MLP's width is four times hidden where the config names none
  bool multipliers = false;               // embedding_, attention_ and residual_multiplier, logits_scaling (Granite)
  bool full_unrotated = false;       // positions count in windowed layers alone, where there is a window (Cohere 2)
  bool unrotated_layers = false;     // no_rope_layers, or every no_rope_layer_interval-th: no positions (SmolLM 3)
  bool partial_rope = false;         // a head's first features may turn alone
  bool interleaved_rope = false;     // neighbouring features turn together
  int position_offset = 0;           // of the first learned position in its table (OPT)
  bool offset_counted = false;       // the config's number of positions counts the rows before that (RoBERTa)
  bool transposed = false;           // the blocks' linears are stored [in, out] (GPT-2's Conv1D)
  Switch parallel = Switch::kNever;  // attention and MLP read one residual, and both are added to it
  bool shared_norm = false;          // where parallel: they read one norm of it
  bool tied_head = false;            // where the config does not say
  Switch qk_norm = Switch::kNever;   // norms of q and k before they turn
  QkNorm qk_norm_kind = QkNorm::kByHead;
  bool qk_norm_bias = false;       // where these are LayerNorms
  bool relative_beside = false;    // T5's distances count beside other positions; one table outside the layers (MPNet)
  bool relative_by_layer = false;  // every layer has a table of relative positions of its own (UMT5)
  bool project_sum = false;        // embeddings of another width are projected once they are added up, with a bias
  Switch pre_norms = Switch::kAlways;       // norms before attention and MLP
  Switch normed_residual = Switch::kNever;  // the residual goes on from these norms (BLOOM)
  bool post_norms = false;                  // norms of what these add; neither: ModelSpec::sum_norms()
  bool query_pre_attn_scalar = false;       // attention scale from the config instead of head_dim
  bool soft_caps = false;         // attn_logit_softcapping and final_logit_softcapping, 50 and 30 when missing
  bool optional_cap = false;      // final_logit_softcapping alone, off when missing (Gemma 3)
  bool local_rope = false;        // windowed layers turn with their own base and no scaling (Gemma 3)
  bool gguf_permutes_qk = false;  // llama.cpp stores q and k rows pairwise interleaved
  bool gguf_rope_part = false;    // rope.dimension_count is a part of hidden / heads, whatever a head's own width
  int gguf_window = 0;            // the window where a GGUF gives none; 0: no window then
  int gguf_share_scaled = 0;      // with so many layers, llama.cpp's attention scale is of hidden / heads
  bool gguf_normalised = false;   // llama.cpp's chosen experts weigh 1 together where the file does not say
  bool chunked = false;           // layers that turn see their own chunk of tokens alone (Llama 4)
  bool shared_expert = false;     // every row takes one expert more, times a sigmoid (Qwen2-MoE)
  bool shared_fused = false;      // that one has one linear for gate and up (Granite 4)
  bool router_bias = false, expert_bias = false;
  bool sinks = false;            // each head has a learned score that no key takes
  bool gated_attention = false;  // q's linear gives a gate beside each head's q, for what attention gives (Qwen3-Next)
  bool split_delta = false;      // a delta net has linears of their own for gate, beta and alpha (Qwen 3.5)
  Switch qkv_bias = Switch::kNever;
  Switch o_bias = Switch::kNever;
  Switch mlp_bias = Switch::kNever;
  bool head_bias = false;
  WindowRule window = WindowRule::kNone;
  Switch windows = Switch::kAlways;  // whether there are any
  int window_pattern = 6;
  int window_size = 4096;  // when the config names none; 0: no window then
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";  // when the config names none
  bool gelu_is_tanh = false;             // published configs say "gelu" and mean gelu_pytorch_tanh
  double logit_scale = 0;                // logit_scale when the config names none; 0: there is no such key
  // What transformers assumes for keys a config leaves out; 0: hidden/heads, and as many KV heads as heads.
  int head_dim = 0;
  int heads = 0;  // 0: the config must say
  int kv_heads = 0;
  int vocabulary = 0;  // 0: the config must say
  double rope_theta = 10000;
  double rope_part = 1;  // of a head's features that turn
  double norm_eps = 0;   // 0: 1e-5 for LayerNorm, 1e-6 for RMSNorm
  double max_positions = 2048;
  // Where original_max_position_embeddings is a field beside the rope's dictionary, which counts before the one in it
  // (Phi-3); 0: there is no such field.
  double original_positions = 0;
};

// Every family whose arithmetic is here.
std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view model_type);
// The family of a multimodal config's text_config, or null.
const Architecture* find_wrapped_architecture(std::string_view model_type);
const Architecture* find_gguf_architecture(std::string_view gguf);
// The family of this architecture's files with experts, where that is another one, or null.
const Architecture* find_gguf_mixture(std::string_view gguf);
// "llama, mistral, … or one of 29 others", for messages.
std::string architecture_list();

// Of a model with one stack, or of a site in the first; ModelSpec::hf_name knows the stacks.
std::string hf_name(const Architecture& a, Site site, int stack = 0);  // "layers.3.self_attn.q_proj"
// All names that a part goes by, the first one first.
std::vector<std::string> hf_names(const Architecture& a, Site site, int stack = 0);
std::vector<std::string> gguf_names(const Architecture& a, Site site);  // "blk.3.attn_q"
// The inverse of hf_name for a module path with any of the published prefixes ("model.", "language_model.model.").
// `stack_first`: each stack's first layer; without it only sites of the first stack are found.
// "model.layers.0.self_attn.q_proj" -> "q_proj".
inline std::string last_component(std::string_view module_path) {
  return std::string(module_path.substr(module_path.rfind('.') + 1));
}
std::optional<Site> site_of(const Architecture& a, std::string_view module_path, std::span<const int> stack_first = {});
// The inverse of gguf_names: "blk.3.attn_q".
std::optional<Site> gguf_site_of(const Architecture& a, std::string_view name);
std::span<const std::string_view> hf_prefixes();

}  // namespace deltascape::model
