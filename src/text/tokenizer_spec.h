// Owns what a Hugging Face folder says about its tokenizer, after transformers.AutoTokenizer's rules have been applied
// and before anything is built.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/tokenizer_file.h"

namespace deltascape::text {

struct TokenizerSpec {
  std::filesystem::path file;  // tokenizer.json
  BpeOptions model;
  Vocabulary vocabulary;
  MergeList merges;
  io::Json normalizer, pre_tokenizer, post_processor;  // null for none
  // Added in this order, each list by one call, as transformers does.
  std::vector<std::vector<AddedToken>> added;
  bool split_special_tokens = false;
  bool truncate_left = false;
};

// Reads tokenizer.json, tokenizer_config.json, config.json, special_tokens_map.json and added_tokens.json in `folder`.
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
// Rewrites `spec` as the constructor of that class does. Throws Error(kUnsupported) by name for classes that are not
// there. `settings` is tokenizer_config.json (an object).
void apply_tokenizer_class(const std::string& name, const io::Json& settings, TokenizerSpec& spec);
// The special tokens a class has when no file names them: {"bos_token": "<s>", …}.
io::Json default_special_tokens(const std::string& name);

}  // namespace deltascape::text
