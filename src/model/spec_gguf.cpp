// Owns GGUF metadata -> ModelSpec (key names: ggml docs/gguf.md and llama.cpp's llama-arch).
#include "model/spec_gguf.h"

#include <algorithm>
#include <cmath>

#include "deltascape/error.h"

namespace deltascape::model {
namespace {

const Architecture* family_of(const io::GgufFile& gguf, const std::string& name) {
  const Architecture* mixture = find_gguf_mixture(name);
  const bool experts = mixture != nullptr && gguf.integer(name + ".expert_count").value_or(0) > 0;
  return experts ? mixture : find_gguf_architecture(name);
}

// What shows in which tensors there are.
void read_parts(const GgufKeys& k, ModelSpec& s) {
  const Architecture& a = *s.architecture;
  const auto in_first = [&](const char* name) { return k.has_tensor(std::string("blk.0.") + name); };
  s.tied_head = s.says_tied = !k.has_tensor("output.weight");
  s.qkv_bias = in_first(a.mixer == MixerKind::kFused ? "attn_qkv.bias" : "attn_q.bias");
  s.o_bias = in_first("attn_output.bias");
  s.mlp_bias = in_first("ffn_up.bias");
  s.qk_norm = a.qk_norm.otherwise || (!a.qk_norm.key.empty() && in_first("attn_q_norm.weight"));
  s.shared_norm = a.shared_norm;
  s.norm = a.norm;
  s.pre_norms = a.pre_norms.otherwise;
  s.parallel = a.parallel.otherwise;
  if (!a.parallel.key.empty()) s.parallel = k.boolean("use_parallel_residual").value_or(s.parallel);
}

// Throws where the file itself says another number of tokens than its table has rows.
void require_rows(const io::GgufFile& gguf, const io::TensorInfo& table, const std::string& key,
                  std::optional<std::int64_t> said) {
  if (!said || *said == table.shape[0]) return;
  throw Error(ErrorCode::kMismatch, "the token embedding has another number of rows than the vocabulary has tokens",
              {.path = gguf.path().string(),
               .field = key,
               .expected = std::to_string(table.shape[0]) + ", the rows of " + table.name,
               .found = std::to_string(*said)});
}

}  // namespace

void GgufKeys::fail(const std::string& key, const std::string& expected) const {
  throw Error(ErrorCode::kBadFile, "bad or missing GGUF metadata",
              {.path = file_.path().string(), .field = prefix_ + key, .expected = expected});
}

void GgufKeys::unsupported(const std::string& key, const std::string& found) const {
  throw Error(ErrorCode::kUnsupported, "this option is not supported",
              {.path = file_.path().string(), .field = prefix_ + key, .found = found});
}

void GgufKeys::refuse_above(const std::string& key, std::int64_t most) const {
  if (const std::int64_t found = any_integer(key).value_or(most); found > most) unsupported(key, std::to_string(found));
}

std::optional<std::int64_t> GgufKeys::any_integer(const std::string& key) const {
  const auto place = file_.metadata().find(prefix_ + key);
  const auto* each =
      place == file_.metadata().end() ? nullptr : std::get_if<std::vector<std::int64_t>>(&place->second.value);
  if (each == nullptr) return file_.integer(prefix_ + key);
  if (each->empty() || std::ranges::any_of(*each, [&](std::int64_t n) { return n != each->front(); }))
    unsupported(key, "numbers that differ from layer to layer");
  return each->front();
}

std::int64_t GgufKeys::required(const std::string& key) const {
  const auto v = any_integer(key);
  if (!v || *v < 1 || *v > (1 << 24)) fail(key, "a number from 1 to 16777216");
  return *v;
}

std::int64_t GgufKeys::integer(const std::string& key, std::int64_t otherwise) const {
  const auto v = any_integer(key);
  if (v && (*v < 1 || *v > (std::int64_t{1} << 40))) fail(key, "a positive number");
  return v.value_or(otherwise);
}

double GgufKeys::factor(const std::string& key, double otherwise) const {
  const double value = real(key, otherwise);
  if (!(std::abs(value) > 0) || !std::isfinite(value)) fail(key, "a number other than 0");
  return value;
}

ModelSpec spec_from_gguf(const io::GgufFile& gguf) {
  const std::string name = gguf.string("general.architecture").value_or("");
  if (gguf.string("general.type").value_or("") == "adapter")
    throw Error(ErrorCode::kUnsupported, "this is an adapter, not a base: give the model it was trained on",
                {.path = gguf.path().string(), .field = "general.type"});
  ModelSpec s;
  s.architecture = family_of(gguf, name);
  if (s.architecture == nullptr)
    throw Error(ErrorCode::kUnsupported, "this model family is not supported",
                {.path = gguf.path().string(),
                 .field = "general.architecture",
                 .expected = architecture_list(),
                 .found = name.empty() ? "none" : name});
  const Architecture& a = *s.architecture;
  const GgufKeys k(gguf, name);
  s.hidden = k.required("embedding_length");
  s.intermediate = k.required("feed_forward_length");
  s.heads = k.required("attention.head_count");
  s.kv_heads = k.integer("attention.head_count_kv", s.heads);
  if (s.heads % s.kv_heads != 0) k.fail("attention.head_count_kv", "a divisor of attention.head_count");
  s.head_dim = k.integer("attention.key_length", std::max<std::int64_t>(1, s.hidden / s.heads));
  if (k.integer("attention.value_length", s.head_dim) != s.head_dim)
    k.fail("attention.value_length", "the same as attention.key_length");
  const std::int64_t count = k.required("block_count");
  if (count > 10000) k.fail("block_count", "at most 10000");
  s.layers.resize(static_cast<std::size_t>(count));
  const bool rms = a.norm == NormKind::kRms;
  s.norm_eps = k.real(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", rms ? 1e-6 : 1e-5);
  const io::TensorInfo* embed = gguf.find("token_embd.weight");
  if (embed == nullptr || embed->shape.size() != 2)
    throw Error(ErrorCode::kBadFile, "missing tensor", {.path = gguf.path().string(), .field = "token_embd.weight"});
  s.vocabulary = embed->shape[0];
  // llama.cpp makes the table as long as the vocabulary; transformers, as vocab_size says.
  const std::vector<std::string>* tokens = gguf.strings("tokenizer.ggml.tokens");
  const auto said = tokens != nullptr ? std::optional(static_cast<std::int64_t>(tokens->size())) : std::nullopt;
  require_rows(gguf, *embed, "tokenizer.ggml.tokens", said);
  require_rows(gguf, *embed, name + ".vocab_size", gguf.integer(name + ".vocab_size"));
  s.position = a.position;
  if (const io::TensorInfo* table = gguf.find("position_embd.weight"); a.position == PositionKind::kLearned) {
    if (table == nullptr || table->shape.size() != 2)
      throw Error(ErrorCode::kBadFile, "missing tensor",
                  {.path = gguf.path().string(), .field = "position_embd.weight"});
    s.positions = table->shape[0];
  }
  s.activation = activation_named(std::string(a.activation), gguf.path());
  s.attention_scale = 1.0 / std::sqrt(static_cast<double>(s.head_dim));
  if (!k.boolean("attention.causal").value_or(true)) k.unsupported("attention.causal", "false");
  read_parts(k, s);
  read_gguf_scales(k, s);
  if (a.position == PositionKind::kRotary) read_gguf_ropes(k, s);
  read_gguf_layers(k, s);
  if (a.mlp == MlpKind::kExperts) read_gguf_experts(k, s);
  if (a.read_gguf != nullptr) a.read_gguf(k, s);
  lay_out_stacks(s);
  return s;
}

}  // namespace deltascape::model
