// Owns the tests of what GGUF metadata says and what its converters leave out (facts: llama.cpp's converter and
// loader). Whole files are compared with transformers in the embed room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deltascape/error.h"
#include "io/gguf_write.h"
#include "model/spec.h"
#include "temporary_folder.h"

namespace deltascape::model {
namespace {

using ::testing::HasSubstr;

class GgufSpecs : public ::testing::Test {
 protected:
  // A model of `layers` layers 64 wide, with these numbers below `family` and these tensors beside its embedding.
  ModelSpec spec(const std::string& family, const io::GgufMetadata& more, const std::vector<std::string>& tensors = {},
                 std::uint32_t layers = 6, std::uint32_t hidden = 64) {
    io::GgufMetadata all = {{"general.architecture", family}};
    const auto has = [&](const std::string& key) {
      return std::ranges::any_of(more, [&](const auto& m) { return m.first == key; });
    };
    const auto add = [&](const std::string& key, const io::GgufValueToWrite& value) {
      if (!has(key)) all.emplace_back(family + "." + key, value);
    };
    add("embedding_length", hidden), add("feed_forward_length", 96u), add("attention.head_count", 4u);
    add("attention.head_count_kv", 2u), add("block_count", layers), add("context_length", 8192u);
    for (const auto& [key, value] : more) all.emplace_back(family + "." + key, value);
    const std::vector<float> zeros(2 * hidden);
    std::vector<io::TensorToWrite> written = {
        {"token_embd.weight", io::DType::kF32, {2, hidden}, std::as_bytes(std::span(zeros))}};
    for (const std::string& name : tensors)
      written.push_back({name, io::DType::kF32, {1}, std::as_bytes(std::span(zeros).first(1))});
    io::write_gguf(folder_.path() / "a.gguf", all, written);
    return spec_from_gguf(*io::GgufFile::open(folder_.path() / "a.gguf"));
  }
  std::string error_of(const std::string& family, const io::GgufMetadata& more) {
    try {
      spec(family, more);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

 private:
  testing::TemporaryFolder folder_;
};

const io::GgufMetadata kExperts = {{"expert_count", 4u}, {"expert_used_count", 2u}};

io::GgufMetadata with_experts(io::GgufMetadata more) {
  more.insert(more.end(), kExperts.begin(), kExperts.end());
  return more;
}

// The tables of these files have two rows.
TEST_F(GgufSpecs, TheTableIsAsLongAsTheVocabulary) {
  EXPECT_EQ(error_of("llama", {{"vocab_size", 2u}}), "");
  for (const std::uint32_t said : {1u, 3u})
    EXPECT_THAT(error_of("llama", {{"vocab_size", said}}),
                ::testing::AllOf(HasSubstr("llama.vocab_size"), HasSubstr("token_embd.weight")));
}

TEST_F(GgufSpecs, WindowsThatNoKeyNames) {
  EXPECT_EQ(spec("qwen3moe", with_experts({})).layers[0].window, 0);
  EXPECT_EQ(spec("gemma2", {}).layers[0].window, 4096);
  EXPECT_EQ(spec("gemma2", {}).layers[1].window, 0);
  EXPECT_EQ(spec("gemma2", {{"attention.sliding_window", 32u}}).layers[0].window, 32);
  const ModelSpec windowed = spec("gemma3", {{"attention.sliding_window", 32u}}), global = spec("gemma3", {});
  EXPECT_EQ(windowed.layers[0].window, 32);
  EXPECT_EQ(windowed.layers[0].rope, 1);
  EXPECT_EQ(global.layers[0].window, 0);
  EXPECT_EQ(global.layers[0].rope, 0);
  // The first files of Phi-3 mini and medium 4k.
  EXPECT_EQ(spec("phi3", {{"context_length", 4096u}}, {}, 32).layers[0].window, 2047);
  EXPECT_EQ(spec("phi3", {{"context_length", 4096u}, {"attention.sliding_window", 0u}}, {}, 32).layers[0].window, 0);
  EXPECT_EQ(spec("phi3", {}, {}, 32).layers[0].window, 0);
}

TEST_F(GgufSpecs, StablelmIsParallelWhereItHasNoSecondNorm) {
  EXPECT_TRUE(spec("stablelm", {}).parallel);
  EXPECT_FALSE(spec("stablelm", {}, {"blk.0.ffn_norm.weight"}).parallel);
}

TEST_F(GgufSpecs, Rotations) {
  const io::GgufMetadata yarn = {{"rope.scaling.type", "yarn"}, {"rope.scaling.factor", 4.0F}};
  io::GgufMetadata betas = yarn;
  betas.insert(betas.end(), {{"rope.scaling.yarn_beta_fast", 64.0F}, {"rope.scaling.yarn_beta_slow", 2.0F}});
  EXPECT_EQ(spec("llama", yarn).ropes[0].beta_fast, 32);
  EXPECT_EQ(spec("llama", betas).ropes[0].beta_fast, 64);
  EXPECT_EQ(spec("llama", betas).ropes[0].beta_slow, 2);
  const double usual = rope_attention_factor(spec("llama", yarn).ropes[0]);
  for (const auto& [value, factor] : {std::pair(1.0F, usual), {1.5F, 1.5}}) {
    io::GgufMetadata own = yarn;
    own.emplace_back("rope.scaling.yarn_attn_factor", value);
    EXPECT_DOUBLE_EQ(rope_attention_factor(spec("llama", own).ropes[0]), factor);
  }
  // As Minitron 8B, which has 48 heads of 128 in a hidden state of 4096.
  EXPECT_EQ(
      spec("nemotron", {{"attention.key_length", 24u}, {"attention.value_length", 24u}, {"rope.dimension_count", 8u}})
          .ropes[0]
          .dim,
      12);
  EXPECT_EQ(spec("nemotron", {{"rope.dimension_count", 8u}}).ropes[0].dim, 8);
  const io::GgufMetadata falcon = {{"attention.head_count", 32u}, {"attention.head_count_kv", 8u}};
  EXPECT_EQ(spec("falcon", falcon, {}, 60, 4096).ropes[0].theta, 500042);
  EXPECT_EQ(spec("falcon", {}).ropes[0].theta, 10000);
}

TEST_F(GgufSpecs, ExpertsOfEarlyFilesAndScales) {
  const ModelSpec early = spec("qwen2moe", with_experts({}));
  EXPECT_EQ(early.routing.intermediate, 48);
  EXPECT_EQ(early.routing.shared_intermediate, 96);
  EXPECT_EQ(spec("qwen3moe", with_experts({{"expert_weights_scale", 2.5F}})).routing.scale, 2.5);
  EXPECT_EQ(spec("qwen3moe", with_experts({{"expert_weights_scale", 0.0F}})).routing.scale, 1);
  EXPECT_EQ(spec("gemma3", {{"final_logit_softcapping", 30.0F}}).final_softcap, 30);
  EXPECT_EQ(spec("gemma3", {}).final_softcap, 0);
}

TEST_F(GgufSpecs, MistralSmallIsCalledMistral3) {
  EXPECT_EQ(spec("mistral3", {}).architecture, find_architecture("mistral"));
  EXPECT_EQ(spec("mistral3", {}).layers[0].window, 0);
}

TEST_F(GgufSpecs, KeysThatChangeTheResultAreRefused) {
  EXPECT_THAT(error_of("olmo2", {{"attention.sliding_window", 4096u}}), HasSubstr("olmo2.attention.sliding_window"));
  EXPECT_THAT(error_of("granitemoe", with_experts({{"expert_shared_feed_forward_length", 64u}})),
              HasSubstr("expert_shared_feed_forward_length"));
  EXPECT_THAT(error_of("qwen3moe", with_experts({{"expert_gating_func", 2u}})), HasSubstr("expert_gating_func"));
  EXPECT_THAT(error_of("qwen3moe", with_experts({{"expert_group_count", 2u}})), HasSubstr("expert_group_count"));
  EXPECT_THAT(error_of("mistral3", {{"attention.temperature_scale", 0.1F}}), HasSubstr("temperature_scale"));
  EXPECT_EQ(error_of("qwen3moe", with_experts({{"expert_gating_func", 1u}, {"expert_group_count", 1u}})), "");
}

}  // namespace
}  // namespace deltascape::model
