// Owns building a tokenizer, and the way back, from a Hugging Face folder.
#include <algorithm>

#include "deltascape/error.h"
#include "text/detokenizer.h"
#include "text/pipeline.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {
namespace {

std::unique_ptr<Model> make_model(TokenizerSpec& spec) {
  const std::string where = spec.file.string();
  if (spec.kind == ModelKind::kUnigram) return std::make_unique<Unigram>(spec.pieces, spec.unigram, where);
  if (spec.kind == ModelKind::kWordPiece) {
    return std::make_unique<WordPiece>(std::move(spec.vocabulary), spec.word_piece, where);
  }
  auto model = std::make_unique<Bpe>(std::move(spec.vocabulary), spec.model, where);
  model->reserve_merges(spec.merges.size());
  spec.merges.for_each([&](std::string_view left, std::string_view right) { model->add_merge(left, right); });
  return model;
}

std::int32_t frame_id(const FrameToken& token, const PipelineParts& parts, const std::string& where) {
  if (!token.content.empty()) {
    if (const auto id = parts.added.find(token.content)) return *id;
    if (const auto id = parts.model->vocabulary().find(token.content)) return *id;
  }
  if (token.when_absent) return *token.when_absent;
  throw Error(ErrorCode::kBadFile, "the tokenizer puts a special token around a text that it does not have",
              {.path = where, .field = "special tokens", .expected = "a token", .found = one_line(token.content, 60)});
}

// Whether `json` or a part of it is of this type.
bool has_type(const io::Json& json, std::string_view type) {
  if (json.is_object() && json.contains("type") && json["type"] == type) return true;
  return json.is_structured() && std::ranges::any_of(json, [&](const io::Json& part) { return has_type(part, type); });
}

}  // namespace

Detokenizer load_detokenizer(const std::filesystem::path& folder) {
  TokenizerSpec spec = read_tokenizer_spec(folder);
  if (spec.kind == ModelKind::kWordPiece)
    throw Error(
        ErrorCode::kUnsupported, "the tokens of a WordPiece vocabulary are not turned into text",
        {.path = spec.file.string(), .field = "model.type", .expected = "BPE or Unigram", .found = "WordPiece"});
  const bool bytes = spec.kind == ModelKind::kUnigram ? spec.unigram.byte_fallback : spec.model.byte_fallback;
  const TokenForm form{.byte_level = has_type(spec.pre_tokenizer, "ByteLevel"),
                       .byte_tokens = bytes,
                       .word_end = spec.kind == ModelKind::kBpe ? spec.model.end_of_word_suffix : ""};
  const std::unique_ptr<Model> model = make_model(spec);
  AddedVocabulary added;
  for (const auto& list : spec.added) added.add(list, *model);
  Detokenizer out;
  model->vocabulary().for_each([&](std::string_view token, std::int32_t id) { out.put(id, text_of(form, token)); });
  for (const auto& [id, token] : added.tokens()) out.put(id, token.special ? "" : token.content);
  return out;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  TokenizerSpec spec = read_tokenizer_spec(folder);
  const std::string where = spec.file.string();
  PipelineParts parts;
  parts.normalizer = make_normalizer(spec.normalizer, where + ": normalizer");
  parts.pre_tokenizer = make_pre_tokenizer(spec.pre_tokenizer, where + ": pre_tokenizer");
  parts.post_processor = make_post_processor(spec.post_processor, where + ": post_processor");
  parts.model = make_model(spec);
  for (const auto& list : spec.added) parts.added.add(list, *parts.model);
  for (const FrameToken& token : spec.before) parts.post_processor.before.push_back(frame_id(token, parts, where));
  for (const FrameToken& token : spec.after) parts.post_processor.after.push_back(frame_id(token, parts, where));
  parts.added.build(parts.normalizer.get(), spec.split_special_tokens);
  parts.truncate_left = spec.truncate_left;
  parts.rules = spec.normalizer.dump() + spec.pre_tokenizer.dump();
  return make_pipeline(std::move(parts));
}

}  // namespace deltascape::text
