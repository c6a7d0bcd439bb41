// Owns config.json's rotary embeddings -> RopeSpec, with the old and the new names of fields (transformers 4 and 5).
#include <algorithm>
#include <cmath>

#include "deltascape/error.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

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

// A number that null leaves no room for: transformers puts null in place of its default, and fails.
double number(const JsonFields& c, std::string_view key, double otherwise) {
  if (c.json().contains(key) && !c.has(key)) c.fail(key, "a number");
  return c.real(key).value_or(otherwise);
}

std::string kind_of(const JsonFields& scaling) {
  const std::string_view key = scaling.json().contains("rope_type") ? "rope_type" : "type";
  if (scaling.json().contains(key) && !scaling.has(key)) scaling.fail(key, "a name such as linear");
  return scaling.string(key).value_or("default");
}

// The factors without which a scaling says nothing; transformers refuses it too.
void require_factors(const JsonFields& scaling, const std::string& type) {
  const bool llama3 = type == "llama3", yarn = type == "yarn";
  // YaRN's may be null, which stands for the quotient of its two lengths.
  const bool there = yarn ? scaling.json().contains("factor") : scaling.has("factor");
  if ((llama3 || yarn || type == "linear" || type == "dynamic") && !there)
    scaling.fail("factor", "a positive number, which rope_type " + type + " needs");
  for (const std::string_view key : {"low_freq_factor", "high_freq_factor"})
    if (llama3 && !scaling.has(key)) scaling.fail(key, "a number, which rope_type llama3 needs");
}

// One rope dictionary (rope_scaling, or an entry of rope_parameters); `theta` where it names none.
RopeSpec rope_from(const JsonFields& c, const Architecture& a, const JsonFields* scaling, double theta,
                   std::int64_t head_dim) {
  RopeSpec r;
  r.theta = scaling ? number(*scaling, "rope_theta", theta) : theta;
  if (!(r.theta > 0)) c.fail("rope_theta", "a positive number");
  double partial = c.real(a.keys.rope_part).value_or(a.rope_part);
  r.max_positions = a.max_positions;
  if (const auto given = c.integer("max_position_embeddings")) r.max_positions = static_cast<double>(*given);
  if (scaling) {
    partial = scaling->real("partial_rotary_factor").value_or(partial);
    r.type = kind_of(*scaling);
    // Phi-3's first names for longrope.
    if (r.type == "su" || (r.type == "yarn" && scaling->has("short_factor"))) r.type = "longrope";
    constexpr std::string_view kKinds[] = {"default", "linear", "dynamic", "llama3", "yarn", "longrope"};
    if (std::find(std::begin(kKinds), std::end(kKinds), r.type) == std::end(kKinds))
      throw Error(ErrorCode::kUnsupported, "this RoPE scaling is not supported",
                  {.path = c.file().string(),
                   .field = "rope_type",
                   .expected = "default, linear, dynamic, llama3, yarn or longrope",
                   .found = r.type});
    const bool scaled = r.type != "default";
    require_factors(*scaling, r.type);
    r.original_positions = a.original_positions > 0
                               ? c.real("original_max_position_embeddings").value_or(a.original_positions)
                               : number(*scaling, "original_max_position_embeddings", r.max_positions);
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
    throw Error(ErrorCode::kUnsupported, "partial rotary embeddings are not supported for this family",
                {.path = c.file().string(), .field = "partial_rotary_factor"});
  if (!(partial > 0) || !(partial <= 1) || r.dim < 2) c.fail(a.keys.rope_part, "a number above 0, at most 1");
  if (r.dim % 2 != 0) c.fail(partial == 1 ? "head_dim" : a.keys.rope_part, "an even number of rotary dimensions");
  r.interleaved = a.interleaved_rope;
  if (r.type == "longrope") {
    if (!(r.original_positions > 1)) c.fail("original_max_position_embeddings", "a number above 1");
    r.short_factors = factors(*scaling, "short_factor", r.dim / 2);
    r.long_factors = factors(*scaling, "long_factor", r.dim / 2);
  }
  return r;
}

}  // namespace

// ropes[0] is for full attention; Gemma 3's windowed layers have their own.
std::vector<RopeSpec> read_ropes(const JsonFields& c, const Architecture& a, std::int64_t head_dim) {
  const double theta = number(c, a.keys.rope_theta, a.rope_theta);
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

}  // namespace deltascape::model
