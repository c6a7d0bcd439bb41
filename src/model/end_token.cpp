#include "model/end_token.h"

#include "text/special_tokens.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;

// eos_token_id of a configuration: a number, or a list of which the first counts.
std::optional<std::int64_t> configured(const fs::path& file) {
  const io::Json json = text::read_object_if_there(file);
  const auto id = json.find("eos_token_id");
  if (id == json.end()) return {};
  const io::Json& first = id->is_array() && !id->empty() ? id->front() : *id;
  return first.is_number_integer() ? std::optional(first.get<std::int64_t>()) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> end_token(const Checkpoint& base, const text::Tokenizer& tokenizer) {
  return end_token(base.path(), base.spec().vocabulary, tokenizer);
}

std::optional<std::int64_t> end_token(const fs::path& path, std::int64_t vocabulary, const text::Tokenizer& tokenizer) {
  const auto known = [&](std::optional<std::int64_t> id) {
    return id && *id >= 0 && *id < vocabulary ? id : std::nullopt;
  };
  if (io::is_gguf(path)) return known(io::GgufFile::open(path)->integer("tokenizer.ggml.eos_token_id"));
  const text::SpecialTokens special(path, text::read_object_if_there(path / "tokenizer_config.json"), {});
  if (const auto text = special.content("eos_token", io::Json::object())) {
    const auto ids = tokenizer.encode(*text, {.add_special_tokens = false});
    if (ids.size() == 1 && known(ids.front())) return ids.front();
  }
  if (const auto id = known(configured(path / "generation_config.json"))) return id;
  return known(configured(path / "config.json"));
}

}  // namespace deltascape::model
