// Owns a model that is large for a test: a sharded bfloat16 LLaMA of random weights, and adapters for it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/safetensors_write.h"
#include "temporary_folder.h"

namespace deltascape::testing {

struct LargeShape {
  int layers = 8, hidden = 1024, mlp = 2816, heads = 16, vocabulary = 1000;
};

// Peak resident memory counts from now on; false where this kernel does not let it be reset.
inline bool reset_peak() { return static_cast<bool>(std::ofstream("/proc/self/clear_refs") << 5 << std::flush); }

// A folder that goes with it.
class LargeModel {
 public:
  explicit LargeModel(const LargeShape& shape) : shape_(shape) {
    std::ofstream(base() / "config.json") << io::Json{{"model_type", "llama"},
                                                      {"hidden_size", shape.hidden},
                                                      {"intermediate_size", shape.mlp},
                                                      {"num_attention_heads", shape.heads},
                                                      {"num_hidden_layers", shape.layers},
                                                      {"vocab_size", shape.vocabulary},
                                                      {"tie_word_embeddings", true},
                                                      {"rms_norm_eps", 1e-5}};
    Shapes first{{"model.embed_tokens.weight", {shape.vocabulary, shape.hidden}},
                 {"model.norm.weight", {shape.hidden}}};
    Shapes second;
    for (int i = 0; i < shape.layers; ++i) {
      Shapes& shard = i < shape.layers / 2 ? first : second;
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      for (const char* name : {"q", "k", "v", "o"})
        shard.emplace_back(layer + "self_attn." + name + "_proj.weight", Extents{shape.hidden, shape.hidden});
      for (const char* name : {"gate", "up"})
        shard.emplace_back(layer + "mlp." + name + "_proj.weight", Extents{shape.mlp, shape.hidden});
      shard.emplace_back(layer + "mlp.down_proj.weight", Extents{shape.hidden, shape.mlp});
      for (const char* name : {"input", "post_attention"})
        shard.emplace_back(layer + name + "_layernorm.weight", Extents{shape.hidden});
    }
    write_shard("one.safetensors", first);
    write_shard("two.safetensors", second);
    std::ofstream(base() / "model.safetensors.index.json") << io::Json{{"weight_map", map_}};
  }

  const std::filesystem::path& base() const { return folder_; }

  // A LoRA of rank 4 on every q, v and down.
  std::filesystem::path adapter(int number) {
    const auto folder = folder_ / ("adapter-" + std::to_string(number));
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "adapter_config.json")
        << io::Json{{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"base_model_name_or_path", "base"}};
    std::vector<std::vector<float>> values;
    std::vector<io::TensorToWrite> tensors;
    const auto add = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
      std::vector<float>& v = values.emplace_back(static_cast<std::size_t>(rows * columns));
      for (float& x : v) x = small();
      tensors.push_back({name, io::DType::kF32, {rows, columns}, std::as_bytes(std::span(v))});
    };
    state_ = static_cast<std::uint32_t>(number) * 77 + 5;
    for (int i = 0; i < shape_.layers; ++i)
      for (const char* name : {"self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"}) {
        const std::string module = "base_model.model.model.layers." + std::to_string(i) + "." + name;
        add(module + ".lora_A.weight", 4, std::string(name).starts_with("mlp") ? shape_.mlp : shape_.hidden);
        add(module + ".lora_B.weight", shape_.hidden, 4);
      }
    io::write_safetensors(folder / "adapter_model.safetensors", tensors);
    return folder;
  }

  // `type` PROMPT_TUNING or PREFIX_TUNING with so many virtual tokens.
  std::filesystem::path virtual_tokens(const std::string& type, int count) {
    const auto folder = folder_ / type;
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "adapter_config.json") << io::Json{{"peft_type", type}, {"num_virtual_tokens", count}};
    const int width = type == "PREFIX_TUNING" ? 2 * shape_.layers * shape_.hidden : shape_.hidden;
    std::vector<float> values(static_cast<std::size_t>(count * width));
    for (float& v : values) v = small();
    io::write_safetensors(folder / "adapter_model.safetensors",
                          {{"prompt_embeddings", io::DType::kF32, {count, width}, std::as_bytes(std::span(values))}});
    return folder;
  }

 private:
  using Extents = std::vector<int>;
  using Shapes = std::vector<std::pair<std::string, Extents>>;

  // Uniform in ±0.05.
  float small() {
    state_ = state_ * 1664525 + 1013904223;
    return (static_cast<float>(state_ >> 8) / static_cast<float>(1 << 24) - 0.5F) * 0.1F;
  }

  void write_shard(const std::string& name, const Shapes& shapes) {
    io::Json header = io::Json::object();
    std::size_t offset = 0;
    const auto elements = [](const Extents& shape) {
      std::size_t n = 1;
      for (const int extent : shape) n *= static_cast<std::size_t>(extent);
      return n;
    };
    for (const auto& [tensor, shape] : shapes) {
      const std::size_t bytes = 2 * elements(shape);
      header[tensor] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
      offset += bytes;
      map_[tensor] = name;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // as the library that owns the format pads it
    const std::uint64_t length = text.size();
    std::ofstream out(folder_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length) << text;
    std::vector<std::uint16_t> values;
    for (const auto& [tensor, shape] : shapes) {
      values.resize(elements(shape));
      for (std::uint16_t& v : values) {
        const float x = shape.size() == 1 ? 1.0F : small();
        std::uint32_t bits = 0;
        std::memcpy(&bits, &x, sizeof bits);
        v = static_cast<std::uint16_t>(bits >> 16);
      }
      out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * 2));
    }
  }

  LargeShape shape_;
  TemporaryFolder temporary_;
  std::filesystem::path folder_ = temporary_.path();
  io::Json map_ = io::Json::object();
  std::uint32_t state_ = 1;
};

}  // namespace deltascape::testing
