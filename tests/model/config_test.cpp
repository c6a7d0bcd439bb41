// Fields of config.json without which transformers refuses a model, or which it reads otherwise than one would think.
// Losses and angles of whole models are compared with it elsewhere (tests/make_goldens.py, tests/make_head_goldens.py).
#include <gmock/gmock.h>

#include "deltascape/error.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

io::Json config(const std::string& family = "llama", const io::Json& changes = {}) {
  io::Json out = {{"model_type", family},     {"vocab_size", 64},
                  {"hidden_size", 32},        {"intermediate_size", 48},
                  {"num_hidden_layers", 3},   {"num_attention_heads", 4},
                  {"num_key_value_heads", 4}, {"max_position_embeddings", 128}};
  for (const auto& [key, value] : changes.items()) out[key] = value;
  return out;
}

ModelSpec read(const io::Json& c) { return spec_from_config(c, "folder/config.json"); }

std::string error_of(const io::Json& c) {
  try {
    read(c);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// Each kind with all that it needs.
io::Json scaling(const std::string& kind) {
  io::Json out = {{"rope_type", kind}, {"factor", 4.0}};
  if (kind == "llama3") out.update({{"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}});
  if (kind == "longrope") out.update({{"short_factor", {1, 1, 1, 1}}, {"long_factor", {2, 2, 2, 2}}});
  return out;
}

TEST(RopeScaling, NeedsItsFactors) {
  const std::pair<const char*, std::vector<const char*>> needed[] = {
      {"linear", {"factor"}},
      {"dynamic", {"factor"}},
      {"yarn", {"factor"}},
      {"llama3", {"factor", "low_freq_factor", "high_freq_factor"}},
      {"longrope", {"short_factor", "long_factor"}}};
  for (const char* field : {"rope_scaling", "rope_parameters"})
    for (const auto& [kind, keys] : needed) {
      SCOPED_TRACE(std::string(field) + " " + kind);
      EXPECT_EQ(error_of(config("llama", {{field, scaling(kind)}})), "");
      for (const char* key : keys) {
        const auto refuses = [&](const io::Json& value, const char* what) {
          io::Json broken = scaling(kind);
          value.is_discarded() ? (void)broken.erase(key) : (void)(broken[key] = value);
          EXPECT_THAT(error_of(config("llama", {{field, broken}})),
                      AllOf(HasSubstr("folder/config.json"), HasSubstr(std::string(field) + "." + key)))
              << key << ": " << what;
        };
        refuses(io::Json(io::Json::value_t::discarded), "missing");
        refuses("2", "a text");
        refuses({1.0}, "a list of another length");
        if (std::string_view(kind) != "yarn") refuses(nullptr, "null");
      }
    }
}

TEST(RopeScaling, NullIsNoName) {
  EXPECT_THAT(error_of(config("llama", {{"rope_scaling", {{"rope_type", nullptr}, {"factor", 2}}}})),
              HasSubstr("rope_scaling.rope_type"));
  EXPECT_THAT(error_of(config("llama", {{"rope_scaling", {{"type", nullptr}}}})), HasSubstr("rope_scaling.type"));
  EXPECT_THAT(error_of(config("llama", {{"rope_parameters", {{"rope_theta", nullptr}}}})),
              HasSubstr("rope_parameters.rope_theta"));
  EXPECT_THAT(error_of(config("llama", {{"rope_theta", nullptr}})), HasSubstr("rope_theta"));
}

TEST(RopeScaling, LengthsAreWhereTheFamilyKeepsThem) {
  const auto original = [](const std::string& family, io::Json changes, const io::Json& inside) {
    changes["rope_scaling"] = scaling("yarn");
    changes["rope_scaling"].update(inside);
    return read(config(family, changes)).ropes[0].original_positions;
  };
  // A field beside the dictionary is Phi-3's alone, and counts there before the one in it.
  EXPECT_EQ(original("llama", {}, {{"original_max_position_embeddings", 32}}), 32);
  EXPECT_EQ(original("llama", {{"original_max_position_embeddings", 16}}, io::Json::object()), 128);
  EXPECT_EQ(original("llama", {{"original_max_position_embeddings", 16}}, {{"original_max_position_embeddings", 32}}),
            32);
  const auto phi3 = [](io::Json changes, const io::Json& inside) {
    changes["rope_scaling"] = scaling("longrope");
    changes["rope_scaling"].update(inside);
    return read(config("phi3", changes)).ropes[0].original_positions;
  };
  EXPECT_EQ(phi3({{"original_max_position_embeddings", 16}}, {{"original_max_position_embeddings", 32}}), 16);
  EXPECT_EQ(phi3({}, {{"original_max_position_embeddings", 32}}), 4096);
}

// What transformers' classes begin with.
TEST(ConfigDefaults, AreTheFamilys) {
  const auto without = [](const std::string& family, const char* key) {
    io::Json c = config(family, {{"num_local_experts", 4}, {"rope_scaling", scaling("dynamic")}});
    c.erase(key);
    return read(c);
  };
  for (const auto& [family, positions] : {std::pair("llama", 2048), std::pair("qwen2", 32768), std::pair("gemma", 8192),
                                          std::pair("mistral", 131072), std::pair("starcoder2", 4096)})
    EXPECT_EQ(without(family, "max_position_embeddings").ropes[0].max_positions, positions) << family;
  EXPECT_EQ(without("mixtral", "rms_norm_eps").norm_eps, 1e-5);
}

TEST(T5Specs, ScaleBeforeTheHeadAsTransformersDoes) {
  const auto scaled = [](const std::string& family, const io::Json& changes) {
    io::Json c = config(family, {{"d_model", 32}, {"d_ff", 48}, {"d_kv", 8}, {"num_layers", 1}, {"num_heads", 4}});
    for (const auto& [key, value] : changes.items()) c[key] = value;
    const ModelSpec spec = read(c);
    EXPECT_TRUE(spec.tied_head) << family;  // until the file says otherwise
    return spec.logit_scale != 1;
  };
  EXPECT_TRUE(scaled("t5", {}));
  EXPECT_TRUE(scaled("t5", {{"tie_word_embeddings", true}}));
  EXPECT_TRUE(scaled("t5", {{"tie_word_embeddings", nullptr}}));
  EXPECT_FALSE(scaled("t5", {{"tie_word_embeddings", false}}));
  EXPECT_TRUE(scaled("t5", {{"tie_word_embeddings", false}, {"scale_decoder_outputs", true}}));
  EXPECT_FALSE(scaled("mt5", {{"tie_word_embeddings", true}}));
  EXPECT_TRUE(scaled("umt5", {{"tie_word_embeddings", false}}));
}

}  // namespace
}  // namespace deltascape::model
