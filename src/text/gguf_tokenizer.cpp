// Owns building a tokenizer from the vocabulary inside a GGUF file, by llama.cpp's rules for its kind.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "deltascape/error.h"
#include "text/bpe.h"
#include "text/detokenizer.h"
#include "text/gguf_pre_tokenizer.h"
#include "text/pipeline.h"
#include "text/spm.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

// tokenizer.ggml.token_type (llama.cpp: llama_token_type).
enum TokenType : std::int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

[[noreturn]] void bad(const io::GgufFile& gguf, const std::string& field, const std::string& expected,
                      const std::string& found) {
  throw Error(ErrorCode::kBadFile, "the vocabulary of this GGUF file does not fit together",
              {.path = gguf.path().string(), .field = field, .expected = expected, .found = one_line(found, 80)});
}

struct Tokens {
  const std::vector<std::string>* text = nullptr;
  std::vector<std::int64_t> types;
  std::size_t size() const { return text->size(); }
};

Tokens read_tokens(const io::GgufFile& gguf) {
  Tokens out;
  out.text = gguf.strings("tokenizer.ggml.tokens");
  if (!out.text || out.text->empty()) bad(gguf, "tokenizer.ggml.tokens", "an array of strings", "nothing");
  if (out.size() > std::numeric_limits<std::int32_t>::max() / 2) {
    bad(gguf, "tokenizer.ggml.tokens", "at most 2^30 tokens", std::to_string(out.size()));
  }
  const auto* types = gguf.integers("tokenizer.ggml.token_type");
  out.types = types ? *types : std::vector<std::int64_t>(out.size(), kNormal);
  if (out.types.size() != out.size()) {
    bad(gguf, "tokenizer.ggml.token_type", std::to_string(out.size()) + " entries", std::to_string(out.types.size()));
  }
  for (std::size_t id = 0; id < out.size(); ++id) {
    if (!is_valid_utf8((*out.text)[id])) {
      bad(gguf, "tokenizer.ggml.tokens[" + std::to_string(id) + "]", "UTF-8", (*out.text)[id]);
    }
  }
  return out;
}

// Control, user-defined and unknown tokens are found in the text itself, as llama.cpp does when it parses specials.
AddedVocabulary added_tokens(const Tokens& tokens) {
  AddedVocabulary out;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::int64_t type = tokens.types[id];
    if (type != kUnknown && type != kControl && type != kUserDefined) continue;
    if ((*tokens.text)[id].empty()) continue;
    out.put({.content = (*tokens.text)[id], .normalized = false, .special = type != kUserDefined},
            static_cast<std::int32_t>(id));
  }
  out.build(nullptr, false);
  return out;
}

std::int32_t token_id(const io::GgufFile& gguf, const std::string& key, const Tokens& tokens,
                      std::int64_t when_absent) {
  const std::int64_t id = gguf.integer(key).value_or(when_absent);
  if (id < 0 || id >= static_cast<std::int64_t>(tokens.size())) {
    bad(gguf, key, "an id below " + std::to_string(tokens.size()), std::to_string(id));
  }
  return static_cast<std::int32_t>(id);
}

PostProcessor begin_and_end(const io::GgufFile& gguf, const Tokens& tokens, bool add_bos, std::int64_t bos,
                            std::int64_t eos) {
  PostProcessor out;
  if (gguf.boolean("tokenizer.ggml.add_bos_token").value_or(add_bos)) {
    out.before.push_back(token_id(gguf, "tokenizer.ggml.bos_token_id", tokens, bos));
  }
  if (gguf.boolean("tokenizer.ggml.add_eos_token").value_or(false)) {
    out.after.push_back(token_id(gguf, "tokenizer.ggml.eos_token_id", tokens, eos));
  }
  return out;
}

std::unique_ptr<Tokenizer> load_bpe(const io::GgufFile& gguf) {
  const std::string where = gguf.path().string();
  const Tokens tokens = read_tokens(gguf);
  const auto* merges = gguf.strings("tokenizer.ggml.merges");
  if (!merges) bad(gguf, "tokenizer.ggml.merges", "an array of strings", "nothing");
  const GgufPreTokenizer pre = gguf_pre_tokenizer(gguf.string("tokenizer.ggml.pre").value_or("default"), where);

  Vocabulary vocabulary;
  std::size_t bytes = 0;
  for (const std::string& token : *tokens.text) bytes += token.size();
  vocabulary.reserve(tokens.size(), bytes);
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    vocabulary.add((*tokens.text)[id], static_cast<std::int32_t>(id));
  }
  PipelineParts parts;
  auto model = std::make_unique<Bpe>(std::move(vocabulary),
                                     BpeOptions{.unk_token = {},
                                                .continuing_subword_prefix = {},
                                                .end_of_word_suffix = {},
                                                .fuse_unk = false,
                                                .byte_fallback = false,
                                                .ignore_merges = pre.ignore_merges},
                                     where);
  model->reserve_merges(merges->size());
  for (const std::string& merge : *merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos) bad(gguf, "tokenizer.ggml.merges", "two tokens and a space", merge);
    model->add_merge(std::string_view(merge).substr(0, space), std::string_view(merge).substr(space + 1));
  }
  parts.model = std::move(model);
  parts.pre_tokenizer = make_pre_tokenizer(pre.pre_tokenizer, where + ": tokenizer.ggml.pre");
  parts.added = added_tokens(tokens);
  parts.post_processor = begin_and_end(gguf, tokens, pre.add_bos, 11, 11);
  parts.rules = "gguf" + pre.pre_tokenizer.dump();
  return make_pipeline(std::move(parts));
}

class SpmTokenizer : public Tokenizer {
 public:
  SpmTokenizer(Spm model, AddedVocabulary added, PostProcessor post_processor, bool add_space_prefix)
      : model_(std::move(model)),
        added_(std::move(added)),
        post_processor_(std::move(post_processor)),
        add_space_prefix_(add_space_prefix) {
    Hasher hasher;
    hasher.update(std::string_view("spm")).update(std::string_view(add_space_prefix_ ? "prefix" : ""));
    model_.hash_into(hasher);
    added_.hash_into(hasher);
    hasher.update(std::as_bytes(std::span(post_processor_.before)));
    hasher.update(std::string_view("text")).update(std::as_bytes(std::span(post_processor_.after)));
    identity_ = hasher.hex();
  }

  std::vector<std::int32_t> encode(std::string_view raw, const EncodeOptions& options) const override {
    std::string repaired;
    if (!is_valid_utf8(raw)) raw = repaired = repair_utf8(raw);
    std::vector<Span> spans;
    added_.split(raw, false, spans);
    std::vector<std::int32_t> ids;
    bool behind_special = true;
    for (const Span& span : spans) {
      if (span.id >= 0) {
        ids.push_back(span.id);
        behind_special = true;
        continue;
      }
      std::string text = add_space_prefix_ && behind_special ? kSpace : "";
      for (const char c : raw.substr(span.begin, span.end - span.begin)) {
        if (c == ' ') {
          text += kSpace;
        } else {
          text += c;
        }
      }
      std::vector<std::int32_t> some;
      model_.encode(text, some);
      ids.insert(ids.end(), some.begin(), some.end());
      behind_special = false;
    }
    return finish(std::move(ids), post_processor_, options, false);
  }
  std::string identity() const override { return identity_; }
  std::size_t vocabulary_size() const override {
    return model_.vocabulary().size() + added_.beyond(model_.vocabulary());
  }

 private:
  static constexpr const char* kSpace = "\xE2\x96\x81";  // U+2581
  Spm model_;
  AddedVocabulary added_;
  PostProcessor post_processor_;
  bool add_space_prefix_;
  std::string identity_;
};

// The byte a token of type kByte stands for: "<0x0A>".
std::size_t byte_of(const io::GgufFile& gguf, const std::string& token) {
  const auto digit = [&](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    bad(gguf, "tokenizer.ggml.tokens", "<0x00> to <0xFF> for a byte token", token);
  };
  if (token.size() != 6 || !token.starts_with("<0x")) digit('!');
  return static_cast<std::size_t>(digit(token[3])) * 16 + static_cast<std::size_t>(digit(token[4]));
}

std::unique_ptr<Tokenizer> load_spm(const io::GgufFile& gguf) {
  const Tokens tokens = read_tokens(gguf);
  const auto* scores = gguf.reals("tokenizer.ggml.scores");
  if (!scores || scores->size() != tokens.size()) {
    bad(gguf, "tokenizer.ggml.scores", std::to_string(tokens.size()) + " numbers",
        scores ? std::to_string(scores->size()) : "nothing");
  }
  if (!std::all_of(scores->begin(), scores->end(), [](double score) { return std::isfinite(score); })) {
    bad(gguf, "tokenizer.ggml.scores", "finite numbers", "NaN or Inf");
  }
  // SentencePiece merges towards ordinary pieces only; control, unknown and byte tokens are outside the merges.
  Vocabulary vocabulary;
  std::size_t bytes = 0;
  for (const std::string& token : *tokens.text) bytes += token.size();
  vocabulary.reserve(tokens.size(), bytes);
  std::vector<std::int32_t> byte_ids(256, -1);
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = (*tokens.text)[id];
    const std::int64_t type = tokens.types[id];
    if (type == kByte) {
      byte_ids[byte_of(gguf, token)] = static_cast<std::int32_t>(id);
    } else if (type == kNormal || type == kUserDefined || type == kUnused) {
      vocabulary.add(token, static_cast<std::int32_t>(id));
    }
  }
  const std::int64_t unknown = gguf.integer("tokenizer.ggml.unknown_token_id").value_or(0);
  const bool has_unknown = unknown >= 0 && unknown < static_cast<std::int64_t>(tokens.size());
  Spm model(std::move(vocabulary), std::vector<float>(scores->begin(), scores->end()), std::move(byte_ids),
            has_unknown ? static_cast<std::int32_t>(unknown) : -1);
  return std::make_unique<SpmTokenizer>(std::move(model), added_tokens(tokens), begin_and_end(gguf, tokens, true, 1, 2),
                                        gguf.boolean("tokenizer.ggml.add_space_prefix").value_or(true));
}

// "gpt2" or "llama".
std::string kind_of(const io::GgufFile& gguf) {
  std::string kind = gguf.string("tokenizer.ggml.model").value_or("");
  if (kind == "gpt2" || kind == "llama") return kind;
  throw Error(
      kind.empty() ? ErrorCode::kNotFound : ErrorCode::kUnsupported,
      kind.empty() ? "the GGUF file has no vocabulary" : "the vocabulary kind of this GGUF file is not supported",
      {.path = gguf.path().string(), .field = "tokenizer.ggml.model", .expected = "gpt2 or llama", .found = kind});
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const io::GgufFile& gguf) {
  return kind_of(gguf) == "gpt2" ? load_bpe(gguf) : load_spm(gguf);
}

Detokenizer load_detokenizer(const io::GgufFile& gguf) {
  const bool byte_level = kind_of(gguf) == "gpt2";
  const Tokens tokens = read_tokens(gguf);
  Detokenizer out;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = (*tokens.text)[id];
    const std::int64_t type = tokens.types[id];
    const TokenForm form{.byte_level = byte_level, .byte_tokens = type == kByte};
    out.put(static_cast<std::int32_t>(id), type == kControl || type == kUnknown ? ""
                                           : type == kUserDefined && byte_level ? token
                                                                                : text_of(form, token));
  }
  return out;
}

}  // namespace deltascape::text
