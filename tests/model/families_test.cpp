// Configurations of families with experts, latent attention, ALiBi and an encoder: what is read, what is refused.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <set>

#include "deltascape/error.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

using ::testing::HasSubstr;

io::Json config(const std::string& family) {
  io::Json c = {{"model_type", family},
                {"vocab_size", 64},
                {"hidden_size", 32},
                {"intermediate_size", 48},
                {"num_hidden_layers", 3},
                {"num_attention_heads", 4},
                {"num_local_experts", 8},
                {"num_experts_per_tok", 2},
                {"n_routed_experts", 8},
                {"moe_intermediate_size", 20},
                {"n_shared_experts", 2},
                {"first_k_dense_replace", 1},
                {"kv_lora_rank", 16},
                {"q_lora_rank", 24},
                {"qk_nope_head_dim", 8},
                {"qk_rope_head_dim", 4},
                {"v_head_dim", 12},
                {"n_layer", 3},
                {"n_head", 4},
                {"d_model", 32},
                {"d_ff", 48},
                {"d_kv", 12},
                {"num_layers", 2},
                {"num_decoder_layers", 3},
                {"num_heads", 4},
                {"feed_forward_proj", "gated-gelu"},
                {"n_embd", 32},
                {"n_positions", 40},
                {"ffn_dim", 48},
                {"max_position_embeddings", 64},
                {"num_experts", 8},
                {"dim", 32},
                {"hidden_dim", 48},
                {"n_layers", 3},
                {"n_heads", 4}};
  if (family == "mixtral" || family == "exaone4" || family == "gpt_oss") c["num_key_value_heads"] = 2;
  if (family == "stablelm") c["num_key_value_heads"] = 4;
  return c;
}

ModelSpec read(const io::Json& c) { return spec_from_config(c, "config.json"); }

std::string error_of(const std::string& family, const std::function<void(io::Json&)>& change) {
  io::Json c = config(family);
  change(c);
  try {
    read(c);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(FamilySpecs, ExpertsAreAValueOfTheLayer) {
  const ModelSpec s = read(config("deepseek_v2"));
  EXPECT_EQ(s.layers[0].mlp, MlpKind::kGated);
  EXPECT_EQ(s.layers[1].mlp, MlpKind::kExperts);
  EXPECT_TRUE(s.has(Site{Module::kGate, 0}));
  EXPECT_FALSE(s.has(Site{Module::kGate, 1}));
  EXPECT_FALSE(s.has(Site{Module::kExpertGate, 0}));
  EXPECT_EQ(s.routing.shared_intermediate, 40);
  EXPECT_EQ(s.hf_name({Module::kExpertDown, 2, 5}), "layers.2.mlp.experts.5.down_proj");
  EXPECT_EQ(s.head_dim, 12);
  EXPECT_EQ(s.shape(Module::kKvUp), (std::vector<std::int64_t>{4 * (8 + 12), 16}));
}

TEST(FamilySpecs, RecurrentLayersAreAValueOfTheLayer) {
  io::Json c = config("granitemoehybrid");
  c["num_local_experts"] = 0;
  c["layer_types"] = {"mamba", "attention", "linear_attention"};  // under the names of both of transformers' versions
  c["mamba_n_heads"] = 8, c["mamba_d_state"] = 5, c["mamba_n_groups"] = 2;
  const ModelSpec s = read(c);
  EXPECT_FALSE(s.attends(0));
  EXPECT_TRUE(s.attends(1));
  EXPECT_EQ(s.recurrent.head_dim, 8);  // 2 · 32 / 8
  EXPECT_EQ(s.shape(Module::kMixerIn), (std::vector<std::int64_t>{64 + (64 + 2 * 2 * 5) + 8, 32}));
  EXPECT_EQ(s.stored_shape(Module::kMixerConv), (std::vector<std::int64_t>{84, 1, 4}));
  EXPECT_TRUE(s.has(Site{Module::kMixerSkip, 0}));
  EXPECT_FALSE(s.has(Site{Module::kQ, 0}));
  EXPECT_FALSE(s.has(Site{Module::kMixerSkip, 1}));
  EXPECT_TRUE(s.has(Site{Module::kQ, 1}));
  EXPECT_FALSE(s.has(Module::kRouter));
  EXPECT_EQ(s.layers[1].rope, -1);
  EXPECT_TRUE(s.propagates_deltas());
  EXPECT_EQ(s.hf_name({Module::kMixerDecay, 2}), "layers.2.mamba.A_log");
  EXPECT_THAT(s.fingerprint(), HasSubstr("recurrent={ heads=8 head_dim=8 key_heads=2 key_dim=5 kernel=4 }"));

  io::Json next = config("qwen3_next");
  next["shared_expert_intermediate_size"] = 24, next["num_key_value_heads"] = 2, next["head_dim"] = 8;
  next["num_hidden_layers"] = 4;
  const ModelSpec q = read(next);
  EXPECT_FALSE(q.attends(2));
  EXPECT_TRUE(q.attends(3));
  EXPECT_EQ(q.shape(Module::kQ), (std::vector<std::int64_t>{2 * 4 * 8, 32}));  // each head's gate beside its q
  EXPECT_EQ(q.ropes[0].dim, 2);
  EXPECT_TRUE(q.routing.normalised);
  EXPECT_FALSE(q.has_bias(Module::kMixerStep));
}

TEST(FamilySpecs, ChunksNormsAndTemperaturesOfLlama4AreTheLayers) {
  io::Json c = config("llama4_text");
  c["intermediate_size_mlp"] = 56, c["num_key_value_heads"] = 2, c["num_hidden_layers"] = 4;
  c["no_rope_layers"] = io::Json::array();  // as published: none is said
  c["interleave_moe_layer_step"] = 2, c["attention_chunk_size"] = 16, c["floor_scale"] = 10;
  const ModelSpec s = read(c);
  EXPECT_EQ(s.layers[0].mlp, MlpKind::kGated);
  EXPECT_EQ(s.layers[1].mlp, MlpKind::kExperts);
  EXPECT_EQ(s.shape(Module::kGate)[0], 56);
  EXPECT_EQ(s.shape(Module::kSharedGate)[0], 48);
  EXPECT_EQ(s.layers[0].chunk, 16);
  EXPECT_TRUE(s.layers[0].unit_qk);
  EXPECT_FALSE(s.layers[0].tempered);
  EXPECT_EQ(s.layers[3].chunk, 0);
  EXPECT_EQ(s.layers[3].rope, -1);
  EXPECT_FALSE(s.layers[3].unit_qk);
  EXPECT_TRUE(s.layers[3].tempered);
  EXPECT_EQ(s.temperature.floor, 10);
  EXPECT_FALSE(s.has(Module::kQNorm));
}

TEST(FamilySpecs, SinksAndBoundsOfGptOss) {
  io::Json c = config("gpt_oss");
  c["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}};
  const ModelSpec s = read(c);
  EXPECT_TRUE(s.has(Site{Module::kSinks, 0}));
  EXPECT_EQ(s.shape(Module::kSinks), std::vector<std::int64_t>{4});
  EXPECT_EQ(s.layers[0].window, 128);
  EXPECT_EQ(s.layers[1].window, 0);
  EXPECT_EQ(s.routing.bound, 7);
  EXPECT_TRUE(s.has_bias(Module::kExpertDown));
  EXPECT_FALSE(s.has_bias(Module::kSinks));
}

TEST(FamilySpecs, StacksShareOneCountOfLayers) {
  const ModelSpec s = read(config("t5"));
  ASSERT_EQ(s.stacks.size(), 2u);
  EXPECT_EQ(s.layer_count(), 5);
  EXPECT_EQ(s.stacks[1].first, 2);
  EXPECT_EQ(s.hf_name({Module::kCrossQ, 4}), "decoder.block.2.layer.1.EncDecAttention.q");
  EXPECT_EQ(s.site_of("decoder.block.2.layer.1.EncDecAttention.q"), (Site{Module::kCrossQ, 4}));
  EXPECT_FALSE(s.has(Site{Module::kCrossQ, 1}));
  EXPECT_TRUE(s.has(Site{Module::kRelativeBias, 2}));
  EXPECT_FALSE(s.has(Site{Module::kRelativeBias, 3}));
  EXPECT_TRUE(read(config("umt5")).has(Site{Module::kRelativeBias, 3}));
  io::Json other = config("t5");
  other["decoder_start_token_id"] = 3;
  EXPECT_NE(read(other).fingerprint(), s.fingerprint());
  EXPECT_TRUE(s.reads_text({Module::kQ, 1}));
  EXPECT_FALSE(s.reads_text({Module::kQ, 2}));
  EXPECT_TRUE(s.reads_text({Module::kCrossK, 2}));
}

TEST(FamilySpecs, FusedAndTransposedLinears) {
  const ModelSpec phi = read(config("phi3")), gpt2 = read(config("gpt2"));
  EXPECT_EQ(phi.shape(Module::kQkv), (std::vector<std::int64_t>{96, 32}));
  EXPECT_EQ(phi.shape(Module::kGateUp), (std::vector<std::int64_t>{96, 32}));
  EXPECT_FALSE(phi.transposed(Module::kQkv));
  EXPECT_TRUE(gpt2.transposed(Module::kQkv));
  EXPECT_FALSE(gpt2.transposed(Module::kEmbed));
  EXPECT_EQ(gpt2.shape(Module::kPositions), (std::vector<std::int64_t>{40, 32}));
  EXPECT_EQ(read(config("opt")).shape(Module::kPositions), (std::vector<std::int64_t>{66, 32}));
}

TEST(FamilySpecs, ParallelBlocksShareANormWhereTheFamilyDoes) {
  io::Json serial = config("gpt_neox");
  serial["use_parallel_residual"] = false;
  EXPECT_TRUE(read(config("gpt_neox")).parallel);
  EXPECT_FALSE(read(serial).parallel);
  EXPECT_TRUE(read(config("gpt_neox")).has(Site{Module::kMlpNorm, 0}));
  EXPECT_FALSE(read(config("phi")).has(Site{Module::kMlpNorm, 0}));
  EXPECT_TRUE(read(config("stablelm")).has(Site{Module::kMlpNorm, 0}));
  EXPECT_EQ(read(config("gpt_neox")).ropes[0].dim, 2);  // a quarter of 8
  EXPECT_EQ(read(config("phi")).ropes[0].dim, 4);
  EXPECT_FALSE(read(config("olmo2")).has(Site{Module::kAttnNorm, 0}));
}

TEST(FamilySpecs, NormsOfSumsAndEmbeddingsOfAnotherWidth) {
  const ModelSpec usual = read(config("opt"));
  EXPECT_TRUE(usual.has(Module::kFinalNorm));
  EXPECT_FALSE(usual.sum_norms() || usual.has(Module::kProjectIn));
  io::Json c = config("opt");
  c["do_layer_norm_before"] = false;
  c["word_embed_proj_dim"] = 16;
  const ModelSpec s = read(c);
  EXPECT_TRUE(s.sum_norms() && s.has(Site{Module::kAttnNorm, 0}) && s.has(Site{Module::kMlpNorm, 0}));
  EXPECT_FALSE(s.has(Module::kFinalNorm));
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(s.shape(Module::kEmbed), (Shape{s.vocabulary, 16}));
  EXPECT_EQ(s.shape(Module::kPositions), (Shape{66, 32}));
  EXPECT_EQ(s.shape(Module::kProjectIn), (Shape{32, 16}));
  EXPECT_EQ(s.shape(Module::kProjectOut), (Shape{16, 32}));
  EXPECT_FALSE(s.has_bias(Module::kProjectIn));
  EXPECT_NE(s.fingerprint(), usual.fingerprint());
  c["do_layer_norm_before"] = true;
  c["_remove_final_layer_norm"] = true;
  EXPECT_FALSE(read(c).has(Module::kFinalNorm));
  EXPECT_FALSE(read(c).sum_norms());
  io::Json small = config("electra");
  small["embedding_size"] = 16;
  const ModelSpec e = read(small);
  EXPECT_EQ(e.shape(Module::kPositions)[1], 16);
  EXPECT_EQ(e.shape(Module::kEmbedNorm), (Shape{16}));
  EXPECT_TRUE(e.has_bias(Module::kProjectIn));
  EXPECT_FALSE(e.has(Module::kProjectOut));
  EXPECT_TRUE(read(config("bert")).sum_norms());
  EXPECT_FALSE(read(config("olmo2")).sum_norms());
}

TEST(FamilySpecs, SomeLayersDoNotTurnOrHaveNoExperts) {
  io::Json c = config("smollm3");
  EXPECT_EQ(read(c).layers[2].rope, 0);
  c["no_rope_layer_interval"] = 3;
  EXPECT_EQ(read(c).layers[2].rope, -1);
  c["no_rope_layers"] = {0, 1, 1};
  EXPECT_EQ(read(c).layers[0].rope, -1);
  c = config("qwen3_moe");
  c["mlp_only_layers"] = {1};
  EXPECT_EQ(read(c).layers[1].mlp, MlpKind::kGated);
  EXPECT_EQ(read(c).layers[0].mlp, MlpKind::kExperts);
}

TEST(FamilySpecs, FalconIsThreeBlocks) {
  io::Json c = config("falcon");
  const ModelSpec seven = read(c);
  EXPECT_EQ(seven.kv_heads, 1);
  EXPECT_TRUE(seven.parallel && seven.shared_norm);
  EXPECT_FALSE(seven.has(Site{Module::kMlpNorm, 0}));
  EXPECT_EQ(seven.shape(Module::kQkv), (std::vector<std::int64_t>{32 + 8 + 8, 32}));
  c["new_decoder_architecture"] = true, c["num_kv_heads"] = 2;
  EXPECT_TRUE(read(c).has(Site{Module::kMlpNorm, 0}));
  EXPECT_EQ(read(c).shape(Module::kQkv), (std::vector<std::int64_t>{32 + 16 + 16, 32}));
  EXPECT_EQ(read(c).site_of("transformer.h.2.ln_mlp"), (Site{Module::kMlpNorm, 2}));
  c["num_ln_in_parallel_attn"] = 1;
  EXPECT_TRUE(read(c).shared_norm);
  c = config("falcon");
  c["alibi"] = true, c["multi_query"] = false, c["parallel_attn"] = false;
  EXPECT_EQ(read(c).kv_heads, 4);
  EXPECT_FALSE(read(c).parallel);
  EXPECT_TRUE(read(c).ropes.empty());
  EXPECT_NE(read(c).fingerprint(), seven.fingerprint());
}

TEST(FamilySpecs, WindowsAndTurningLayersBelongTogether) {
  io::Json c = config("cohere2");
  c["sliding_window"] = 5, c["num_hidden_layers"] = 4;
  EXPECT_EQ(read(c).layers[0].window, 5);
  EXPECT_EQ(read(c).layers[0].rope, 0);
  EXPECT_EQ(read(c).layers[3].window, 0);
  EXPECT_EQ(read(c).layers[3].rope, -1);
  c = config("exaone4");
  c["sliding_window"] = nullptr;
  for (const LayerSpec& l : read(c).layers) EXPECT_EQ(l.rope, 0);
  c = config("smollm3");
  c["sliding_window"] = 5, c["no_rope_layers"] = {1, 0, 1};
  EXPECT_EQ(read(c).layers[1].window, 0);
  c["use_sliding_window"] = true;
  EXPECT_EQ(read(c).layers[1].window, 5);
  EXPECT_EQ(read(c).layers[0].window, 0);
  c = config("qwen2_moe");
  c["sliding_window"] = 5, c["use_sliding_window"] = true, c["max_window_layers"] = 2;
  c["num_key_value_heads"] = 2, c["shared_expert_intermediate_size"] = 8;
  EXPECT_EQ(read(c).layers[0].window, 5);
  EXPECT_EQ(read(c).layers[1].window, 0);
  EXPECT_EQ(read(c).layers[2].window, 0);
}

TEST(FamilySpecs, NormsWithoutParametersHaveNoTensor) {
  const ModelSpec s = read(config("olmo"));
  for (const Module m : {Module::kAttnNorm, Module::kMlpNorm}) EXPECT_FALSE(s.has(Site{m, 0}));
  EXPECT_FALSE(s.has(Module::kFinalNorm));
}

TEST(FamilySpecs, NormsOfQAndKAreAnOption) {
  io::Json c = config("cohere");
  EXPECT_FALSE(read(c).has(Module::kQNorm));
  c["use_qk_norm"] = true;
  EXPECT_EQ(read(c).shape(Module::kQNorm), (std::vector<std::int64_t>{32}));
  EXPECT_EQ(read(c).norm_width(Module::kQNorm), 8);
  EXPECT_FALSE(read(c).has_bias(Module::kQNorm));
  c = config("phi");
  c["qk_layernorm"] = true;
  EXPECT_EQ(read(c).shape(Module::kQNorm), (std::vector<std::int64_t>{8}));
  EXPECT_TRUE(read(c).has_bias(Module::kKNorm));
}

TEST(FamilySpecs, EncodersSeeAllTokensAndEndWithoutANorm) {
  for (const char* family : {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet"}) {
    const ModelSpec s = read(config(family));
    EXPECT_FALSE(s.stacks.at(0).causal) << family;
    EXPECT_FALSE(s.has(Module::kFinalNorm)) << family;
    EXPECT_TRUE(s.has(Module::kEmbedNorm)) << family;
    EXPECT_EQ(s.norm_eps, 1e-12) << family;
    EXPECT_EQ(s.shape(Module::kPositions), (std::vector<std::int64_t>{64, 32})) << family;
  }
  EXPECT_EQ(read(config("bert")).shape(Module::kTokenTypes), (std::vector<std::int64_t>{2, 32}));
  EXPECT_FALSE(read(config("distilbert")).has(Module::kTokenTypes));
  const ModelSpec mpnet = read(config("mpnet"));
  EXPECT_EQ(mpnet.site_of("mpnet.encoder.relative_attention_bias"), (Site{Module::kRelativeBias, 0}));
  EXPECT_FALSE(mpnet.has(Site{Module::kRelativeBias, 1}));
}

TEST(FamilySpecs, AMissingWindowIsNoneForMixtral) {
  for (const LayerSpec& l : read(config("mixtral")).layers) EXPECT_EQ(l.window, 0);
}

// transformers reads the cap of attention scores for Gemma 3, and applies none.
TEST(FamilySpecs, TheSoftCapOfGemma3IsThatOfItsConfig) {
  io::Json c = config("gemma3_text");
  EXPECT_EQ(read(c).final_softcap, 0);
  EXPECT_EQ(read(c).attention_softcap, 0);
  c["final_logit_softcapping"] = 3.5;
  c["attn_logit_softcapping"] = 2;
  EXPECT_EQ(read(c).final_softcap, 3.5);
  EXPECT_EQ(read(c).attention_softcap, 0);
  c["final_logit_softcapping"] = c["attn_logit_softcapping"] = nullptr;
  EXPECT_EQ(read(c).final_softcap, 0);
  EXPECT_EQ(read(c).attention_softcap, 0);
  EXPECT_EQ(read(config("gemma2")).final_softcap, 30);
}

TEST(FamilySpecs, BadValuesAreNamed) {
  const auto set = [](const char* key, const io::Json& value) { return [=](io::Json& c) { c[key] = value; }; };
  EXPECT_THAT(error_of("mixtral", set("num_local_experts", 1 << 20)), HasSubstr("num_local_experts"));
  EXPECT_THAT(error_of("mixtral", set("num_experts_per_tok", 9)), HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(error_of("mixtral", set("num_local_experts", 0)), HasSubstr("num_local_experts"));
  EXPECT_THAT(error_of("deepseek_v2", set("kv_lora_rank", -1)), HasSubstr("kv_lora_rank"));
  EXPECT_THAT(error_of("deepseek_v2", set("qk_rope_head_dim", 3)), HasSubstr("even"));
  EXPECT_THAT(error_of("deepseek_v2", set("topk_method", "noaux_tc")), HasSubstr("topk_method"));
  EXPECT_THAT(error_of("deepseek_v2", set("norm_topk_prob", true)), HasSubstr("norm_topk_prob"));
  EXPECT_THAT(error_of("deepseek_v2", set("n_shared_experts", -2)), HasSubstr("n_shared_experts"));
  EXPECT_THAT(error_of("deepseek_v2",
                       [](io::Json& c) {
                         c["topk_method"] = "group_limited_greedy";
                         c["n_group"] = 3, c["topk_group"] = 1;
                       }),
              HasSubstr("n_group"));
  EXPECT_THAT(error_of("deepseek_v2",
                       [](io::Json& c) {
                         c["topk_method"] = "group_limited_greedy", c["num_experts_per_tok"] = 3;
                         c["n_group"] = 4, c["topk_group"] = 1;
                       }),
              HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(error_of("bloom", set("n_head", 0)), HasSubstr("n_head"));
  EXPECT_THAT(error_of("gpt_neox", set("qk_layernorm", true)), HasSubstr("qk_layernorm"));
  EXPECT_THAT(error_of("llama", set("use_qk_norm", true)), HasSubstr("use_qk_norm"));
  EXPECT_THAT(error_of("falcon", [](io::Json& c) { c["new_decoder_architecture"] = true, c["num_kv_heads"] = 3; }),
              HasSubstr("num_kv_heads"));
  EXPECT_THAT(
      error_of("falcon", [](io::Json& c) { c["new_decoder_architecture"] = true, c["num_ln_in_parallel_attn"] = 3; }),
      HasSubstr("num_ln_in_parallel_attn"));
  EXPECT_THAT(error_of("olmo", set("clip_qkv", 0)), HasSubstr("clip_qkv"));
  EXPECT_THAT(error_of("cohere2", set("layer_types", {"full_attention"})), HasSubstr("layer_types"));
  EXPECT_THAT(error_of("olmoe", set("num_experts", 0)), HasSubstr("num_experts"));
  EXPECT_THAT(error_of("gpt2", set("n_positions", 0)), HasSubstr("n_positions"));
  EXPECT_THAT(error_of("opt", set("word_embed_proj_dim", 0)), HasSubstr("word_embed_proj_dim"));
  EXPECT_THAT(error_of("gpt_neox", set("rotary_pct", 1.5)), HasSubstr("rotary_pct"));
  EXPECT_THAT(error_of("llama", set("partial_rotary_factor", 0.5)), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(error_of("smollm3", set("no_rope_layers", {1, 0})), HasSubstr("no_rope_layers"));
  EXPECT_THAT(error_of("smollm3", set("no_rope_layers", {1, 0, 2})), HasSubstr("no_rope_layers"));
  EXPECT_THAT(error_of("qwen3_moe", set("mlp_only_layers", {3})), HasSubstr("mlp_only_layers"));
  EXPECT_THAT(error_of("granite", set("residual_multiplier", 0)), HasSubstr("residual_multiplier"));
  const io::Json rope = {{"type", "longrope"}, {"short_factor", {1, 1, 1, 1}}, {"long_factor", {1, 1, 1}}};
  EXPECT_THAT(error_of("phi3", set("rope_scaling", rope)), HasSubstr("long_factor"));
  EXPECT_THAT(error_of("bert", set("position_embedding_type", "relative_key")), HasSubstr("position_embedding_type"));
  EXPECT_THAT(error_of("bert", set("is_decoder", true)), HasSubstr("is_decoder"));
  EXPECT_THAT(error_of("electra", set("embedding_size", 0)), HasSubstr("embedding_size"));
  EXPECT_THAT(error_of("roberta", set("pad_token_id", 0)), HasSubstr("pad_token_id"));
  EXPECT_THAT(error_of("bert", set("type_vocab_size", 0)), HasSubstr("type_vocab_size"));
  EXPECT_THAT(error_of("t5", set("relative_attention_num_buckets", 0)), HasSubstr("relative_attention_num_buckets"));
  EXPECT_THAT(error_of("t5", set("relative_attention_max_distance", 4)), HasSubstr("relative_attention_max_distance"));
  EXPECT_THAT(error_of("t5", set("feed_forward_proj", "gated-swiglu")), HasSubstr("swiglu"));
  EXPECT_THAT(error_of("t5", set("num_decoder_layers", 1 << 30)), HasSubstr("num_decoder_layers"));
  EXPECT_THAT(error_of("gpt_oss", [](io::Json&) {}), HasSubstr("rope_parameters"));
  EXPECT_THAT(error_of("gemma3n", [](io::Json&) {}), HasSubstr("AltUp"));
  EXPECT_THAT(error_of("gemma4_text", [](io::Json&) {}), HasSubstr("per-layer embeddings"));
  EXPECT_THAT(error_of("llama4_text", set("layer_types", {"chunked_attention"})), HasSubstr("intermediate_size_mlp"));
  const auto hybrid = [&](const char* key, const io::Json& value) {
    return error_of("granitemoehybrid", [=](io::Json& c) { c["mamba_n_heads"] = 8, c[key] = value; });
  };
  EXPECT_EQ(hybrid("time_step_limit", {0.0, {{"__float__", "Infinity"}}}), "");
  EXPECT_THAT(hybrid("time_step_limit", {0.0, 0.5}), HasSubstr("time_step_limit"));
  EXPECT_THAT(hybrid("layer_types", {"mamba", "attention", "sliding_attention"}), HasSubstr("layer_types"));
  EXPECT_THAT(hybrid("mamba_d_head", 3), HasSubstr("mamba_d_head"));
  EXPECT_THAT(hybrid("mamba_n_groups", 3), HasSubstr("mamba_n_groups"));
  EXPECT_THAT(hybrid("hidden_act", "gelu"), HasSubstr("hidden_act"));
}

TEST(FamilyTable, SaysWhatEachNeeds) {
  std::set<std::string_view> names;
  for (const Architecture& a : architectures()) {
    SCOPED_TRACE(a.model_type);
    EXPECT_TRUE(names.insert(a.model_type).second) << "two rows of one name";
    EXPECT_FALSE(a.title.empty());
    const bool more = a.mlp == MlpKind::kExperts || a.stacks == StackKind::kEncoderDecoder;
    EXPECT_TRUE(!more || a.read_config != nullptr) << "nobody reads its experts, or its decoder";
    EXPECT_EQ(std::ranges::count(hf_prefixes(), a.prefix), 1);
  }
}

TEST(FamilyTable, FindsByEveryName) {
  const auto name = [](const Architecture* a) { return a == nullptr ? "" : a->model_type; };
  EXPECT_EQ(name(find_gguf_architecture("command-r")), "cohere");
  EXPECT_EQ(name(find_gguf_architecture("mistral3")), "mistral");
  EXPECT_EQ(name(find_gguf_architecture("")), "");
  EXPECT_EQ(name(find_gguf_mixture("llama")), "mixtral");
  EXPECT_EQ(name(find_gguf_mixture("qwen2moe")), "");
  EXPECT_EQ(name(find_wrapped_architecture("gemma3")), "gemma3_text");
  EXPECT_EQ(name(find_wrapped_architecture("")), "");
}

}  // namespace
}  // namespace deltascape::model
