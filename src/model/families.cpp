// Owns the table of families: the dense ones that Llama's blocks began, OPT and T5 here, the others in files of their
// own.
#include <vector>

#include "model/own_fields.h"
#include "model/tensor_names.h"

namespace deltascape::model {
namespace {

using namespace names;

constexpr Architecture t5(std::string_view model_type, std::string_view title, ReadConfig read_config,
                          bool relative_by_layer = false) {
  return {.model_type = model_type,
          .gguf = "",
          .title = title,
          .names = kT5Encoder,
          .norms = kT5Decoder,
          .read_config = read_config,
          .stacks = StackKind::kEncoderDecoder,
          .position = PositionKind::kRelative,
          .keys = {.hidden = "d_model",
                   .intermediate = "d_ff",
                   .layers = "num_layers",
                   .heads = "num_heads",
                   .head_dim = "d_kv",
                   .norm_eps = "layer_norm_epsilon"},
          .tied_head = true,
          .relative_by_layer = relative_by_layer,
          .activation_key = ""};
}

constexpr Architecture bert(std::string_view model_type, std::string_view title, std::string_view prefix,
                            int position_offset = 0) {
  return {.model_type = model_type,
          .gguf = "",
          .title = title,
          .names = kBert,
          .norms = {},
          .prefix = prefix,
          .stacks = StackKind::kEncoder,
          .norm = NormKind::kLayer,
          .position = PositionKind::kLearned,
          .mlp = MlpKind::kPlain,
          .keys = {.norm_eps = "layer_norm_eps"},
          .embed_norm = true,
          .token_types = true,
          .position_offset = position_offset,
          .offset_counted = true,
          .tied_head = true,
          .pre_norms = Switch::kNever,
          .qkv_bias = Switch::kAlways,
          .o_bias = Switch::kAlways,
          .mlp_bias = Switch::kAlways,
          .activation = "gelu",
          .norm_eps = 1e-12};
}

constexpr Architecture electra() {
  Architecture a = bert("electra", "ELECTRA", "electra.");
  a.keys.embed_width = "embedding_size";
  a.project_sum = true;
  return a;
}

constexpr Architecture mpnet() {
  Architecture a = bert("mpnet", "MPNet", "mpnet.", 2);
  a.names = kMpNet;
  a.token_types = false;
  a.relative_beside = true;
  return a;
}

constexpr Architecture distilbert() {
  Architecture a = bert("distilbert", "DistilBERT", "distilbert.");
  a.names = kDistilBert;
  a.keys = {.hidden = "dim", .intermediate = "hidden_dim", .layers = "n_layers", .heads = "n_heads", .norm_eps = ""};
  a.token_types = false;
  a.activation_key = "activation";
  return a;
}

constexpr Architecture kFamilies[] = {
    {.model_type = "llama",
     .gguf = "llama",
     .title = "LLaMA 1-3, SmolLM, Yi, …",
     .names = kCommon,
     .norms = kPreNorms,
     .gguf_permutes_qk = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .mlp_bias = Switch::kMlpBias},
    {.model_type = "mistral",
     .gguf = "mistral",
     .title = "Mistral 7B",
     .names = kCommon,
     .norms = kPreNorms,
     .gguf_alias = "mistral3",
     .gguf_written = "llama",
     .gguf_permutes_qk = true,
     .window = WindowRule::kEveryLayer,
     .kv_heads = 8,
     .max_positions = 131072},
    {.model_type = "qwen2",
     .gguf = "qwen2",
     .title = "Qwen 2 and 2.5",
     .names = kCommon,
     .norms = kPreNorms,
     .qkv_bias = Switch::kAlways,
     .window = WindowRule::kFromMaxWindow,
     .windows = {"use_sliding_window", false},
     .kv_heads = 32,
     .max_positions = 32768},
    {.model_type = "qwen3",
     .gguf = "qwen3",
     .title = "Qwen 3",
     .names = kCommon,
     .norms = kPreNorms,
     .qk_norm = Switch::kAlways,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .window = WindowRule::kFromMaxWindow,
     .windows = {"use_sliding_window", false},
     .head_dim = 128,
     .kv_heads = 32,
     .max_positions = 32768},
    {.model_type = "gemma",
     .gguf = "gemma",
     .title = "Gemma 1",
     .names = kCommon,
     .norms = kPreNorms,
     .norm_plus_one = true,
     .scale_embeddings = true,
     .tied_head = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .activation = "gelu_pytorch_tanh",
     .gelu_is_tanh = true,
     .head_dim = 256,
     .kv_heads = 16,
     .max_positions = 8192},
    {.model_type = "gemma2",
     .gguf = "gemma2",
     .title = "Gemma 2",
     .names = kCommon,
     .norms = kSandwichNorms,
     .norm_plus_one = true,
     .scale_embeddings = true,
     .tied_head = true,
     .post_norms = true,
     .query_pre_attn_scalar = true,
     .soft_caps = true,
     .gguf_window = 4096,
     .gguf_share_scaled = 46,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .window = WindowRule::kAlternate,
     .activation_key = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .kv_heads = 4,
     .max_positions = 8192},
    {.model_type = "gemma3_text",
     .gguf = "gemma3",
     .title = "Gemma 3 (text)",
     .names = kCommon,
     .norms = kSandwichNorms,
     .wrapper = "gemma3",
     .norm_plus_one = true,
     .scale_embeddings = true,
     .tied_head = true,
     .qk_norm = Switch::kAlways,
     .post_norms = true,
     .query_pre_attn_scalar = true,
     .optional_cap = true,
     .local_rope = true,
     .gguf_share_scaled = 62,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .window = WindowRule::kAllButEvery,
     .activation_key = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .heads = 8,
     .kv_heads = 4,
     .vocabulary = 262208,
     .rope_theta = 1000000,
     .max_positions = 131072},
    {.model_type = "opt",
     .gguf = "",
     .title = "OPT",
     .names = kOpt,
     .norms = {},
     .norm = NormKind::kLayer,
     .position = PositionKind::kLearned,
     .mlp = MlpKind::kPlain,
     .keys = {.intermediate = "ffn_dim", .norm_eps = "layer_norm_eps", .embed_width = "word_embed_proj_dim"},
     .norm_weights = {"layer_norm_elementwise_affine", true},
     .position_offset = 2,
     .tied_head = true,
     .pre_norms = {"do_layer_norm_before", true},
     .qkv_bias = {"enable_bias", true},
     .o_bias = {"enable_bias", true},
     .mlp_bias = {"enable_bias", true},
     .activation_key = "activation_function",
     .activation = "relu"},
    bert("bert", "BERT, MiniLM, …", "bert."),
    bert("roberta", "RoBERTa", "roberta.", 2),
    bert("xlm-roberta", "XLM-RoBERTa", "roberta.", 2),
    bert("camembert", "CamemBERT", "roberta.", 2),
    electra(),
    mpnet(),
    distilbert(),
    t5("t5", "T5, Flan-T5", read_t5),
    t5("mt5", "mT5", read_mt5),
    t5("umt5", "UMT5", read_umt5, true),
};

}  // namespace

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> all = [] {
    std::vector<Architecture> out(std::begin(kFamilies), std::end(kFamilies));
    for (const auto& some : {gated_families(), plain_families(), mixture_families(), recurrent_families()})
      out.insert(out.end(), some.begin(), some.end());
    return out;
  }();
  return all;
}

}  // namespace deltascape::model
