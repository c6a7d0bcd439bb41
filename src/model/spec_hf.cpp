// Owns config.json -> ModelSpec, with the old and the new names of fields (transformers 4 and 5).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "deltascape/error.h"
#include "model/missing_parts.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

constexpr std::int64_t kMaxLayers = 10000;

// Options that change the result in a way that is not computed.
constexpr std::string_view kRefused[] = {"use_bidirectional_attention", "qk_layernorm", "use_qk_norm",
                                         "add_cross_attention"};

void refuse_options(const JsonFields& c, const Architecture& a) {
  for (const std::string_view key : kRefused)
    if (key != a.qk_norm.key && c.boolean(key).value_or(false))
      throw Error(ErrorCode::kUnsupported, "this option is not supported",
                  {.path = c.file().string(), .field = std::string(key), .found = "true"});
}

// The family whose numbers a multimodal model keeps in text_config, or null.
const Architecture* wrapped_family(const io::Json& config) {
  const bool wraps = config.is_object() && config.contains("text_config") && config["text_config"].is_object();
  const io::Json type = wraps ? config.value("model_type", io::Json()) : io::Json();
  return type.is_string() ? find_wrapped_architecture(type.get<std::string>()) : nullptr;
}

// "…/models--unsloth--llama-3-8b-bnb-4bit/snapshots/SHA/config.json" -> "unsloth/llama-3-8b-bnb-4bit"; else the
// folder's name.
std::string repository_of(const std::filesystem::path& config) {
  constexpr std::string_view kCached = "models--";
  for (const auto& part : config.parent_path()) {
    std::string name = part.string();
    if (!name.starts_with(kCached)) continue;
    name.erase(0, kCached.size());
    if (const auto split = name.find("--"); split != std::string::npos) name.replace(split, 2, "/");
    return name;
  }
  return config.parent_path().filename().string();
}

// What the 4-bit copies of a model are called beside it, the longest first; empty where the name says nothing.
std::string unquantised_name(const std::string& name) {
  for (const std::string_view tail : {"-unsloth-bnb-4bit", "-bnb-4bit", "-bnb-8bit", "-4bit", "-8bit"})
    if (name.ends_with(tail) && name.size() > tail.size()) return name.substr(0, name.size() - tail.size());
  return "";
}

void refuse_quantised(const JsonFields& c) {
  const auto quantisation = c.object("quantization_config");
  if (!quantisation) return;
  const std::string guess = unquantised_name(repository_of(c.file()));
  throw Error(ErrorCode::kUnsupported,
              "quantised Hugging Face weights are not supported: give " + option("base") +
                  " with the original in BF16" + (guess.empty() ? std::string() : " (by its name " + guess + ")") +
                  ", or a GGUF",
              {.path = c.file().string(),
               .field = "quantization_config",
               .found = quantisation->string("quant_method").value_or("an unnamed method")});
}

}  // namespace

std::int64_t within(const JsonFields& c, std::string_view key, std::int64_t least, std::int64_t most,
                    std::optional<std::int64_t> otherwise) {
  const auto value = c.integer(key);
  if (!value && otherwise) return *otherwise;
  if (!value || *value < least || *value > most)
    c.fail(key, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return *value;
}

bool is_on(const JsonFields& c, const Switch& s) {
  return s.key.empty() ? s.otherwise : c.boolean(s.key).value_or(s.otherwise);
}

Activation activation_named(const std::string& name, const std::filesystem::path& file) {
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu2") return Activation::kReluSquared;
  throw Error(ErrorCode::kUnsupported, "this activation is not supported",
              {.path = file.string(),
               .field = "hidden_act",
               .expected = "silu, gelu, gelu_pytorch_tanh, relu or relu2",
               .found = name});
}

ModelSpec spec_from_config(const io::Json& whole, const std::filesystem::path& file) {
  refuse_quantised(JsonFields(whole, file));
  const Architecture* wrapped = wrapped_family(whole);
  const io::Json& config = wrapped != nullptr ? whole["text_config"] : whole;
  const JsonFields c(config, file);
  const std::string type = c.string("model_type").value_or("");
  ModelSpec s;
  s.architecture = type.empty() ? wrapped : find_architecture(type);
  if (const std::string_view parts = missing_parts(type); !parts.empty())
    throw Error(ErrorCode::kUnsupported, "this model family is not supported: it has " + std::string(parts),
                {.path = file.string(), .field = "model_type", .found = type});
  if (s.architecture == nullptr)
    throw Error(ErrorCode::kUnsupported, "this model family is not supported",
                {.path = file.string(),
                 .field = "model_type",
                 .expected = architecture_list(),
                 .found = type.empty() ? "none" : type});
  const Architecture& a = *s.architecture;
  // A missing number is `otherwise`; 0: it must be there.
  const auto number = [&](std::string_view key, std::int64_t otherwise, std::int64_t most = kMaxWidth) {
    return within(c, key, 1, most, otherwise > 0 ? std::optional(otherwise) : std::nullopt);
  };
  s.hidden = number(a.keys.hidden, 0);
  s.vocabulary = number("vocab_size", a.vocabulary);
  s.intermediate =
      a.keys.intermediate.empty() ? 4 * s.hidden : number(a.keys.intermediate, a.fourfold ? 4 * s.hidden : 0);
  s.heads = number(a.keys.heads, a.heads);
  // A missing key takes the family's default; null says as many as heads.
  const bool missing = a.kv_heads > 0 && !config.contains(a.keys.kv_heads);
  s.kv_heads = a.keys.kv_heads.empty() ? s.heads : number(a.keys.kv_heads, missing ? a.kv_heads : s.heads);
  if (s.heads % s.kv_heads != 0) c.fail(a.keys.kv_heads, "a divisor of " + std::string(a.keys.heads));
  const std::int64_t share = std::max<std::int64_t>(1, s.hidden / s.heads);
  s.head_dim = a.keys.head_dim.empty() ? share : number(a.keys.head_dim, a.head_dim ? a.head_dim : share);
  s.layers.resize(static_cast<std::size_t>(number(a.keys.layers, 0, kMaxLayers)));
  read_layers(c, s);
  if (a.mixer == MixerKind::kLatent) read_latent(c, s);
  if (a.position == PositionKind::kRotary) s.ropes = read_ropes(c, a, s.latent.kv_rank ? s.latent.rotary : s.head_dim);
  if (s.latent.kv_rank)
    s.ropes[0].offset = static_cast<int>(s.latent.plain), s.ropes[0].interleaved = s.ropes[0].complex = true;
  const double eps = a.norm_eps > 0 ? a.norm_eps : a.norm == NormKind::kLayer ? 1e-5 : 1e-6;
  s.norm_eps = c.real(a.keys.norm_eps).value_or(eps);
  const double scalar =
      a.query_pre_attn_scalar ? c.real("query_pre_attn_scalar").value_or(256) : static_cast<double>(s.head_dim);
  if (!(scalar > 0)) c.fail("query_pre_attn_scalar", "a positive number");
  s.attention_scale = 1.0 / std::sqrt(scalar);
  // DeepSeek-V2 puts YaRN's temperature on the scores, not on the angles.
  if (s.latent.kv_rank && s.ropes[0].type != "default" && s.ropes[0].mscale_all_dim != 0 && s.ropes[0].factor > 1) {
    const double m = 0.1 * s.ropes[0].mscale_all_dim * std::log(s.ropes[0].factor) + 1;
    s.attention_scale *= m * m;
  }
  if (a.soft_caps || a.optional_cap) {  // null means off
    const auto cap = [&](const char* key, double otherwise) {
      return config.contains(key) ? c.real(key).value_or(0) : otherwise;
    };
    if (a.soft_caps) s.attention_softcap = cap("attn_logit_softcapping", 50);
    s.final_softcap = cap("final_logit_softcapping", a.soft_caps ? 30 : 0);
  }
  s.position = a.position;
  s.norm = is_on(c, a.norm_weights) ? a.norm : NormKind::kBare;
  s.pre_norms = is_on(c, a.pre_norms);
  s.normed_residual = is_on(c, a.normed_residual);
  s.final_norm = !c.boolean("_remove_final_layer_norm").value_or(false);
  s.parallel = is_on(c, a.parallel);
  s.shared_norm = a.shared_norm;
  s.qk_norm = is_on(c, a.qk_norm);
  s.qkv_bias = is_on(c, a.qkv_bias);
  s.o_bias = is_on(c, a.o_bias);
  s.mlp_bias = is_on(c, a.mlp_bias);
  std::string activation =
      (a.activation_key.empty() ? std::nullopt : c.string(a.activation_key)).value_or(std::string(a.activation));
  if (a.gelu_is_tanh && activation == "gelu") activation = "gelu_pytorch_tanh";  // transformers corrects them too
  s.activation = activation_named(activation, file);
  // Where text_config is a part of the whole, the whole's word counts. T5 and its kin are tied whatever they say.
  const bool apart = a.stacks != StackKind::kEncoderDecoder &&
                     !JsonFields(whole, file).boolean("tie_word_embeddings").value_or(a.tied_head);
  s.tied_head = s.says_tied = !apart;
  refuse_options(c, a);
  read_scales(c, s);
  if (a.position == PositionKind::kLearned)
    s.positions = number(a.keys.positions, 0) + (a.offset_counted ? 0 : a.position_offset);
  if (!a.keys.embed_width.empty()) s.embed_width = number(a.keys.embed_width, s.hidden);
  for (LayerSpec& l : s.layers) l.mlp = a.mlp;
  if (a.read_config != nullptr) a.read_config(c, s);
  if (s.stacks.empty()) lay_out_stacks(s);
  if (a.stacks == StackKind::kEncoder) read_encoder(c, s);
  return s;
}

}  // namespace deltascape::model
