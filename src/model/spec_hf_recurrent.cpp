// Owns what config.json says of recurrent layers: which they are, and the widths of Mamba 2 and of gated delta nets.
#include <cmath>

#include "deltascape/error.h"
#include "model/own_fields.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

constexpr std::int64_t kMostHeads = 1 << 20, kMostKernel = 64;

// layer_types, or layers_block_type as it was called; else every `interval`-th layer attends (0: none).
void read_mixers(const JsonFields& c, ModelSpec& s, std::int64_t interval) {
  const std::string_view key = c.has("layer_types") ? "layer_types" : "layers_block_type";
  const io::Json* types = layer_names(c, s, key);
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    bool recurs = interval == 0 || (static_cast<std::int64_t>(i) + 1) % interval != 0;
    if (types != nullptr) {
      const io::Json& name = (*types)[i];
      recurs = name == "linear_attention" || name == "mamba";
      if (!recurs && name != "full_attention" && name != "attention") c.fail(key, "linear_attention or full_attention");
    }
    if (recurs) s.layers[i].mixer = s.recurrent.kind;
  }
}

void require_silu(const JsonFields& c, const ModelSpec& s) {
  if (s.activation == Activation::kSilu) return;
  throw Error(ErrorCode::kUnsupported, "recurrent layers are supported with SiLU alone",
              {.path = c.file().string(), .field = "hidden_act", .expected = "silu"});
}

// (0, inf): steps of any length, as published.
void require_free_steps(const JsonFields& c) {
  const io::Json* limit = c.find("time_step_limit");
  const auto is_infinite = [](const io::Json& v) {
    return (v.is_number() && std::isinf(v.get<double>())) ||
           (v.is_object() && v.size() == 1 && v.begin()->is_string() && *v.begin() == "Infinity");
  };
  if (limit == nullptr || (limit->is_array() && limit->size() == 2 && (*limit)[0] == 0 && is_infinite((*limit)[1])))
    return;
  throw Error(
      ErrorCode::kUnsupported, "steps of limited length are not supported",
      {.path = c.file().string(), .field = "time_step_limit", .expected = "0 to infinity", .found = limit->dump()});
}

}  // namespace

void read_granite_hybrid(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& routing = s.routing;
  routing.experts = within(c, "num_local_experts", 0, 4096, 8);
  if (routing.experts > 0) routing.chosen = within(c, "num_experts_per_tok", 1, routing.experts, 2);
  routing.normalised = true;
  routing.intermediate = s.intermediate;
  routing.shared_intermediate = within(c, "shared_intermediate_size", 1, kMaxWidth, 1024);
  if (c.string("position_embedding_type").value_or("") != "rope")
    for (LayerSpec& l : s.layers) l.rope = -1;

  RecurrentSpec& r = s.recurrent;
  r.kind = MixerKind::kMamba2;
  r.heads = within(c, "mamba_n_heads", 1, kMostHeads, 128);
  const std::int64_t inner = s.hidden * within(c, "mamba_expand", 1, 64, 2);
  const io::Json* head = c.find("mamba_d_head");
  const bool given = head != nullptr && !(head->is_string() && *head == "auto");
  r.head_dim = given ? within(c, "mamba_d_head", 1, kMaxWidth) : inner / r.heads;
  if (r.inner() != inner) c.fail("mamba_d_head", "mamba_expand · hidden_size / mamba_n_heads");
  r.key_heads = within(c, "mamba_n_groups", 1, r.heads, 1);
  if (r.heads % r.key_heads != 0) c.fail("mamba_n_groups", "a divisor of mamba_n_heads");
  r.key_dim = within(c, "mamba_d_state", 1, kMaxWidth, 256);
  r.kernel = within(c, "mamba_d_conv", 2, kMostKernel, 4);
  r.conv_bias = c.boolean("mamba_conv_bias").value_or(true);
  r.projection_bias = c.boolean("mamba_proj_bias").value_or(false);
  require_free_steps(c);
  require_silu(c, s);
  read_mixers(c, s, 0);
}

void read_delta_net(const JsonFields& c, ModelSpec& s) {
  RecurrentSpec& r = s.recurrent;
  r.kind = MixerKind::kDeltaNet;
  r.key_heads = within(c, "linear_num_key_heads", 1, kMostHeads, 16);
  r.heads = within(c, "linear_num_value_heads", 1, kMostHeads, 32);
  if (r.heads % r.key_heads != 0) c.fail("linear_num_key_heads", "a divisor of linear_num_value_heads");
  r.key_dim = within(c, "linear_key_head_dim", 1, kMaxWidth, 128);
  r.head_dim = within(c, "linear_value_head_dim", 1, kMaxWidth, 128);
  r.kernel = within(c, "linear_conv_kernel_dim", 2, kMostKernel, 4);
  require_silu(c, s);
  read_mixers(c, s, within(c, "full_attention_interval", 1, kMaxWidth, 4));
}

void read_qwen3_next(const JsonFields& c, ModelSpec& s) {
  read_qwen_moe(c, s);
  s.routing.normalised = c.boolean("norm_topk_prob").value_or(true);
  read_delta_net(c, s);
}

}  // namespace deltascape::model
