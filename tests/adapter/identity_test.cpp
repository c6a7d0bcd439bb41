// Identities outlive releases: the same content in another order, file or folder is the same, and what each is stays
// what stores already hold. A pinned value that changes here makes every stored embedding one of an unknown model: then
// the number in Identity::text() goes up.
#include "core/identity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "adapter/adapter.h"
#include "deltascape/error.h"
#include "io/safetensors_write.h"
#include "temporary_folder.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using Shape = std::vector<std::int64_t>;

struct Tensors {
  void add(const std::string& name, const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    std::vector<float>& values = kept.emplace_back(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i)  // exact in float32 on every machine
      values[i] = (static_cast<float>((i * 7 + name.size() * 3) % 17) - 8) / 16;
    all.push_back({.name = name, .dtype = io::DType::kF32, .shape = shape, .bytes = {}});
  }
  std::vector<io::TensorToWrite> reversed(bool reverse) {
    auto out = all;
    for (std::size_t i = 0; i < out.size(); ++i) out[i].bytes = std::as_bytes(std::span(kept[i]));
    if (reverse) std::reverse(out.begin(), out.end());
    return out;
  }
  std::vector<std::vector<float>> kept;
  std::vector<io::TensorToWrite> all;
};

class Identities : public testing::FolderTest {
 protected:
  static io::Json llama() {
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
            {"max_position_embeddings", 64},
            {"tie_word_embeddings", true}};
  }
  static Tensors weights() {
    Tensors out;
    out.add("model.embed_tokens.weight", {11, 8});
    for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
      for (const char* norm : {"input_layernorm.weight", "post_attention_layernorm.weight"}) out.add(layer + norm, {8});
      for (const char* wide : {"self_attn.q_proj.weight", "self_attn.o_proj.weight"}) out.add(layer + wide, {8, 8});
      for (const char* narrow : {"self_attn.k_proj.weight", "self_attn.v_proj.weight"}) out.add(layer + narrow, {4, 8});
      for (const char* up : {"mlp.gate_proj.weight", "mlp.up_proj.weight"}) out.add(layer + up, {12, 8});
      out.add(layer + "mlp.down_proj.weight", {8, 12});
    }
    out.add("model.norm.weight", {8});
    return out;
  }
  fs::path base(const std::string& name, bool reverse = false, bool shards = false) const {
    const fs::path at = folder_ / name;
    fs::create_directories(at);
    std::ofstream(at / "config.json") << llama().dump();
    Tensors tensors = weights();
    const auto all = tensors.reversed(reverse);
    if (!shards) {
      io::write_safetensors(at / "model.safetensors", all);
      return at;
    }
    io::Json map = io::Json::object();
    std::vector<io::TensorToWrite> parts[2];
    for (std::size_t i = 0; i < all.size(); ++i) {
      parts[i % 2].push_back(all[i]);
      map[all[i].name] = i % 2 == 0 ? "a.safetensors" : "b.safetensors";
    }
    io::write_safetensors(at / "a.safetensors", parts[0]);
    io::write_safetensors(at / "b.safetensors", parts[1]);
    std::ofstream(at / "model.safetensors.index.json") << io::Json{{"weight_map", map}}.dump();
    return at;
  }
  fs::path lora(const std::string& name, const io::Json& more, const std::string& middle = "", bool reverse = false) {
    const fs::path at = folder_ / name;
    fs::create_directories(at);
    io::Json config = {{"peft_type", "LORA"}, {"r", 2}, {"lora_alpha", 4}, {"target_modules", {"q_proj", "down_proj"}}};
    config.update(more);
    std::ofstream(at / "adapter_config.json") << config.dump();
    Tensors tensors;
    for (const char* layer : {"0", "1"})
      for (const auto& [module, in] : {std::pair("self_attn.q_proj", 8), std::pair("mlp.down_proj", 12)}) {
        const std::string key = std::string("base_model.model.model.layers.") + layer + "." + module;
        tensors.add(key + ".lora_A" + middle + ".weight", {2, in});
        tensors.add(key + ".lora_B" + middle + ".weight", {8, 2});
      }
    // The names' lengths choose the values: those of the plain name.
    Tensors plain;
    if (!middle.empty())
      for (std::size_t i = 0; i < tensors.all.size(); ++i) {
        std::string name_of_it = tensors.all[i].name;
        name_of_it.erase(name_of_it.find(middle), middle.size());
        plain.add(name_of_it, tensors.all[i].shape);
        tensors.kept[i] = plain.kept[i];
      }
    io::write_safetensors(at / "adapter_model.safetensors", tensors.reversed(reverse));
    return at;
  }
  std::string hash_of(const fs::path& adapter) {
    if (!base_) base_ = model::Checkpoint::open(base("of_adapters"));
    return Adapter::open(adapter, *base_)->content_hash();
  }

  std::shared_ptr<const model::Checkpoint> base_;
};

TEST_F(Identities, NamesDecideAndTheirOrderDoesNot) {
  Identity one("kind"), other("kind"), third("another kind");
  one.add("a", "1"), one.add("b", "2");
  other.add("b", "2"), other.add("a", "1");
  third.add("a", "1"), third.add("b", "2");
  EXPECT_EQ(one.text(), other.text());
  EXPECT_NE(one.text(), third.text());
  EXPECT_EQ(one.text(), "v2-ab2b345ee6da35e9373f440f2a247c34");
  EXPECT_THROW(one.add("a", "3"), Error);
}

TEST_F(Identities, OfABase) {
  const auto plain = model::Checkpoint::open(base("plain"));
  EXPECT_EQ(plain->identity(), "v2-819b81c6733e3eb9b2086adbdaa31fc9");
  EXPECT_EQ(plain->content_hash(), "v2-98aed5e15c762ec105d4fe3cc592a02a");
  for (const auto& other : {base("reversed", true), base("sharded", false, true), base("both", true, true)}) {
    EXPECT_EQ(model::Checkpoint::open(other)->identity(), plain->identity()) << other;
    EXPECT_EQ(model::Checkpoint::open(other)->content_hash(), plain->content_hash()) << other;
  }
}

TEST_F(Identities, OfAnAdapter) {
  const std::string plain = hash_of(lora("plain", io::Json::object()));
  EXPECT_EQ(plain, "v2-66ac5d51164bfe9db80d5b9ec871bb06");
  EXPECT_EQ(hash_of(lora("reversed", io::Json::object(), "", true)), plain);
  EXPECT_EQ(hash_of(lora("named", io::Json::object(), ".default")), plain);
  EXPECT_EQ(hash_of(lora("spelled otherwise", {{"r", 8}, {"rank_pattern", {{"q_proj", 2}, {"down_proj", 2}}}})), plain)
      << "scale and tensors are the same";
  EXPECT_NE(hash_of(lora("scaled", {{"lora_alpha", 8}})), plain);
  EXPECT_NE(hash_of(lora("root", {{"use_rslora", true}})), plain);
}

}  // namespace
}  // namespace deltascape::adapter
