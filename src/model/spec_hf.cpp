// Owns config.json -> ModelSpec, with the old and the new names of fields (transformers 4 and 5).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "deltascape/error.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

constexpr std::int64_t kMaxLayers = 10000;
constexpr std::int64_t kMaxWidth = std::int64_t{1} << 24;

std::int64_t positive(const JsonFields& c, std::string_view key, std::int64_t most, std::int64_t otherwise = 0) {
  const auto value = c.integer(key);
  if (!value && otherwise > 0) return otherwise;
  if (!value || *value < 1 || *value > most) c.fail(key, "a number from 1 to " + std::to_string(most));
  return *value;
}

bool is_on(const JsonFields& c, const Switch& s) {
  return s.key.empty() ? s.otherwise : c.boolean(s.key).value_or(s.otherwise);
}

// Options that change the result in a way that is not computed, and the value that is.
constexpr std::pair<std::string_view, bool> kFixed[] = {
    {"use_bidirectional_attention", false},
    {"apply_residual_connection_post_layernorm", false},
    {"qk_layernorm", false},
    {"use_qk_norm", false},
    {"scale_attn_weights", true},
    {"scale_attn_by_inverse_layer_idx", false},
    {"add_cross_attention", false},
    {"do_layer_norm_before", true},
    {"_remove_final_layer_norm", false},
    {"layer_norm_elementwise_affine", true},
};

void refuse_options(const JsonFields& c, const Architecture& a) {
  for (const auto& [key, value] : kFixed)
    if (c.boolean(key).value_or(value) != value)
      throw Error(ErrorCode::kUnsupported, "a model with this option is not computed",
                  {.path = c.file().string(), .field = std::string(key), .found = value ? "false" : "true"});
  if (a.window == WindowRule::kRefused && c.boolean("use_sliding_window").value_or(false))
    throw Error(ErrorCode::kUnsupported, "sliding windows are not computed for this family",
                {.path = c.file().string(), .field = "use_sliding_window", .found = "true"});
}

std::vector<float> factors(const JsonFields& c, std::string_view key, int count) {
  const io::Json* list = c.find(key);
  if (list == nullptr || !list->is_array() || list->size() != static_cast<std::size_t>(count))
    c.fail(key, "a list of " + std::to_string(count) + " positive numbers");
  std::vector<float> out;
  for (const io::Json& v : *list) {
    const float f = v.is_number() ? v.get<float>() : 0;
    if (!(f > 0) || !std::isfinite(f)) c.fail(key, "a list of " + std::to_string(count) + " positive numbers");
    out.push_back(f);
  }
  return out;
}

// One rope dictionary (rope_scaling, or an entry of rope_parameters); `theta` where it names none.
RopeSpec rope_from(const JsonFields& c, const Architecture& a, const JsonFields* scaling, double theta,
                   std::int64_t head_dim) {
  RopeSpec r;
  r.theta = scaling ? scaling->real("rope_theta").value_or(theta) : theta;
  if (!(r.theta > 0)) c.fail("rope_theta", "a positive number");
  double partial = c.real(a.keys.rope_part).value_or(a.rope_part);
  r.max_positions = static_cast<double>(c.integer("max_position_embeddings").value_or(2048));
  if (scaling) {
    partial = scaling->real("partial_rotary_factor").value_or(partial);
    r.type = scaling->string("rope_type").value_or(scaling->string("type").value_or("default"));
    // Phi-3's first names for longrope.
    if (r.type == "su" || (r.type == "yarn" && scaling->has("short_factor"))) r.type = "longrope";
    constexpr std::string_view kKinds[] = {"default", "linear", "dynamic", "llama3", "yarn", "longrope"};
    if (std::find(std::begin(kKinds), std::end(kKinds), r.type) == std::end(kKinds))
      throw Error(ErrorCode::kUnsupported, "this RoPE scaling is not computed",
                  {.path = c.file().string(),
                   .field = "rope_type",
                   .expected = "default, linear, dynamic, llama3, yarn or longrope",
                   .found = r.type});
    const bool scaled = r.type != "default";
    r.original_positions = scaling->real("original_max_position_embeddings")
                               .value_or(c.real("original_max_position_embeddings").value_or(r.max_positions));
    const bool by_length = r.type == "yarn" || r.type == "longrope";
    r.factor =
        scaling->real("factor").value_or(by_length ? r.max_positions / std::max(1.0, r.original_positions) : 1.0);
    if (scaled && !(r.factor > 0)) scaling->fail("factor", "a positive number");
    r.low_freq_factor = scaling->real("low_freq_factor").value_or(1);
    r.high_freq_factor = scaling->real("high_freq_factor").value_or(4);
    r.attention_factor = scaling->real("attention_factor").value_or(0);
    r.mscale = scaling->real("mscale").value_or(0);
    r.mscale_all_dim = scaling->real("mscale_all_dim").value_or(0);
    r.beta_fast = scaling->real("beta_fast").value_or(32);
    r.beta_slow = scaling->real("beta_slow").value_or(1);
    r.truncate = scaling->boolean("truncate").value_or(true);
  }
  r.dim = static_cast<int>(static_cast<double>(head_dim) * partial);
  if (partial != 1.0 && !a.partial_rope)
    throw Error(ErrorCode::kUnsupported, "partial rotary embeddings are not computed for this family",
                {.path = c.file().string(), .field = "partial_rotary_factor"});
  if (!(partial > 0) || !(partial <= 1) || r.dim < 2) c.fail(a.keys.rope_part, "a number above 0, at most 1");
  if (r.dim % 2 != 0) c.fail(partial == 1 ? "head_dim" : a.keys.rope_part, "an even number of features that turn");
  r.interleaved = a.interleaved_rope;
  if (r.type == "longrope") {
    if (!(r.original_positions > 1)) c.fail("original_max_position_embeddings", "a number above 1");
    r.short_factors = factors(*scaling, "short_factor", r.dim / 2);
    r.long_factors = factors(*scaling, "long_factor", r.dim / 2);
  }
  return r;
}

// ropes[0] is for full attention; Gemma 3's windowed layers have their own.
std::vector<RopeSpec> ropes(const JsonFields& c, const Architecture& a, std::int64_t head_dim) {
  const double theta = c.real(a.keys.rope_theta).value_or(a.rope_theta);
  const auto parameters = c.object("rope_parameters");
  const auto scaling = c.object("rope_scaling");
  if (!a.local_rope) {
    const JsonFields* used = scaling && !scaling->json().empty() ? &*scaling : parameters ? &*parameters : nullptr;
    return {rope_from(c, a, used, theta, head_dim)};
  }
  const double local_theta = c.real("rope_local_base_freq").value_or(10000);
  const auto global = parameters ? parameters->object("full_attention") : std::nullopt;
  const auto local = parameters ? parameters->object("sliding_attention") : std::nullopt;
  return {rope_from(c, a,
                    global    ? &*global
                    : scaling ? &*scaling
                              : nullptr,
                    theta, head_dim),
          rope_from(c, a, local ? &*local : nullptr, local_theta, head_dim)};
}

bool windowed(const JsonFields& c, const Architecture& a, int layer) {
  switch (a.window) {
    case WindowRule::kNone:
    case WindowRule::kRefused: return false;
    case WindowRule::kEveryLayer: return true;
    case WindowRule::kAlternate: return layer % 2 == 0;
    case WindowRule::kFiveOfSix: {
      const auto pattern = c.integer("sliding_window_pattern").value_or(6);
      return pattern < 1 || (layer + 1) % pattern != 0;
    }
    case WindowRule::kFromMaxWindow: return layer >= c.integer("max_window_layers").value_or(28);
  }
  return false;
}

std::vector<LayerSpec> layers(const JsonFields& c, const Architecture& a, std::int64_t count) {
  std::vector<LayerSpec> out(static_cast<std::size_t>(count));
  if (a.window == WindowRule::kNone || a.window == WindowRule::kRefused) return out;
  std::int64_t window = a.window_size;
  bool on = window > 0;
  if (c.json().contains("sliding_window")) {
    on = c.has("sliding_window");  // null switches it off
    if (on) window = positive(c, "sliding_window", std::int64_t{1} << 30);
  }
  if (a.window == WindowRule::kFromMaxWindow) on = on && c.boolean("use_sliding_window").value_or(false);
  const io::Json* types = a.window == WindowRule::kEveryLayer ? nullptr : c.find("layer_types");
  if (types && (!types->is_array() || types->size() != out.size()))
    c.fail("layer_types", "a list of " + std::to_string(count) + " names");
  for (int i = 0; i < count; ++i) {
    bool local = windowed(c, a, i);
    if (types) {
      const io::Json& type = (*types)[static_cast<std::size_t>(i)];
      local = type == "sliding_attention";
      if (!local && type != "full_attention") c.fail("layer_types", "full_attention or sliding_attention");
    }
    if (local && on) out[static_cast<std::size_t>(i)].window = static_cast<int>(window);
    if (local && a.local_rope) out[static_cast<std::size_t>(i)].rope = 1;
  }
  return out;
}

// Gemma 3's multimodal models keep the text model's numbers in text_config.
const io::Json& text_part(const io::Json& config) {
  const bool wrapped = config.is_object() && config.contains("text_config") && config["text_config"].is_object();
  return wrapped && config.value("model_type", io::Json()) == "gemma3" ? config["text_config"] : config;
}

void refuse_quantised(const JsonFields& c) {
  const auto quantisation = c.object("quantization_config");
  if (!quantisation) return;
  throw Error(ErrorCode::kUnsupported,
              "quantised Hugging Face weights are not computed: give the model in BF16 or as GGUF",
              {.path = c.file().string(),
               .field = "quantization_config",
               .found = quantisation->string("quant_method").value_or("an unnamed method")});
}

}  // namespace

Activation activation_named(const std::string& name, const std::filesystem::path& file) {
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  throw Error(ErrorCode::kUnsupported, "this activation is not computed",
              {.path = file.string(),
               .field = "hidden_act",
               .expected = "silu, gelu, gelu_pytorch_tanh or relu",
               .found = name});
}

ModelSpec spec_from_config(const io::Json& whole, const std::filesystem::path& file) {
  refuse_quantised(JsonFields(whole, file));
  const io::Json& config = text_part(whole);
  const JsonFields c(config, file);
  std::string type = c.string("model_type").value_or("");
  if (&config != &whole && type.empty()) type = "gemma3_text";
  ModelSpec s;
  s.architecture = find_architecture(type);
  if (s.architecture == nullptr)
    throw Error(ErrorCode::kUnsupported, "this model family is not computed",
                {.path = file.string(),
                 .field = "model_type",
                 .expected = "one of " + architecture_list(),
                 .found = type.empty() ? "none" : type});
  const Architecture& a = *s.architecture;
  s.hidden = positive(c, a.keys.hidden, kMaxWidth);
  s.vocabulary = positive(c, "vocab_size", kMaxWidth, a.vocabulary);
  s.intermediate = a.keys.intermediate.empty()
                       ? 4 * s.hidden
                       : positive(c, a.keys.intermediate, kMaxWidth, a.fourfold ? 4 * s.hidden : 0);
  s.heads = positive(c, a.keys.heads, kMaxWidth, a.heads);
  // A missing key takes the family's default; null says as many as heads.
  const bool missing = !config.contains("num_key_value_heads");
  s.kv_heads = positive(c, "num_key_value_heads", kMaxWidth, missing && a.kv_heads ? a.kv_heads : s.heads);
  if (s.heads % s.kv_heads != 0) c.fail("num_key_value_heads", "a divisor of num_attention_heads");
  if (a.attention == AttentionKind::kFused && a.qkv == QkvLayout::kByHead && s.kv_heads != s.heads)
    c.fail("num_key_value_heads", "as many as num_attention_heads");
  const std::int64_t share = std::max<std::int64_t>(1, s.hidden / s.heads);
  s.head_dim =
      a.keys.head_dim.empty() ? share : positive(c, a.keys.head_dim, kMaxWidth, a.head_dim ? a.head_dim : share);
  s.layers = layers(c, a, positive(c, a.keys.layers, kMaxLayers));
  if (a.attention == AttentionKind::kLatent) read_latent(c, s);
  if (a.position == PositionKind::kRotary) s.ropes = ropes(c, a, s.latent.kv_rank ? s.latent.rotary : s.head_dim);
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
  if (a.soft_caps) {  // null means off
    const auto cap = [&](const char* key, double otherwise) {
      return config.contains(key) ? c.real(key).value_or(0) : otherwise;
    };
    s.attention_softcap = cap("attn_logit_softcapping", 50);
    s.final_softcap = cap("final_logit_softcapping", 30);
  }
  s.parallel = is_on(c, a.parallel);
  s.qkv_bias = is_on(c, a.qkv_bias);
  s.o_bias = is_on(c, a.o_bias);
  s.mlp_bias = is_on(c, a.mlp_bias);
  std::string activation =
      (a.activation_key.empty() ? std::nullopt : c.string(a.activation_key)).value_or(std::string(a.activation));
  // Gemma 1's published configs say "gelu" and mean the tanh form (transformers corrects them too).
  if (a.model_type == "gemma" && activation == "gelu") activation = "gelu_pytorch_tanh";
  s.activation = activation_named(activation, file);
  s.tied_head = c.boolean("tie_word_embeddings").value_or(a.tied_head);
  refuse_options(c, a);
  read_scales(c, s);
  if (a.position == PositionKind::kLearned)
    s.positions = positive(c, a.keys.positions, kMaxWidth) + (a.offset_counted ? 0 : a.position_offset);
  if (const auto width = c.integer("word_embed_proj_dim"); width && *width != s.hidden)  // OPT 350M
    throw Error(ErrorCode::kUnsupported, "embeddings of another width than the blocks are not computed",
                {.path = file.string(), .field = "word_embed_proj_dim"});
  if (a.unrotated_layers) read_unrotated(c, s);
  for (LayerSpec& l : s.layers) l.mlp = a.mlp;
  if (a.mlp == MlpKind::kExperts) read_experts(c, s);
  if (a.stacks == StackKind::kEncoderDecoder) read_t5(c, s);
  else lay_out_stacks(s);
  if (a.stacks == StackKind::kEncoder) read_encoder(c, s);
  return s;
}

}  // namespace deltascape::model
