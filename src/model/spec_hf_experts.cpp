// Owns what config.json says of experts: each mixture of experts has keys and defaults of its own.
#include <algorithm>
#include <cmath>

#include "deltascape/error.h"
#include "model/own_fields.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

constexpr std::int64_t kMostExperts = 4096;

[[noreturn]] void unsupported(const JsonFields& c, const std::string& field, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, what, {.path = c.file().string(), .field = field});
}

}  // namespace

void read_mixtral(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, "num_local_experts", 1, kMostExperts);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, 2);
  r.normalised = true;
  r.intermediate = s.intermediate;
}

void read_qwen_moe(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, c.has("num_experts") ? "num_experts" : "num_local_experts", 1, kMostExperts);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts);
  r.normalised = c.boolean("norm_topk_prob").value_or(false);
  r.intermediate = within(c, "moe_intermediate_size", 1, kMaxWidth);
  if (s.architecture->shared_expert) {
    r.shared_intermediate = within(c, "shared_expert_intermediate_size", 1, kMaxWidth);
    r.shared_score = true;
  }
  const std::int64_t step = within(c, "decoder_sparse_step", 1, kMaxWidth, 1);
  for (std::size_t i = 0; i < s.layers.size(); ++i)
    if ((i + 1) % static_cast<std::size_t>(step) != 0) s.layers[i].mlp = MlpKind::kGated;
  const io::Json* dense = c.has("mlp_only_layers") ? c.find("mlp_only_layers") : nullptr;
  if (dense != nullptr && !dense->is_array()) c.fail("mlp_only_layers", "a list of layers");
  for (std::size_t i = 0; dense != nullptr && i < dense->size(); ++i) {
    const io::Json& layer = (*dense)[i];
    const std::int64_t at = layer.is_number_integer() ? layer.get<std::int64_t>() : -1;
    if (at < 0 || at >= s.layer_count()) c.fail("mlp_only_layers", "layers of the model");
    s.layers[static_cast<std::size_t>(at)].mlp = MlpKind::kGated;
  }
}

void read_olmoe(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, "num_experts", 1, kMostExperts, 64);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, 8);
  r.normalised = c.boolean("norm_topk_prob").value_or(false);
  r.intermediate = s.intermediate;
}

void read_deepseek(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, "n_routed_experts", 1, kMostExperts);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts);
  r.intermediate = within(c, "moe_intermediate_size", 1, kMaxWidth, 1407);
  r.scale = c.real("routed_scaling_factor").value_or(1);
  if (!std::isfinite(r.scale)) c.fail("routed_scaling_factor", "a number");
  if (c.boolean("norm_topk_prob").value_or(false))
    unsupported(c, "norm_topk_prob", "DeepSeek-V2 with normalised routing weights is not supported");
  r.shared_intermediate = r.intermediate * within(c, "n_shared_experts", 0, 64, 2);
  const std::string method = c.string("topk_method").value_or("greedy");
  if (method == "group_limited_greedy") {
    r.groups = within(c, "n_group", 1, r.experts);
    r.chosen_groups = within(c, "topk_group", 1, r.groups);
    if (r.experts % r.groups != 0) c.fail("n_group", "a divisor of n_routed_experts");
    if (r.chosen > r.experts / r.groups * r.chosen_groups)
      c.fail("num_experts_per_tok", "at most the experts of topk_group groups");
  } else if (method != "greedy") {
    unsupported(c, "topk_method", "this routing is not supported: expected greedy or group_limited_greedy");
  }
  const std::int64_t dense = within(c, "first_k_dense_replace", 0, kMaxWidth, 0);
  for (std::size_t i = 0; i < s.layers.size() && static_cast<std::int64_t>(i) < dense; ++i)
    s.layers[i].mlp = MlpKind::kGated;
}

void read_gpt_oss(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, c.has("num_local_experts") ? "num_local_experts" : "num_experts", 1, kMostExperts, 128);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, 4);
  r.normalised = true;
  r.intermediate = s.intermediate;
  r.gain = c.real("swiglu_alpha").value_or(1.702);
  r.bound = c.real("swiglu_limit").value_or(7);
  if (!(r.gain > 0) || !std::isfinite(r.gain)) c.fail("swiglu_alpha", "a positive number");
  if (!(r.bound > 0) || !std::isfinite(r.bound)) c.fail("swiglu_limit", "a positive number");
  if (!c.has("rope_scaling") && !c.has("rope_parameters"))  // transformers assumes one, with numbers of its own
    c.fail("rope_parameters", "the scaling of the rotary embedding");
}

namespace {

// By moe_layers, or every so many.
void read_llama4_layers(const JsonFields& c, ModelSpec& s) {
  const io::Json* list = c.find("moe_layers");
  if (list != nullptr && !list->is_array()) c.fail("moe_layers", "a list of layers");
  const std::int64_t step = within(c, "interleave_moe_layer_step", 1, kMaxWidth, 1);
  const io::Json* types = layer_names(c, s);
  const auto chunk = static_cast<int>(within(c, "attention_chunk_size", 1, std::int64_t{1} << 30, 8192));
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    LayerSpec& l = s.layers[i];
    const auto named = [&](const io::Json& number) { return number == i; };
    const bool experts =
        list != nullptr ? std::ranges::any_of(*list, named) : (i + 1) % static_cast<std::size_t>(step) == 0;
    l.mlp = experts ? MlpKind::kExperts : MlpKind::kGated;
    const bool chunked = types != nullptr ? (*types)[i] == "chunked_attention" : l.rope >= 0;
    if (types != nullptr && !chunked && (*types)[i] != "full_attention")
      c.fail("layer_types", "full_attention or chunked_attention");
    if (chunked) l.chunk = chunk;
  }
}

}  // namespace

void read_llama4(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, "num_local_experts", 1, kMostExperts, 16);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, 1);
  r.sigmoid = r.on_input = true;
  r.intermediate = r.shared_intermediate = within(c, "intermediate_size", 1, kMaxWidth, 8192);
  read_llama4_layers(c, s);
  for (RopeSpec& rope : s.ropes) rope.complex = true;
  const bool tempered = c.boolean("attn_temperature_tuning").value_or(true);
  if (tempered)
    s.temperature = {static_cast<double>(within(c, "floor_scale", 1, std::int64_t{1} << 40, 8192)),
                     c.real("attn_scale").value_or(0.1)};
  for (LayerSpec& l : s.layers) {
    l.unit_qk = s.qk_norm && l.rope >= 0;
    l.tempered = tempered && l.rope < 0;
  }
  s.qk_norm = false;  // they have no weights
}

}  // namespace deltascape::model
