// The numbers of a model that decide its results, as text, from one table of every member of the spec: what is left out
// stands there too, and a member that is in no table does not compile.
#include <cstdio>
#include <tuple>

#include "core/field_count.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

template <class Spec, class Value>
struct Field {
  std::string_view name;
  Value Spec::*member;
};
template <class Spec, class Value>
Field(std::string_view, Value Spec::*) -> Field<Spec, Value>;
// Tensors, or other fields, tell it.
template <class Spec, class Value>
struct LeftOut {
  Value Spec::*member;
};
template <class Spec, class Value>
LeftOut(Value Spec::*) -> LeftOut<Spec, Value>;

constexpr std::tuple kLayer{LeftOut{&LayerSpec::mixer},
                            Field{"window", &LayerSpec::window},
                            Field{"chunk", &LayerSpec::chunk},
                            Field{"rope", &LayerSpec::rope},
                            Field{"stack", &LayerSpec::stack},
                            Field{"query_scale", &LayerSpec::query_scale},
                            Field{"mlp", &LayerSpec::mlp},
                            LeftOut{&LayerSpec::sinks},
                            Field{"unit_qk", &LayerSpec::unit_qk},
                            Field{"tempered", &LayerSpec::tempered}};
constexpr std::tuple kStack{Field{"first", &StackSpec::first}, Field{"layers", &StackSpec::layers},
                            Field{"causal", &StackSpec::causal}, Field{"cross", &StackSpec::cross},
                            LeftOut{&StackSpec::final_norm}};
// rope_attention_factor() stands for the numbers that it is made of: they say one thing in several ways.
constexpr std::tuple kRope{Field{"type", &RopeSpec::type},
                           Field{"theta", &RopeSpec::theta},
                           Field{"dim", &RopeSpec::dim},
                           Field{"factor", &RopeSpec::factor},
                           Field{"max_positions", &RopeSpec::max_positions},
                           Field{"original_positions", &RopeSpec::original_positions},
                           Field{"low_freq_factor", &RopeSpec::low_freq_factor},
                           Field{"high_freq_factor", &RopeSpec::high_freq_factor},
                           LeftOut{&RopeSpec::attention_factor},
                           LeftOut{&RopeSpec::mscale},
                           LeftOut{&RopeSpec::mscale_all_dim},
                           Field{"beta_fast", &RopeSpec::beta_fast},
                           Field{"beta_slow", &RopeSpec::beta_slow},
                           Field{"truncate", &RopeSpec::truncate},
                           Field{"divisors", &RopeSpec::divisors},
                           Field{"short_factors", &RopeSpec::short_factors},
                           Field{"long_factors", &RopeSpec::long_factors},
                           Field{"offset", &RopeSpec::offset},
                           Field{"interleaved", &RopeSpec::interleaved},
                           Field{"complex", &RopeSpec::complex}};
constexpr std::tuple kLatent{Field{"q_rank", &LatentSpec::q_rank}, Field{"kv_rank", &LatentSpec::kv_rank},
                             Field{"plain", &LatentSpec::plain}, Field{"rotary", &LatentSpec::rotary},
                             Field{"norm_eps", &LatentSpec::norm_eps}};
constexpr std::tuple kRouting{Field{"experts", &RoutingSpec::experts},
                              Field{"chosen", &RoutingSpec::chosen},
                              Field{"groups", &RoutingSpec::groups},
                              Field{"chosen_groups", &RoutingSpec::chosen_groups},
                              Field{"normalised", &RoutingSpec::normalised},
                              Field{"shared_score", &RoutingSpec::shared_score},
                              Field{"scale", &RoutingSpec::scale},
                              Field{"intermediate", &RoutingSpec::intermediate},
                              Field{"shared_intermediate", &RoutingSpec::shared_intermediate},
                              Field{"sigmoid", &RoutingSpec::sigmoid},
                              Field{"on_input", &RoutingSpec::on_input},
                              Field{"bound", &RoutingSpec::bound},
                              Field{"gain", &RoutingSpec::gain}};
constexpr std::tuple kTemperature{Field{"floor", &TemperatureSpec::floor}, Field{"scale", &TemperatureSpec::scale}};
constexpr std::tuple kRecurrent{LeftOut{&RecurrentSpec::kind},
                                Field{"heads", &RecurrentSpec::heads},
                                Field{"head_dim", &RecurrentSpec::head_dim},
                                Field{"key_heads", &RecurrentSpec::key_heads},
                                Field{"key_dim", &RecurrentSpec::key_dim},
                                Field{"kernel", &RecurrentSpec::kernel},
                                LeftOut{&RecurrentSpec::conv_bias},
                                LeftOut{&RecurrentSpec::projection_bias}};
constexpr std::tuple kAlibi{Field{"rounded", &AlibiSpec::rounded}, Field{"scale", &AlibiSpec::scale}};
constexpr std::tuple kRelative{Field{"buckets", &RelativeSpec::buckets},
                               Field{"max_distance", &RelativeSpec::max_distance}};
constexpr std::tuple kModel{LeftOut{&ModelSpec::architecture},
                            Field{"hidden", &ModelSpec::hidden},
                            LeftOut{&ModelSpec::vocabulary},
                            Field{"heads", &ModelSpec::heads},
                            Field{"kv_heads", &ModelSpec::kv_heads},
                            Field{"head_dim", &ModelSpec::head_dim},
                            Field{"intermediate", &ModelSpec::intermediate},
                            Field{"value_dim", &ModelSpec::value_dim},
                            Field{"layers", &ModelSpec::layers},
                            Field{"stacks", &ModelSpec::stacks},
                            Field{"ropes", &ModelSpec::ropes},
                            Field{"latent", &ModelSpec::latent},
                            Field{"recurrent", &ModelSpec::recurrent},
                            Field{"temperature", &ModelSpec::temperature},
                            Field{"routing", &ModelSpec::routing},
                            Field{"relative", &ModelSpec::relative},
                            Field{"activation", &ModelSpec::activation},
                            Field{"norm_eps", &ModelSpec::norm_eps},
                            Field{"attention_scale", &ModelSpec::attention_scale},
                            Field{"attention_softcap", &ModelSpec::attention_softcap},
                            Field{"final_softcap", &ModelSpec::final_softcap},
                            Field{"logit_scale", &ModelSpec::logit_scale},
                            Field{"embedding_scale", &ModelSpec::embedding_scale},
                            Field{"residual_scale", &ModelSpec::residual_scale},
                            Field{"positions", &ModelSpec::positions},
                            LeftOut{&ModelSpec::token_types},
                            Field{"clip_qkv", &ModelSpec::clip_qkv},
                            Field{"embed_width", &ModelSpec::embed_width},
                            Field{"norm", &ModelSpec::norm},
                            Field{"pre_norms", &ModelSpec::pre_norms},
                            Field{"normed_residual", &ModelSpec::normed_residual},
                            Field{"final_norm", &ModelSpec::final_norm},
                            Field{"parallel", &ModelSpec::parallel},
                            Field{"shared_norm", &ModelSpec::shared_norm},
                            Field{"qk_norm", &ModelSpec::qk_norm},
                            Field{"position", &ModelSpec::position},
                            Field{"alibi", &ModelSpec::alibi},
                            Field{"start_token", &ModelSpec::start_token},
                            LeftOut{&ModelSpec::qkv_bias},
                            LeftOut{&ModelSpec::o_bias},
                            LeftOut{&ModelSpec::mlp_bias},
                            LeftOut{&ModelSpec::tied_head},
                            LeftOut{&ModelSpec::says_tied}};

template <class Spec, class Table>
constexpr bool complete(const Table&) {
  return field_count<Spec>() == std::tuple_size_v<Table>;
}
static_assert(complete<LayerSpec>(kLayer) && complete<StackSpec>(kStack) && complete<RopeSpec>(kRope) &&
              complete<LatentSpec>(kLatent) && complete<RoutingSpec>(kRouting) && complete<AlibiSpec>(kAlibi) &&
              complete<RelativeSpec>(kRelative) && complete<TemperatureSpec>(kTemperature) &&
              complete<RecurrentSpec>(kRecurrent) && complete<ModelSpec>(kModel));

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}
std::string text_of(std::int64_t value) { return std::to_string(value); }
std::string text_of(int value) { return std::to_string(value); }
std::string text_of(bool value) { return value ? "yes" : "no"; }
std::string text_of(const std::string& value) { return value; }

// Names, never values: an enumeration may grow in its middle.
std::string text_of(Activation value) {
  switch (value) {
    case Activation::kSilu: return "silu";
    case Activation::kGelu: return "gelu";
    case Activation::kGeluTanh: return "gelu_tanh";
    case Activation::kRelu: return "relu";
    case Activation::kReluSquared: return "relu_squared";
  }
  return "";
}
std::string text_of(NormKind value) {
  switch (value) {
    case NormKind::kRms: return "rms";
    case NormKind::kLayer: return "layer";
    case NormKind::kBare: return "bare";
  }
  return "";
}
std::string text_of(PositionKind value) {
  switch (value) {
    case PositionKind::kRotary: return "rotary";
    case PositionKind::kLearned: return "learned";
    case PositionKind::kAlibi: return "alibi";
    case PositionKind::kRelative: return "relative";
  }
  return "";
}
std::string text_of(MlpKind value) {
  switch (value) {
    case MlpKind::kGated: return "gated";
    case MlpKind::kPlain: return "plain";
    case MlpKind::kExperts: return "experts";
    case MlpKind::kFusedGated: return "fused_gated";
  }
  return "";
}

// Of every spec below the model's: the members that are not what a member is by default, so that a new one changes no
// identity of models that have nothing of the kind.
template <class Spec, class Table>
std::string fields_of(const Spec& spec, const Table& table);
std::string text_of(const LayerSpec& spec) { return fields_of(spec, kLayer); }
std::string text_of(const StackSpec& spec) { return fields_of(spec, kStack); }
std::string text_of(const LatentSpec& spec) { return fields_of(spec, kLatent); }
std::string text_of(const RoutingSpec& spec) { return fields_of(spec, kRouting); }
std::string text_of(const TemperatureSpec& spec) { return fields_of(spec, kTemperature); }
std::string text_of(const RecurrentSpec& spec) { return fields_of(spec, kRecurrent); }
std::string text_of(const AlibiSpec& spec) { return fields_of(spec, kAlibi); }
std::string text_of(const RelativeSpec& spec) { return fields_of(spec, kRelative); }
std::string text_of(const RopeSpec& spec) {
  const double factor = rope_attention_factor(spec);
  return fields_of(spec, kRope) + (factor == 1 ? "" : " attention_factor=" + text_of(factor));
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string out;
  for (const T& value : values) out.append(out.empty() ? "" : ",").append(text_of(value));
  return out;
}

template <class Spec, class Table>
std::string fields_of(const Spec& spec, const Table& table) {
  static const Spec usual{};
  std::string out;
  const auto add = [&]<class Value>(const Field<Spec, Value>& field) {
    const std::string text = text_of(spec.*field.member);
    if (text != text_of(usual.*field.member)) out.append(" ").append(field.name).append("=").append(text);
  };
  const auto each = [&]<class One>(const One& one) {
    if constexpr (requires { one.name; }) add(one);
  };
  std::apply([&](const auto&... one) { (each(one), ...); }, table);
  return "{" + out + " }";
}

}  // namespace

std::string ModelSpec::fingerprint() const {
  return std::string(architecture->model_type) + " " + fields_of(*this, kModel);
}

}  // namespace deltascape::model
