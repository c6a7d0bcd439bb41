// Owns the special tokens that a folder's small files name, merged as transformers merges them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/json.h"
#include "text/added_tokens.h"

namespace deltascape::text {

// A JSON object; an empty one where the file is not there.
io::Json read_object_if_there(const std::filesystem::path& file);
// {"content": …, "lstrip": …}; a string is a special token.
AddedToken added_token(const io::Json& json, const std::string& where);
// One of tokenizer.json's "added_tokens", which has an id and every flag.
AddedToken listed_token(const io::Json& json, const std::string& where);

// The text of settings[key], a string or an added token; Python's "None" for null and what is neither.
std::string special_text(const io::Json& settings, const char* key, const std::string& when_absent);

// What a class makes of named tokens that are plain strings.
struct NamedTokens {
  std::vector<std::pair<std::string, std::string>> more;  // names beside the usual ones, and the tokens they stand for
  bool mask_takes_space = false;                          // before it
};

// What transformers calls init_kwargs: settings, with special_tokens_map.json merged in for old folders.
class SpecialTokens {
 public:
  // `settings` is tokenizer_config.json (an object), `tokenizer` is tokenizer.json, null where there is none.
  SpecialTokens(const std::filesystem::path& folder, const io::Json& settings, const io::Json& tokenizer);

  const io::Json& settings() const { return settings_; }
  const std::map<std::int64_t, AddedToken>& by_id() const { return by_id_; }
  // The named tokens in transformers' order, then the model's own (image_token …), then the unnamed ones.
  std::vector<AddedToken> named(const io::Json& defaults, const NamedTokens& of_class) const;
  std::vector<AddedToken> unnamed() const;
  // Whether the files' unnamed tokens take the place of those a vocabulary's file or a class brings along.
  bool extra_in_settings() const { return extra_in_settings_; }
  // The text of a named token; nothing where a file says null or no file and no default names it.
  std::optional<std::string> content(const char* key, const io::Json& defaults) const;

 private:
  void know(const std::string& id, AddedToken token);
  bool is_named(const std::string& content) const;
  const io::Json& extra() const;
  AddedToken resolved(const io::Json& value) const;

  io::Json settings_;
  std::string where_;
  std::map<std::int64_t, AddedToken> by_id_;
  std::map<std::string, AddedToken> by_content_;
  bool extra_in_settings_ = false;
};

}  // namespace deltascape::text
