// Owns a model's resolved shape: a family (architecture.h) with the numbers of one config.json or GGUF header.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/gguf.h"
#include "io/json.h"
#include "model/architecture.h"

namespace deltascape::model {

// Rotary position embedding as published (RoFormer, arXiv 2104.09864) and its scalings in transformers'
// modeling_rope_utils: default, linear, dynamic (NTK by length), llama3, yarn (arXiv 2309.00071), longrope
// (2402.13753).
struct RopeSpec {
  std::string type = "default";
  double theta = 10000;
  int dim = 0;  // rotated features a head
  double factor = 1;
  double max_positions = 0;       // dynamic: max_position_embeddings
  double original_positions = 0;  // llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;
  double attention_factor = 0;  // yarn, longrope; 0: from the other numbers
  double mscale = 0, mscale_all_dim = 0, beta_fast = 32, beta_slow = 1;
  bool truncate = true;
  std::vector<float> divisors;                     // GGUF rope_freqs: each frequency divided by its own number
  std::vector<float> short_factors, long_factors;  // longrope: the same, up to original_positions and beyond them
  int offset = 0;                                  // the first rotated feature of a head
  bool interleaved = false;                        // pairs are neighbours (2i, 2i+1), not halves (i, i + dim/2)
  bool complex = false;                            // transformers turns them as complex numbers (DeepSeek-V2)
};

// What one layer is, where layers of a model may differ.
struct LayerSpec {
  MixerKind mixer = MixerKind::kGrouped;
  int window = 0;          // a query sees keys j > i - window; 0: all before it
  int chunk = 0;           // and those of its own chunk of so many positions; 0: there are no chunks
  int rope = 0;            // which of ModelSpec::ropes; -1: none, no position counts
  int stack = 0;           // which of ModelSpec::stacks
  double query_scale = 1;  // of q, beside attention_scale
  MlpKind mlp = MlpKind::kGated;
  bool sinks = false;     // Architecture::sinks
  bool unit_qk = false;   // each head's q and k are normalised without weights (Llama 4)
  bool tempered = false;  // q grows with its position (TemperatureSpec)
};

// Blocks that run one after the other on one residual stream: the decoder, or the encoder before it.
struct StackSpec {
  int first = 0, layers = 0;
  bool causal = true;  // a token sees those before it alone
  bool cross = false;  // its blocks attend to the encoder's rows too
  Module final_norm = Module::kFinalNorm;
};

// Latent attention's widths. q and k of a head: `plain` features as they are, then `rotary` ones that turn.
struct LatentSpec {
  std::int64_t q_rank = 0;  // 0: q comes from hidden at once
  std::int64_t kv_rank = 0, plain = 0, rotary = 0;
  double norm_eps = 1e-6;  // of the latents' own norms, whatever the config says of the others
};

// What grows q by: 1 + scale · log(1 + floor((position + 1) / floor)) (Llama 4, arXiv 2501.19399).
struct TemperatureSpec {
  double floor = 0, scale = 0;
};

// Widths of the layers whose tokens are mixed by a state: Mamba 2's, or a gated delta net's.
struct RecurrentSpec {
  MixerKind kind = MixerKind::kGrouped;     // kGrouped: there is no such layer
  std::int64_t heads = 0, head_dim = 0;     // of what is written and read: x, or v
  std::int64_t key_heads = 0, key_dim = 0;  // of what it is written by: groups of B and C, or q and k
  std::int64_t kernel = 0;                  // tokens that the convolution sees
  bool conv_bias = false, projection_bias = false;
  std::int64_t inner() const { return heads * head_dim; }
  std::int64_t channels() const { return inner() + 2 * key_heads * key_dim; }  // of the convolution
};

// Which experts a row takes. Weights are a softmax of the scores of all of them, or each one's sigmoid.
struct RoutingSpec {
  std::int64_t experts = 0, chosen = 0;
  std::int64_t groups = 0, chosen_groups = 0;  // 0: free choice; else only within the groups with the best experts
  bool normalised = false;                     // the chosen experts' weights sum to one (Mixtral)
  bool shared_score = false;                   // a row takes the shared expert times a sigmoid (Qwen2-MoE)
  double scale = 1;                            // on the weights (DeepSeek-V2)
  std::int64_t intermediate = 0;               // of each expert
  std::int64_t shared_intermediate = 0;        // of the expert that every row takes; 0: none
  bool sigmoid = false;                        // (Llama 4)
  bool on_input = false;                       // they multiply what the expert reads, not what it gives (Llama 4)
  double bound = 0;  // of gate (above) and up (both sides), to which 1 is added (gpt-oss); 0: none
  double gain = 1;   // of the gate within its sigmoid, where there is a bound
};

// What is done to ALiBi's biases before they are added to the scores.
struct AlibiSpec {
  bool rounded = false;  // to bfloat16 (Falcon)
  double scale = 1;
};

struct RelativeSpec {
  std::int64_t buckets = 0, max_distance = 0;
};

struct ModelSpec {
  const Architecture* architecture = nullptr;
  std::int64_t hidden = 0, vocabulary = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0;
  std::int64_t value_dim = 0;  // of a head's v; head_dim is that of q and k
  std::vector<LayerSpec> layers;
  std::vector<StackSpec> stacks;
  std::vector<RopeSpec> ropes;
  LatentSpec latent;
  RecurrentSpec recurrent;
  TemperatureSpec temperature;
  RoutingSpec routing;
  RelativeSpec relative;
  Activation activation = Activation::kSilu;
  double norm_eps = 1e-6;
  double attention_scale = 1;
  double attention_softcap = 0;  // 0: none
  double final_softcap = 0;
  double logit_scale = 1;
  double embedding_scale = 1;    // of token embeddings
  double residual_scale = 1;     // of what attention and MLP add
  std::int64_t positions = 0;    // rows of the table of learned positions
  std::int64_t token_types = 0;  // rows of the table of token types
  double clip_qkv = 0;           // q, k and v lie within ± this; 0: wherever they lie
  std::int64_t embed_width = 0;  // of a token's embedding, and of what the head reads; 0: hidden
  NormKind norm = NormKind::kRms;
  bool pre_norms = true;         // Architecture::pre_norms
  bool normed_residual = false;  // Architecture::normed_residual
  bool final_norm = true;        // a norm after the last block
  bool parallel = false;         // Architecture::parallel
  bool shared_norm = false;      // Architecture::shared_norm
  bool qk_norm = false;          // Architecture::qk_norm
  PositionKind position = PositionKind::kRotary;
  AlibiSpec alibi;
  std::int64_t start_token = 0;  // what the decoder of an encoder-decoder begins with
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool tied_head = false;  // the head reads the token embedding's table: Checkpoint::open() asks the file too
  bool says_tied = false;  // what the configuration says of that, whatever the file holds: PEFT goes by it

  int layer_count() const { return static_cast<int>(layers.size()); }
  const StackSpec& stack_of(int layer) const {
    return stacks[static_cast<std::size_t>(layers[static_cast<std::size_t>(layer)].stack)];
  }
  // Norms are of the residual with what attention and MLP add, and none comes after the last (BERT, OPT 350M).
  bool sum_norms() const { return !pre_norms && !architecture->post_norms; }
  // Whether distances between tokens count in the scores (RelativeSpec).
  bool counts_distances() const { return position == PositionKind::kRelative || architecture->relative_beside; }
  // What turns the layer's q and k, or null.
  const RopeSpec* rope_of(const LayerSpec& layer) const {
    return position == PositionKind::kRotary && layer.rope >= 0 ? &ropes[static_cast<std::size_t>(layer.rope)]
                                                                : nullptr;
  }
  // Tokens that a text may have where positions are learned; 0: as many as it has.
  std::int64_t longest_text() const { return positions > 0 ? positions - architecture->position_offset : 0; }
  bool encodes_first() const { return stacks.size() > 1; }  // an encoder runs before the decoder
  // Of a model that does: the decoder's first layer; else 0.
  int decoder_first() const { return stacks.back().first; }
  // Whether a variant may run as the base and bfloat16 differences from it (exec/delta_ops.h) within 1e-2. What an
  // encoder leaves is read through all of its tokens, none of which runs in full precision: up to 2e-2 was measured. A
  // token close to the border between two experts goes to the other one: up to 1e-1.
  bool propagates_deltas() const { return !encodes_first() && routing.experts == 0; }
  // Whether this linear reads a row for each token of a text: a decoder beside an encoder has one token to begin with.
  bool reads_text(Site site) const {
    return !stack_of(site.layer).cross || site.module == Module::kCrossK || site.module == Module::kCrossV;
  }
  // Whether the layer has keys and values, and no state.
  bool attends(int layer) const { return !is_recurrent(layers[static_cast<std::size_t>(layer)].mixer); }
  bool has(Module module) const;  // whether this model has such a part, in whatever layer
  bool has(Site site) const;      // in this layer; site.expert is not looked at
  bool has_bias(Module module) const;
  bool transposed(Module module) const;  // stored [in, out]
  bool is_linear(Module module) const {
    return !is_table(module) && !is_parameter(module) && shape(module).size() == 2;
  }
  bool is_norm(Module module) const { return !is_parameter(module) && shape(module).size() == 1; }
  double eps(Module norm) const {
    return norm == Module::kQDownNorm || norm == Module::kKvDownNorm ? latent.norm_eps : norm_eps;
  }
  std::vector<std::int64_t> shape(Module module) const;         // of its weight
  std::vector<std::int64_t> stored_shape(Module module) const;  // in files: that of heads' norms has a row a head
  std::int64_t norm_width(Module norm) const;                   // how many features it takes together
  std::vector<Module> linears(int layer) const;                 // the block's, an expert's once for all of them
  std::vector<Site> sites() const;                              // every part with a weight, each expert's too
  std::string hf_name(Site site) const;
  std::vector<std::string> hf_names(Site site) const;  // all that it goes by, hf_name() first
  std::optional<Site> site_of(std::string_view module_path) const;
  std::string fingerprint() const;  // every number that decides results and no tensor tells, by name
};

// Throw Error(kUnsupported) for a family or option that is not computed exactly, kBadFile for missing or absurd values.
ModelSpec spec_from_config(const io::Json& config, const std::filesystem::path& file);
ModelSpec spec_from_gguf(const io::GgufFile& gguf);
// Fills stacks and each layer's place in them, and what follows from other numbers: once the layers are there.
// `encoder_layers` of them come first; 0: a decoder alone.
void lay_out_stacks(ModelSpec& spec, int encoder_layers = 0);
// Shared by both: "gelu_pytorch_tanh" -> kGeluTanh.
Activation activation_named(const std::string& name, const std::filesystem::path& file);

// Angles' frequencies for a sequence of `length` tokens, float32 as transformers computes them, [dim/2]; and the
// factor on cos and sin.
std::vector<float> inverse_frequencies(const RopeSpec& rope, std::int64_t length);
double rope_attention_factor(const RopeSpec& rope);

}  // namespace deltascape::model
