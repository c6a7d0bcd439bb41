// Owns what a Hugging Face folder says about its tokenizer, after transformers.AutoTokenizer's rules have been applied
// and before anything is built.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/special_tokens.h"
#include "text/tokenizer_file.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace deltascape::text {

enum class ModelKind { kBpe, kUnigram, kWordPiece };

// A special token that a class puts around every text. Its id is known once all tokens are added.
struct FrameToken {
  std::string content;
  std::optional<std::int32_t> when_absent;  // the id where no such token exists; without one that is an error
};

struct TokenizerSpec {
  std::filesystem::path file;  // tokenizer.json, or the older file its vocabulary is from
  ModelKind kind = ModelKind::kBpe;
  BpeOptions model;  // kBpe
  UnigramOptions unigram;
  WordPieceOptions word_piece;
  Vocabulary vocabulary;                               // kBpe, kWordPiece
  MergeList merges;                                    // kBpe
  std::vector<ScoredPiece> pieces;                     // kUnigram
  io::Json normalizer, pre_tokenizer, post_processor;  // null for none
  // Added in this order, each list by one call, as transformers does.
  std::vector<std::vector<AddedToken>> added;
  std::vector<FrameToken> before, after;  // around the text where there is no post_processor
  io::Json special_defaults;              // named special tokens where no file names them (an object)
  std::vector<AddedToken> own_extra;      // unnamed ones that the vocabulary's file or the class brings along
  std::int64_t extra_ids = 0;             // T5's own unnamed tokens, <extra_id_0> and up
  bool split_special_tokens = false;
  bool truncate_left = false;
};

// Reads tokenizer.json (or the older files, plain_files.h), tokenizer_config.json, config.json, special_tokens_map.json
// and added_tokens.json in `folder`.
TokenizerSpec read_tokenizer_spec(const std::filesystem::path& folder);

// Which of transformers' tokenizer classes AutoTokenizer (5.x) takes, without "Fast": "TokenizersBackend" stands for
// tokenizer.json as it is. Empty strings where a file says nothing.
struct ClassQuestion {
  std::string tokenizer_class;  // tokenizer_config.json, else config.json
  std::string model_type;       // config.json
  bool has_byte_level = false;  // tokenizer.json mentions "ByteLevel"
  bool has_auto_map = false;    // tokenizer_config.json names code of its own
};
std::string auto_tokenizer_class(const ClassQuestion& question);
// The classes over a Unigram or a WordPiece model; all others that are there are over BPE.
bool is_unigram_class(const std::string& name);
bool is_word_piece_class(const std::string& name);
// T5's "extra_ids" of tokenizer_config.json.
std::int64_t extra_ids(const std::filesystem::path& folder, const io::Json& settings);
// Rewrites `spec` as the constructor of that class does. Throws Error(kUnsupported) by name for classes that are not
// there. `settings` is tokenizer_config.json (an object).
void apply_tokenizer_class(const std::string& name, const io::Json& settings, TokenizerSpec& spec);
// The special tokens a class has when no file names them: {"bos_token": "<s>", …}; and those without a name.
io::Json default_special_tokens(const std::string& name);
std::vector<std::string> default_unnamed_tokens(const std::string& name);
NamedTokens named_tokens(const std::string& name);

}  // namespace deltascape::text
