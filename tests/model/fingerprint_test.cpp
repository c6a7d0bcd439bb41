// What a model's identity says of its numbers is pinned: every name and every value.
#include <gmock/gmock.h>

#include "core/field_count.h"
#include "model/spec.h"

namespace deltascape::model {
namespace {

io::Json llama() {
  return {{"model_type", "llama"},
          {"hidden_size", 8},
          {"intermediate_size", 12},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"vocab_size", 11},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"head_dim", 4},
          {"max_position_embeddings", 64}};
}

TEST(Fingerprints, SayWhatDiffersFromTheUsualByName) {
  EXPECT_EQ(
      spec_from_config(llama(), "config.json").fingerprint(),
      "llama { hidden=8 heads=2 kv_heads=1 head_dim=4 intermediate=12 value_dim=4 layers={ },{ } stacks={ layers=2 } "
      "ropes={ dim=4 max_positions=64 } norm_eps=1.0000000000000001e-05 attention_scale=0.5 embed_width=8 }");
  io::Json scaled = llama();
  scaled["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}};
  EXPECT_THAT(spec_from_config(scaled, "config.json").fingerprint(),
              ::testing::HasSubstr("ropes={ type=yarn dim=4 factor=4 max_positions=64 original_positions=16 } "
                                   "attention_factor=1.1386294361119891 "));
}

TEST(Fingerprints, LeaveOutWhatTensorsTell) {
  const std::string plain = spec_from_config(llama(), "config.json").fingerprint();
  io::Json other = llama();
  other["tie_word_embeddings"] = true;
  other["vocab_size"] = 12;
  EXPECT_EQ(spec_from_config(other, "config.json").fingerprint(), plain);
  other["rms_norm_eps"] = 1e-6;
  EXPECT_NE(spec_from_config(other, "config.json").fingerprint(), plain);
}

TEST(Fingerprints, MembersAreCounted) {
  struct Three {
    int a = 1;
    std::string b = "b";
    std::vector<LayerSpec> c{};
  };
  EXPECT_EQ(field_count<Three>(), 3u);
  EXPECT_EQ(field_count<LatentSpec>(), 5u);
}

}  // namespace
}  // namespace deltascape::model
