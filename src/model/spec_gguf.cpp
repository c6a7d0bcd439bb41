// Owns GGUF metadata -> ModelSpec (key names: ggml docs/gguf.md and llama.cpp's llama-arch).
#include <cmath>

#include "deltascape/error.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

class Keys {
 public:
  Keys(const io::GgufFile& file, std::string architecture) : file_(file), prefix_(std::move(architecture) + ".") {}
  std::int64_t required(const std::string& key) const {
    const auto v = file_.integer(prefix_ + key);
    if (!v || *v < 1 || *v > (1 << 24)) fail(key, "a number from 1 to 16777216");
    return *v;
  }
  std::int64_t integer(const std::string& key, std::int64_t otherwise) const {
    const auto v = file_.integer(prefix_ + key);
    if (v && (*v < 1 || *v > (std::int64_t{1} << 40))) fail(key, "a positive number");
    return v.value_or(otherwise);
  }
  double real(const std::string& key, double otherwise) const { return file_.real(prefix_ + key).value_or(otherwise); }
  std::optional<std::string> string(const std::string& key) const { return file_.string(prefix_ + key); }
  [[noreturn]] void fail(const std::string& key, const std::string& expected) const {
    throw Error(ErrorCode::kBadFile, "bad or missing GGUF metadata",
                {.path = file_.path().string(), .field = prefix_ + key, .expected = expected});
  }

 private:
  const io::GgufFile& file_;
  std::string prefix_;
};

RopeSpec rope_from(const io::GgufFile& gguf, const Keys& k, const Architecture& a, std::int64_t head_dim) {
  RopeSpec r;
  r.theta = k.real("rope.freq_base", a.rope_theta);
  r.dim = static_cast<int>(k.integer("rope.dimension_count", head_dim));
  r.max_positions = static_cast<double>(k.integer("context_length", 2048));
  r.original_positions = static_cast<double>(
      k.integer("rope.scaling.original_context_length", static_cast<std::int64_t>(r.max_positions)));
  r.factor = k.real("rope.scaling.factor", k.real("rope.scale_linear", 1));
  const std::string type = k.string("rope.scaling.type").value_or(r.factor != 1 ? "linear" : "none");
  if (type == "linear") r.type = "linear";
  else if (type == "yarn") r.type = "yarn";
  else if (type != "none")
    throw Error(ErrorCode::kUnsupported, "this RoPE scaling is not computed",
                {.path = gguf.path().string(),
                 .field = "rope.scaling.type",
                 .expected = "none, linear or yarn",
                 .found = type});
  if (r.type == "yarn") r.attention_factor = k.real("rope.scaling.attn_factor", 0);
  if (r.dim != head_dim)
    throw Error(ErrorCode::kUnsupported, "partial rotary embeddings are not computed for this family",
                {.path = gguf.path().string(),
                 .field = "rope.dimension_count",
                 .expected = std::to_string(head_dim),
                 .found = std::to_string(r.dim)});
  // Llama 3's scaling comes as a tensor of divisors.
  if (const io::TensorInfo* t = gguf.find("rope_freqs.weight")) {
    if (t->elements * 2 != static_cast<std::uint64_t>(r.dim))
      throw Error(ErrorCode::kMismatch, "wrong number of RoPE divisors",
                  {.path = gguf.path().string(),
                   .field = t->name,
                   .expected = std::to_string(r.dim / 2),
                   .found = std::to_string(t->elements)});
    r.divisors.resize(t->elements);
    io::decode(t->dtype, gguf.bytes(*t), r.divisors.data(), t->elements);
  }
  return r;
}

}  // namespace

ModelSpec spec_from_gguf(const io::GgufFile& gguf) {
  const std::string name = gguf.string("general.architecture").value_or("");
  ModelSpec s;
  s.architecture = find_gguf_architecture(name);
  if (s.architecture == nullptr)
    throw Error(ErrorCode::kUnsupported, "this model family is not computed",
                {.path = gguf.path().string(),
                 .field = "general.architecture",
                 .expected = "one of " + architecture_list(),
                 .found = name.empty() ? "none" : name});
  const Architecture& a = *s.architecture;
  const Keys k(gguf, name);
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
  s.norm_eps = k.real("attention.layer_norm_rms_epsilon", 1e-6);
  const io::TensorInfo* embed = gguf.find("token_embd.weight");
  if (embed == nullptr || embed->shape.size() != 2)
    throw Error(ErrorCode::kBadFile, "missing tensor", {.path = gguf.path().string(), .field = "token_embd.weight"});
  s.vocabulary = embed->shape[0];
  s.tied_head = gguf.find("output.weight") == nullptr;
  s.qkv_bias = gguf.find("blk.0.attn_q.bias") != nullptr;
  s.o_bias = gguf.find("blk.0.attn_output.bias") != nullptr;
  s.mlp_bias = gguf.find("blk.0.ffn_up.bias") != nullptr;
  s.activation = activation_named(std::string(a.activation), gguf.path());
  s.attention_scale = 1.0 / std::sqrt(static_cast<double>(s.head_dim));
  if (a.soft_caps) {
    s.attention_softcap = k.real("attn_logit_softcapping", 50);
    s.final_softcap = k.real("final_logit_softcapping", 30);
  }
  // llama.cpp fixes Gemma 2 27B and Gemma 3 27B's attention scale by size: hidden/heads in place of head_dim.
  if (a.query_pre_attn_scalar && ((a.gguf == "gemma2" && count == 46) || (a.gguf == "gemma3" && count == 62)))
    s.attention_scale = 1.0 / std::sqrt(static_cast<double>(s.hidden) / static_cast<double>(s.heads));
  s.ropes = {rope_from(gguf, k, a, s.head_dim)};
  if (a.local_rope) {
    RopeSpec local;
    local.theta = k.real("rope.freq_base_swa", 10000);
    local.dim = s.ropes[0].dim;
    s.ropes.push_back(local);
  }
  const std::int64_t window = k.integer("attention.sliding_window", a.window == WindowRule::kNone ? 0 : 4096);
  for (int i = 0; i < count; ++i) {
    const bool local = a.window == WindowRule::kEveryLayer || (a.window == WindowRule::kAlternate && i % 2 == 0) ||
                       (a.window == WindowRule::kAllButEvery && (i + 1) % 6 != 0);
    if (!local) continue;
    s.layers[static_cast<std::size_t>(i)].window = static_cast<int>(std::min<std::int64_t>(window, 1 << 30));
    if (a.local_rope) s.layers[static_cast<std::size_t>(i)].rope = 1;
  }
  lay_out_stacks(s);
  return s;
}

}  // namespace deltascape::model
