// Owns the tests of an adapter's bytes in memory, and of which modules a pattern of its configuration means.
#include "adapter/adapter.h"

#include <gmock/gmock.h>

#include <fstream>

#include "core/machine.h"
#include "deltascape/error.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Site;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::int64_t kRank = 40000;  // on a tiny base: tens of megabytes

class Adapters : public testing::FolderTest {
 protected:
  void SetUp() override { base_ = model::Checkpoint::open(testing::models_folder() / "llama/base"); }

  void write_config(const io::Json& more = io::Json::object()) const {
    io::Json config = {{"peft_type", "LORA"}, {"r", kRank}, {"lora_alpha", 2 * kRank}};
    config.update(more);
    std::ofstream(folder_ / "adapter_config.json") << config;
  }
  // LoRA on q and v of layers 0 and 1, F32, all elements `value`.
  void write_tensors(float value) const {
    io::Json header = io::Json::object();
    std::size_t offset = 0;
    for (const int layer : {0, 1})
      for (const auto& [name, module] : {std::pair("q_proj", Module::kQ), std::pair("v_proj", Module::kV)}) {
        const auto shape = base_->spec().shape(module);
        const std::string key = "base_model.model.model.layers." + std::to_string(layer) + ".self_attn." + name;
        const std::pair<const char*, std::array<std::int64_t, 2>> halves[] = {{".lora_A.weight", {kRank, shape[1]}},
                                                                              {".lora_B.weight", {shape[0], kRank}}};
        for (const auto& [half, dimensions] : halves) {
          const auto end = offset + static_cast<std::size_t>(dimensions[0] * dimensions[1]) * 4;
          header[key + half] = {{"dtype", "F32"}, {"shape", dimensions}, {"data_offsets", {offset, end}}};
          offset = end;
        }
      }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::ofstream out(folder_ / "adapter_model.safetensors", std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length) << text;
    const std::vector<float> values(offset / 4, value);
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(offset));
  }

  std::shared_ptr<const model::Checkpoint> base_;
};

TEST_F(Adapters, OpeningLeavesNothingInMemory) {
  write_config();
  write_tensors(0.5f);
  Adapter::open(folder_, *base_);  // what the libraries take for themselves the first time
  const std::size_t before = resident_memory().now;
  ASSERT_TRUE(std::ofstream("/proc/self/clear_refs") << 5 << std::flush);
  const auto adapter = Adapter::open(folder_, *base_);
  ASSERT_GT(adapter->layer_bytes(0) + adapter->layer_bytes(1), 60 * kMiB);
  EXPECT_LT(resident_memory().now, before + kMiB);
  EXPECT_LT(resident_memory().peak, before + 40 * kMiB);
}

TEST_F(Adapters, OneExpertIsReadOutOfAll) {
  const fs::path golden = testing::models_folder() / "qwen3_moe";
  const auto base = model::Checkpoint::open(golden / "base");
  const auto adapter = Adapter::open(golden / "lora_parameters", *base);
  const ModuleOps gate = adapter->ops({Module::kExpertGate, 2, 5}, at::kFloat);
  ASSERT_EQ(gate.low_rank.size(), 1u);
  EXPECT_EQ(gate.low_rank[0].a.sizes(), (std::vector<std::int64_t>{3, 64}));
  EXPECT_EQ(gate.low_rank[0].b.sizes(), (std::vector<std::int64_t>{28, 3}));
  EXPECT_TRUE(adapter->ops({Module::kExpertGate, 2}, at::kFloat).low_rank.empty());
  fs::copy(golden / "lora_parameters", folder_, fs::copy_options::recursive);
  io::Json config = io::read_json(folder_ / "adapter_config.json");
  config["rank_pattern"] = {{"down_proj", 4}};
  std::ofstream(folder_ / "adapter_config.json") << config;
  try {
    Adapter::open(folder_, *base);
    ADD_FAILURE() << "opened with another rank";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("[24, 28]"));
  }
}

TEST_F(Adapters, LayersComeAndGo) {
  write_config();
  write_tensors(0.5f);
  const auto adapter = Adapter::open(folder_, *base_);
  EXPECT_EQ(adapter->layer_bytes(7), 0u);
  adapter->prefetch(7);  // a layer the adapter leaves alone
  adapter->release(7);
  for (const int layer : {0, 1}) {
    const std::size_t before = resident_memory().now;
    adapter->prefetch(layer);
    EXPECT_GT(resident_memory().now, before + adapter->layer_bytes(layer) * 9 / 10);
    adapter->release(layer);
    EXPECT_LT(resident_memory().now, before + 3 * kMiB);
    const ModuleOps ops = adapter->ops(Site{Module::kQ, layer}, at::kFloat);
    EXPECT_TRUE(at::equal(ops.low_rank.at(0).b, at::full_like(ops.low_rank.at(0).b, 0.5)));
    EXPECT_EQ(ops.low_rank.at(0).scale, 2.0);
    adapter->release();
  }
}

TEST_F(Adapters, AZeroPairIsNoOperator) {
  write_config();
  write_tensors(-0.0f);
  const auto adapter = Adapter::open(folder_, *base_);
  EXPECT_TRUE(adapter->ops(Site{Module::kQ, 0}, at::kFloat).empty());
  EXPECT_EQ(adapter->first_layer(), base_->spec().layer_count() + 1);
}

TEST_F(Adapters, ABrokenPatternIsNamed) {
  write_config({{"rank_pattern", {{"layers.(0", 4}}}});
  write_tensors(0.5f);
  try {
    Adapter::open(folder_, *base_);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), ::testing::AllOf(::testing::HasSubstr("adapter_config.json"),
                                           ::testing::HasSubstr("rank_pattern"), ::testing::HasSubstr("layers.(0")));
  }
}

TEST_F(Adapters, ARankIsAWholeNumber) {
  write_tensors(0.5f);
  for (const double rank : {2.5, 1e300}) {  // 1e300 has no integer to become
    write_config({{"rank_pattern", {{"q_proj", rank}}}});
    try {
      Adapter::open(folder_, *base_);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& e) {
      EXPECT_THAT(e.what(),
                  ::testing::HasSubstr("rank_pattern: a field has a wrong value (expected an object of whole"));
    }
  }
}

// PEFT: re.match(r"(.*\.)?(KEY)$", path).
TEST(ModulePatterns, MatchAsPeftMatches) {
  struct Case {
    const char* key;
    const char* path;
    bool matches;
  };
  for (const auto& [key, path, matches] : {
           Case{"q_proj", "model.layers.0.self_attn.q_proj", true},
           Case{"q_proj", "q_proj", true},
           Case{"q_proj", "model.layers.0.self_attn.xq_proj", false},
           Case{"q_proj", "model.layers.0.self_attn.q_proj.x", false},
           Case{"layers.1.self_attn.q_proj", "model.layers.1.self_attn.q_proj", true},
           Case{"layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj", false},
           Case{"ayers.1.self_attn.q_proj", "model.layers.1.self_attn.q_proj", false},
           Case{"self_attn.q_proj", "model.self_attn_q_proj", true},  // a dot is any character
           Case{"self_attn.q_proj", "q_proj", false},
           Case{".*.q_proj", "model.layers.1.self_attn.q_proj", true},
           Case{R"(layers\.[02]\..*proj)", "model.layers.2.mlp.up_proj", true},
           Case{R"(layers\.[02]\..*proj)", "model.layers.1.mlp.up_proj", false},
           Case{"q_proj|v_proj", "model.layers.1.self_attn.v_proj", true},
           Case{"q_proj|v_proj", "model.layers.1.self_attn.k_proj", false},
       })
    EXPECT_EQ(ModulePattern(key).matches(path), matches) << key << " on " << path;
}

}  // namespace
}  // namespace deltascape::adapter
