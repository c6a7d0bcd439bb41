// Owns the names of the files that make a model.
#include "hub/needed.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <set>
#include <string_view>

#include "core/text.h"
#include "deltascape/error.h"
#include "hub/client.h"
#include "io/gguf.h"
#include "io/json.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kAdapterWeights{"adapter_model.safetensors", "adapter_model.bin"};
// In the order in which the model is opened (src/model/checkpoint.cpp).
constexpr std::array<std::string_view, 4> kWeights{"model.safetensors", "model.safetensors.index.json",
                                                   "pytorch_model.bin", "pytorch_model.bin.index.json"};
constexpr std::array<std::string_view, 4> kTokenizer{"tokenizer.json", "tokenizer_config.json",
                                                     "special_tokens_map.json", "added_tokens.json"};
// What a tokenizer is made from where there is no tokenizer.json.
constexpr std::array<std::string_view, 6> kVocabularies{"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                                        "vocab.json",      "vocab.txt",    "merges.txt"};
// What a sentence encoder does with its tokens.
constexpr std::array<std::string_view, 3> kSentences{"modules.json", "sentence_bert_config.json",
                                                     "1_Pooling/config.json"};

bool is_index(std::string_view name) { return name.ends_with(".index.json"); }

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_here(const std::vector<std::string>& files, std::string_view name) {
  return std::ranges::find(files, name) != files.end();
}

Needed one_gguf(const std::vector<std::string>& files, const std::string& repository, const std::string& gguf) {
  Needed out{.files = parts_of(gguf), .index = ""};
  for (const std::string& part : out.files)
    if (!is_here(files, part))
      throw Error(ErrorCode::kNotFound, "the repository has no such file", {.path = repository, .field = part});
  return out;
}

}  // namespace

std::vector<std::string> parts_of(const std::string& gguf) {
  const auto part = io::gguf_part(gguf);
  if (!part) return {gguf};
  std::vector<std::string> out;
  for (int number = 1; number <= part->count; ++number) out.push_back(part->name_of(number));
  return out;
}

Needed needed_files(const std::vector<std::string>& files, const std::string& repository, const std::string& inside) {
  if (!inside.empty()) return one_gguf(files, repository, inside);
  const auto has = [&](std::string_view name) { return is_here(files, name); };
  Needed out;
  const auto take = [&](std::string_view name) {
    if (has(name)) out.files.emplace_back(name);
  };
  const auto take_first = [&](const auto& names) {
    const auto found = std::find_if(names.begin(), names.end(), has);
    if (found == names.end()) return false;
    out.files.emplace_back(*found);
    return true;
  };
  if (has("adapter_config.json")) {
    take("adapter_config.json");
    if (take_first(kAdapterWeights)) return out;
    throw Error(ErrorCode::kNotFound, "the repository has no weights beside adapter_config.json",
                {.path = repository, .expected = "adapter_model.safetensors or adapter_model.bin"});
  }
  if (has("config.json")) {
    take("config.json");
    for (const std::string_view name : kTokenizer) take(name);
    for (const std::string_view name : kSentences) take(name);
    if (!has("tokenizer.json"))
      for (const std::string_view name : kVocabularies) take(name);
    if (take_first(kWeights)) {
      if (is_index(out.files.back())) out.index = out.files.back();
      return out;
    }
  }
  const std::vector<std::string> gguf = io::gguf_models(files);
  if (gguf.size() == 1) return one_gguf(files, repository, gguf.front());
  if (gguf.size() > 1)
    throw Error(ErrorCode::kUsage,
                "the repository has several GGUF files: give the address of one "
                "(https://huggingface.co/" +
                    repository + "/blob/main/FILE), or fetch it (hf download " + repository + " FILE)",
                {.path = repository, .found = listed(gguf)});
  throw Error(ErrorCode::kNotFound, "the repository has no weights that this program reads",
              {.path = repository,
               .expected = "config.json with model.safetensors or pytorch_model.bin, an adapter, or a GGUF file"});
}

std::vector<std::string> shards_of(const fs::path& index) {
  const io::Json document = io::read_json(index);
  const auto map = io::JsonFields(document, index).object("weight_map");
  if (!map)
    throw Error(ErrorCode::kBadFile, "not a shard index",
                {.path = index.string(), .field = "weight_map", .expected = "an object", .found = "nothing"});
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->json().items()) {
    if (!shard.is_string()) map->fail(tensor, "the name of a shard");
    const std::string& name = shard.get_ref<const std::string&>();
    const bool weights = name.ends_with(".safetensors") || name.ends_with(".bin");
    if (!stays_inside(name) || !weights)
      throw Error(ErrorCode::kBadFile, "the index names a file that is not a shard",
                  {.path = index.string(),
                   .field = tensor,
                   .expected = "a .safetensors or .bin file inside the repository",
                   .found = name});
    shards.insert(name);
  }
  return {shards.begin(), shards.end()};
}

bool is_model_file(std::string_view name) {
  return name == "adapter_config.json" || std::ranges::find(kAdapterWeights, name) != kAdapterWeights.end() ||
         std::ranges::find(kWeights, name) != kWeights.end();
}

bool holds_adapter_files(const fs::path& snapshot) {
  return is_file(snapshot / "adapter_config.json") &&
         std::any_of(kAdapterWeights.begin(), kAdapterWeights.end(),
                     [&](std::string_view name) { return is_file(snapshot / name); });
}

bool holds_weights(const fs::path& snapshot) {
  if (!is_file(snapshot / "config.json")) {
    std::vector<std::string> names;
    std::error_code failed;
    for (fs::directory_iterator it(snapshot, failed), end; !failed && it != end; it.increment(failed))
      names.push_back(it->path().filename().string());
    return std::ranges::any_of(io::gguf_models(names), [&](const std::string& gguf) {
      return std::ranges::all_of(parts_of(gguf), [&](const std::string& part) { return is_file(snapshot / part); });
    });
  }
  for (const std::string_view name : kWeights) {
    if (!is_file(snapshot / name)) continue;
    if (!is_index(name)) return true;
    const std::vector<std::string> shards = shards_of(snapshot / name);
    return std::all_of(shards.begin(), shards.end(), [&](const std::string& s) { return is_file(snapshot / s); });
  }
  return false;
}

bool holds_tokenizer(const fs::path& snapshot) {
  return is_file(snapshot / kTokenizer[0]) ||
         std::any_of(kVocabularies.begin(), kVocabularies.end(),
                     [&](std::string_view name) { return is_file(snapshot / name); });
}

}  // namespace deltascape::hub
