// Models as people keep them: what is read as transformers reads it, and what is refused by name. Made from the tiny
// goldens by copying a folder and changing its files.
#include "model/checkpoint.h"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <tuple>

#include "deltascape/error.h"
#include "goldens.h"
#include "io/file.h"
#include "temporary_folder.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Checkpoints : public testing::FolderTest {
 protected:
  fs::path copy(const std::string& golden, const std::string& name = "model") const {
    fs::copy(testing::models_folder() / golden, folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }
  static void edit(const fs::path& file, const std::function<void(io::Json&)>& change) {
    io::Json json = io::read_json(file);
    change(json);
    std::ofstream(file) << json.dump();
  }
  // Another number under a key of a copied GGUF file: key, type and value follow each other.
  static void patch(const fs::path& file, const std::string& key, std::uint32_t value) {
    std::string content = io::read_text(file, std::size_t{1} << 30);
    const auto at = content.find(key);
    ASSERT_NE(at, std::string::npos);
    for (std::size_t i = 0; i < 4; ++i) content[at + key.size() + 4 + i] = static_cast<char>(value >> (8 * i));
    std::ofstream(file, std::ios::binary) << content;
  }
  static std::string error_of(const fs::path& model) {
    try {
      Checkpoint::open(model);
    } catch (const Error& e) {
      EXPECT_LT(std::string(e.what()).size(), 400u);
      return e.what();
    }
    return "";
  }
};

TEST_F(Checkpoints, QuantisedHuggingFaceWeightsAreRefusedByName) {
  const fs::path model = copy("llama/base");
  edit(model / "config.json", [](io::Json& j) { j["quantization_config"] = {{"quant_method", "fp8"}}; });
  EXPECT_THAT(error_of(model), ::testing::AllOf(HasSubstr("quantization_config"), HasSubstr("fp8")));
}

TEST_F(Checkpoints, AQuantisedCopyNamesItsOriginal) {
  const fs::path cached = folder_ / "models--unsloth--llama-3-8b-unsloth-bnb-4bit/snapshots/0123";
  fs::create_directories(cached.parent_path());
  fs::rename(copy("llama/base"), cached);
  edit(cached / "config.json", [](io::Json& j) { j["quantization_config"] = {{"quant_method", "bitsandbytes"}}; });
  EXPECT_THAT(error_of(cached), ::testing::AllOf(HasSubstr("base"), HasSubstr("unsloth/llama-3-8b)")));
}

TEST_F(Checkpoints, AFolderThatIsNoModelSaysWhatItIs) {
  fs::create_directory(folder_ / "lora");
  fs::copy(testing::models_folder() / "llama/lora_qv/adapter_model.safetensors", folder_ / "lora");
  EXPECT_THAT(error_of(folder_ / "lora"), HasSubstr("adapter_config.json is missing"));
  EXPECT_THAT(error_of(folder_ / "lora/adapter_model.safetensors"), HasSubstr("the folder it lies in"));
  fs::rename(folder_ / "lora/adapter_model.safetensors", folder_ / "lora/pytorch_lora_weights.safetensors");
  EXPECT_THAT(error_of(folder_ / "lora"), HasSubstr("pytorch_lora_weights.safetensors holds an adapter"));
  fs::create_directory(folder_ / "pool");
  fs::copy(testing::models_folder() / "llama/lora_qv", folder_ / "pool/one");
  EXPECT_THAT(error_of(folder_ / "pool"), HasSubstr("a folder with 1 model below: give its folder"));
}

TEST_F(Checkpoints, WeightsOfIntegersAreRefused) {
  const fs::path model = copy("llama/base");
  // The header's dtype names swapped for one of the same width: the bytes stay where they are.
  const fs::path file = model / "model.safetensors";
  std::string content = io::read_text(file, std::size_t{1} << 30);
  for (std::size_t at = 0; (at = content.find("\"F32\"", at)) != std::string::npos;) content.replace(at, 5, "\"I32\"");
  std::ofstream(file, std::ios::binary) << content;
  EXPECT_THAT(error_of(model), HasSubstr("I32"));
}

TEST_F(Checkpoints, ExpertsInOneTensorAreCheckedAsAWhole) {
  const fs::path model = copy("mixtral_fused/base");
  const auto checkpoint = Checkpoint::open(model);
  const at::Tensor up = checkpoint->load({Module::kExpertUp, 1, 4}, Param::kWeight, at::kFloat);
  EXPECT_EQ(up.sizes(), (std::vector<std::int64_t>{96, 64}));
  EXPECT_TRUE(checkpoint->can_view({Module::kExpertUp, 1, 4}, Param::kWeight, at::kFloat));
  edit(model / "config.json", [](io::Json& j) { j["num_local_experts"] = 4; });
  EXPECT_THAT(error_of(model), ::testing::AllOf(HasSubstr("gate_up_proj"), HasSubstr("[5, 192, 64]")));
}

TEST_F(Checkpoints, NumbersOfGgufFilesAreChecked) {
  const std::tuple<const char*, const char*, std::uint32_t, const char*> cases[] = {
      {"mixtral_gguf", "llama.expert_used_count", 6, "expert_used_count"},
      {"mixtral_gguf", "llama.expert_count", 4, "[5, 96, 64]"},
      {"mixtral_gguf", "llama.expert_count", 1u << 30, "expert_count"},
      {"qwen2_moe_gguf", "qwen2moe.expert_shared_feed_forward_length", 0, "expert_shared_feed_forward_length"},
      {"falcon_40b_gguf", "falcon.attention.head_count_kv", 3, "head_count_kv"},
      {"phi2_gguf", "phi2.rope.dimension_count", 3, "rope.dimension_count"},
      {"phi3_long_gguf", "phi3.rope.dimension_count", 8, "rope_factors_short"},
      {"olmo2_gguf", "olmo2.rope.dimension_count", 8, "partial"},
      {"bloom_gguf", "bloom.attention.head_count", 0, "head_count"}};
  for (const auto& [golden, key, value, word] : cases) {
    fs::remove_all(folder_ / "model");
    const fs::path file = copy(golden) / "base.gguf";
    patch(file, key, value);
    EXPECT_THAT(error_of(file), HasSubstr(word)) << golden << " " << key;
  }
}

TEST_F(Checkpoints, ANormForEachHeadIsThereWhole) {
  const fs::path model = copy("stablelm_qk/base");
  EXPECT_EQ(Checkpoint::open(model)->load({Module::kQNorm, 0}, Param::kWeight, at::kFloat).numel(), 64);
  edit(model / "model.safetensors.index.json",
       [](io::Json& j) { j["weight_map"].erase("model.layers.1.self_attn.q_layernorm.norms.2.weight"); });
  EXPECT_THAT(error_of(model), HasSubstr("norms.2"));
}

TEST_F(Checkpoints, ASingleFileWinsOverAnOldIndex) {
  const fs::path model = copy("llama/base");
  std::ofstream(model / "model.safetensors.index.json")
      << R"({"weight_map": {"model.norm.weight": "gone.safetensors"}})";
  EXPECT_EQ(error_of(model), "");
}

// As bert-base-uncased is published: below "bert.", LayerNorms with gamma and beta.
TEST_F(Checkpoints, EncodersGoByOldNamesToo) {
  const fs::path plain = copy("bert/base", "plain"), old = copy("bert/base", "old"), file = old / "model.safetensors";
  const std::string content = io::read_text(file, std::size_t{1} << 30);
  std::uint64_t size = 0;
  std::memcpy(&size, content.data(), 8);
  const io::Json names = io::parse_json(std::string_view(content).substr(8, size), file);
  io::Json renamed = io::Json::object();
  for (const auto& [name, tensor] : names.items()) {
    std::string to = name == "__metadata__" ? name : "bert." + name;
    if (const auto norm = to.find("LayerNorm."); norm != std::string::npos)
      to = to.substr(0, norm) + (to.ends_with("weight") ? "LayerNorm.gamma" : "LayerNorm.beta");
    renamed[to] = tensor;
  }
  const std::string header = renamed.dump();
  const std::uint64_t header_size = header.size();
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header_size), 8) << header << content.substr(8 + size) << std::flush;
  const auto a = Checkpoint::open(plain), b = Checkpoint::open(old);
  EXPECT_EQ(a->content_hash(), b->content_hash());
}

TEST_F(Checkpoints, ShardedPickles) {
  const fs::path model = copy("mistral/base");
  const auto whole = Checkpoint::open(model);
  const auto names = io::open_torch_pickle(model / "pytorch_model.bin");
  io::Json map = io::Json::object();
  for (const io::TensorInfo& t : names->tensors()) map[t.name] = "pytorch_model-00001-of-00001.bin";
  fs::rename(model / "pytorch_model.bin", model / "pytorch_model-00001-of-00001.bin");
  std::ofstream(model / "pytorch_model.bin.index.json") << io::Json{{"weight_map", map}}.dump();
  EXPECT_EQ(Checkpoint::open(model)->content_hash(), whole->content_hash());
}

TEST_F(Checkpoints, Gemma3sTextPart) {
  const fs::path model = copy("gemma3/base");
  const auto plain = Checkpoint::open(model);
  edit(model / "config.json", [](io::Json& j) {
    io::Json text = j;
    j = {{"model_type", "gemma3"}, {"text_config", text}, {"vision_config", io::Json::object()}};
  });
  EXPECT_EQ(Checkpoint::open(model)->content_hash(), plain->content_hash());
}

// transformers refuses both; a finetune whose vocabulary has grown says so in a configuration of its own.
TEST_F(Checkpoints, AVocabularyThatTheRowsContradictIsRefused) {
  const std::int64_t rows = Checkpoint::open(testing::models_folder() / "llama/base")->spec().vocabulary;
  for (const char* family : {"llama", "qwen2", "gpt2", "t5", "bert"})
    for (const std::int64_t said : {rows - 3, rows + 3}) {
      const fs::path model = copy(std::string(family) + "/base", family + std::to_string(said));
      edit(model / "config.json",
           [&](io::Json& j) { j["vocab_size"] = j["vocab_size"].get<std::int64_t>() + said - rows; });
      EXPECT_THAT(error_of(model),
                  ::testing::AllOf(HasSubstr("config.json"), HasSubstr("vocab_size"), HasSubstr("the rows of")))
          << family << " " << said - rows;
    }
  EXPECT_EQ(Checkpoint::open(testing::models_folder() / "llama/full_grown")->spec().vocabulary, rows + 4);
}

// Equal weights under another RoPE base are another model.
TEST_F(Checkpoints, TheConfigurationIsPartOfTheIdentity) {
  const fs::path one = copy("llama/base"), other = copy("llama/base", "other");
  edit(other / "config.json", [](io::Json& j) {
    j.erase("rope_parameters");
    j["rope_theta"] = 123456.0;
  });
  EXPECT_NE(Checkpoint::open(one)->identity(), Checkpoint::open(other)->identity());
  EXPECT_NE(Checkpoint::open(one)->content_hash(), Checkpoint::open(other)->content_hash());
}

TEST_F(Checkpoints, AFolderWithOneGguf) {
  const fs::path gguf = testing::models_folder() / "llama_gguf" / "base.gguf";
  fs::copy(gguf, folder_ / "m.gguf");
  EXPECT_EQ(Checkpoint::open(folder_)->identity(), Checkpoint::open(gguf)->identity());
  fs::copy(gguf, folder_ / "n.gguf");
  EXPECT_THAT(error_of(folder_), HasSubstr("several GGUF files"));
}

TEST_F(Checkpoints, NullMeansAsManyKeyValueHeadsAsHeads) {
  const fs::path model = copy("qwen2/base");
  edit(model / "config.json", [](io::Json& j) { j["num_key_value_heads"] = nullptr; });
  // The tiny model has fewer: the refusal is about shapes, not about a missing number.
  EXPECT_THAT(error_of(model), HasSubstr("k_proj"));
}

TEST_F(Checkpoints, AbsurdNumbersAreOneClearLine) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, io::Json>>{{"hidden_size", 1e18},
                                                                                {"hidden_size", -1},
                                                                                {"num_hidden_layers", 1000000000},
                                                                                {"num_attention_heads", 0},
                                                                                {"vocab_size", "many"},
                                                                                {"rms_norm_eps", "small"},
                                                                                {"num_key_value_heads", 7},
                                                                                {"hidden_act", "mystery"}}) {
    const fs::path model = copy("llama/base", key + value.dump().substr(0, 3));
    edit(model / "config.json", [&](io::Json& j) { j[key] = value; });
    EXPECT_THAT(error_of(model), HasSubstr(key));
  }
}

TEST_F(Checkpoints, CirclesOfLinksAreErrors) {
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_THAT(error_of(folder_ / "loop"), HasSubstr("loop"));
  const fs::path model = copy("llama/base");
  fs::remove(model / "model.safetensors");
  fs::create_symlink("model.safetensors", model / "model.safetensors");
  EXPECT_THAT(error_of(model), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace deltascape::model
