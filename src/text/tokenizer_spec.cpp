// Owns reading a folder's tokenizer files into one TokenizerSpec, special tokens merged as transformers merges them.
#include "text/tokenizer_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "deltascape/error.h"
#include "io/file.h"
#include "text/component.h"

namespace deltascape::text {
namespace {

using io::Json;

constexpr std::size_t kMaxTokenizerFile = std::size_t{256} << 20;
// The order in which transformers adds named special tokens.
constexpr std::array kNamed = {"bos_token", "eos_token", "unk_token", "sep_token",
                               "pad_token", "cls_token", "mask_token"};

Json read_object_if_there(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return Json::object();
  Json json = io::read_json(file);
  if (!json.is_object()) {
    throw Error(ErrorCode::kBadFile, "not a JSON object",
                {.path = file.string(), .field = {}, .expected = "an object", .found = json.type_name()});
  }
  return json;
}

// {"content": …, "lstrip": …}; a string is a special token.
AddedToken added_token(const Json& json, const std::string& where) {
  AddedToken token;
  if (json.is_string()) {
    token.content = json.get<std::string>();
    token.special = true;
    token.normalized = false;
    return token;
  }
  const io::JsonFields fields(json, where);
  if (const auto content = fields.string("content")) {
    token.content = *content;
  } else {
    fields.fail("content", "a string");
  }
  token.special = fields.boolean("special").value_or(false);
  token.single_word = fields.boolean("single_word").value_or(false);
  token.lstrip = fields.boolean("lstrip").value_or(false);
  token.rstrip = fields.boolean("rstrip").value_or(false);
  token.normalized = fields.boolean("normalized").value_or(!token.special);
  return token;
}

bool is_token(const Json& json) { return json.is_string() || (json.is_object() && json.contains("content")); }

// What transformers calls init_kwargs: settings, with special_tokens_map.json merged in for old folders.
class SpecialTokens {
 public:
  SpecialTokens(const std::filesystem::path& folder, const Json& settings, const Json& tokenizer)
      : settings_(settings), where_((folder / "tokenizer_config.json").string()) {
    const auto decoder = settings_.find("added_tokens_decoder");
    if (decoder != settings_.end() && decoder->is_object()) {
      for (const auto& [id, token] : decoder->items()) know(id, added_token(token, where_));
      return;
    }
    const Json map = read_object_if_there(folder / "special_tokens_map.json");
    for (const auto& [key, value] : map.items()) {
      if (value.is_object() && key != "extra_special_tokens") {
        Json token = value;
        token["special"] = true;
        settings_[key] = token;
      } else {
        settings_[key] = value;
      }
    }
    const Json old = read_object_if_there(folder / "added_tokens.json");
    for (const auto& [content, id] : old.items()) {
      const bool special = is_named(content);
      know(id.dump(), {.content = content, .normalized = !special, .special = special});
    }
    const auto listed = tokenizer.find("added_tokens");
    if (listed == tokenizer.end() || !listed->is_array()) return;
    for (const Json& token : *listed) {
      if (token.is_object() && token.contains("id")) know(token["id"].dump(), added_token(token, where_));
    }
  }

  const Json& settings() const { return settings_; }
  const std::map<std::int64_t, AddedToken>& by_id() const { return by_id_; }

  // The named tokens in transformers' order, then the model's own (image_token …), then the unnamed ones.
  std::vector<AddedToken> named(const Json& defaults) const {
    std::vector<AddedToken> out;
    for (const char* key : kNamed) {
      const auto given = settings_.find(key);
      if (given != settings_.end()) {
        if (is_token(*given)) out.push_back(resolved(*given));
      } else if (const auto own = defaults.find(key); own != defaults.end()) {
        out.push_back(resolved(*own));
      }
    }
    for (const auto& [key, value] : settings_.items()) {
      const bool known = std::find(kNamed.begin(), kNamed.end(), key) != kNamed.end();
      if (!known && key.ends_with("_token") && is_token(value)) out.push_back(added_token(value, where_));
    }
    const Json& more = extra();
    if (more.is_object()) {
      for (const auto& [key, value] : more.items()) {
        if (is_token(value)) out.push_back(added_token(value, where_));
      }
    }
    return out;
  }
  std::vector<AddedToken> unnamed() const {
    std::vector<AddedToken> out;
    if (!extra().is_array()) return out;
    for (const Json& token : extra()) {
      if (is_token(token)) out.push_back(added_token(token, where_));
    }
    return out;
  }

 private:
  void know(const std::string& id, AddedToken token) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (error != std::errc() || end != id.data() + id.size()) {
      throw Error(ErrorCode::kBadFile, "an added token without a number",
                  {.path = where_, .field = "added_tokens_decoder", .expected = "an id", .found = id});
    }
    by_content_[token.content] = token;
    by_id_[number] = std::move(token);
  }
  bool is_named(const std::string& content) const {
    const auto same = [&](const Json& value) {
      return (value.is_string() && value == content) || (value.is_object() && value.value("content", "") == content);
    };
    for (const char* key : kNamed) {
      const auto place = settings_.find(key);
      if (place != settings_.end() && same(*place)) return true;
    }
    return extra().is_array() && std::any_of(extra().begin(), extra().end(), same);
  }
  const Json& extra() const {
    static const Json none;
    for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
      const auto place = settings_.find(key);
      if (place != settings_.end() && !place->empty()) return *place;
    }
    return none;
  }
  AddedToken resolved(const Json& value) const {
    AddedToken token = added_token(value, where_);
    const auto known = by_content_.find(token.content);
    return known == by_content_.end() ? token : known->second;
  }

  Json settings_;
  std::string where_;
  std::map<std::int64_t, AddedToken> by_id_;
  std::map<std::string, AddedToken> by_content_;
};

bool holds(const std::vector<AddedToken>& tokens, const std::string& content) {
  return std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& token) { return token.content == content; });
}

// The lists a transformers tokenizer adds behind tokenizer.json's own (TokenizersBackend.__init__).
void add_special_tokens(const SpecialTokens& special, const std::string& name, TokenizerSpec& spec) {
  std::vector<AddedToken> present;
  for (const auto& list : spec.added) present.insert(present.end(), list.begin(), list.end());
  std::vector<AddedToken> adding;
  for (const auto& [id, token] : special.by_id()) {
    if (std::find(present.begin(), present.end(), token) == present.end()) adding.push_back(token);
  }
  const std::vector<AddedToken> named = special.named(default_special_tokens(name));
  const std::vector<AddedToken> unnamed = special.unnamed();
  std::vector<AddedToken> all = named;
  all.insert(all.end(), unnamed.begin(), unnamed.end());
  for (const AddedToken& token : all) {
    if (!holds(present, token.content) && !holds(adding, token.content)) adding.push_back(token);
  }
  for (AddedToken& token : adding) token.special = token.special || holds(named, token.content);
  if (!adding.empty()) spec.added.push_back(std::move(adding));
  if (name != "Qwen2Tokenizer") return;
  std::vector<AddedToken> again;
  for (const AddedToken& token : all) {
    if (!holds(again, token.content)) {
      again.push_back({.content = token.content, .normalized = false, .special = true});
    }
  }
  if (!again.empty()) spec.added.push_back(std::move(again));
}

const Json& member(const Json& object, const char* key) {
  static const Json null;
  const auto place = object.find(key);
  return place == object.end() ? null : *place;
}

std::string text_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

BpeOptions model_options(const Component& model) {
  const Json& dropout = member(model.json(), "dropout");
  if (dropout.is_number() && dropout != 0) model.unsupported("dropout (encoding by chance)");
  BpeOptions out;
  if (member(model.json(), "unk_token").is_string()) out.unk_token = model.string("unk_token");
  out.continuing_subword_prefix = model.string("continuing_subword_prefix", "");
  out.end_of_word_suffix = model.string("end_of_word_suffix", "");
  out.fuse_unk = model.boolean("fuse_unk", false);
  out.byte_fallback = model.boolean("byte_fallback", false);
  out.ignore_merges = model.boolean("ignore_merges", false);
  return out;
}

// tokenizer.json's own content.
void read_tokenizer_json(TokenizerFile& file, TokenizerSpec& spec) {
  const std::string where = spec.file.string();
  const Json& json = file.rest;
  if (!json.is_object()) {
    throw Error(ErrorCode::kBadFile, "not a tokenizer",
                {.path = where, .field = {}, .expected = "a JSON object", .found = json.type_name()});
  }
  Json untyped = member(json, "model");
  if (untyped.is_object() && !untyped.contains("type")) untyped["type"] = "BPE";  // files older than the tag
  const Component model(untyped, where + ": model");
  if (model.type() != "BPE") model.unsupported("the tokenizer model " + model.type());
  spec.model = model_options(model);
  if (file.vocabulary.size() == 0) model.fail("vocab", "an object of token -> id");
  if (!untyped.contains("merges") || !untyped["merges"].is_null()) model.fail("merges", "an array of pairs");
  spec.vocabulary = std::move(file.vocabulary);
  spec.merges = std::move(file.merges);
  spec.normalizer = member(json, "normalizer");
  spec.pre_tokenizer = member(json, "pre_tokenizer");
  spec.post_processor = member(json, "post_processor");
  std::vector<AddedToken> tokens;
  const Json& added = member(json, "added_tokens");
  if (added.is_array()) {
    for (const Json& token : added) tokens.push_back(added_token(token, where + ": added_tokens"));
  }
  spec.added.push_back(std::move(tokens));
  const Json& truncation = member(json, "truncation");
  spec.truncate_left = truncation.is_object() && text_member(truncation, "direction") == "Left";
}

}  // namespace

TokenizerSpec read_tokenizer_spec(const std::filesystem::path& folder) {
  TokenizerSpec spec;
  spec.file = folder / "tokenizer.json";
  std::error_code error;
  if (!std::filesystem::exists(spec.file, error)) {
    throw Error(ErrorCode::kNotFound, "no tokenizer.json in the folder of the base model",
                {.path = folder.string(), .field = {}, .expected = "tokenizer.json", .found = {}});
  }
  const std::string raw = io::read_text(spec.file, kMaxTokenizerFile);
  TokenizerFile file = parse_tokenizer_file(raw, spec.file);
  const Json config = read_object_if_there(folder / "config.json");
  Json settings = read_object_if_there(folder / "tokenizer_config.json");
  read_tokenizer_json(file, spec);
  const Json& json = file.rest;

  ClassQuestion question{.tokenizer_class = text_member(settings, "tokenizer_class"),
                         .model_type = text_member(config, "model_type"),
                         .has_byte_level = raw.find("\"ByteLevel\"") != std::string::npos,
                         .has_auto_map = member(settings, "auto_map").is_array() ||
                                         member(member(settings, "auto_map"), "AutoTokenizer").is_array()};
  if (question.tokenizer_class.empty()) question.tokenizer_class = text_member(config, "tokenizer_class");
  const std::string name = auto_tokenizer_class(question);
  // The file's padding names the pad token only where neither the settings nor the class do.
  const Json& padding = member(json, "padding");
  if (padding.is_object() && !settings.contains("pad_token") && !default_special_tokens(name).contains("pad_token"))
    settings["pad_token"] = text_member(padding, "pad_token");

  const SpecialTokens special(folder, settings, json);
  if (member(special.settings(), "fix_mistral_regex") == true) {
    throw Error(ErrorCode::kUnsupported, "the setting fix_mistral_regex is not supported",
                {.path = (folder / "tokenizer_config.json").string(), .field = {}, .expected = {}, .found = {}});
  }
  apply_tokenizer_class(name, special.settings(), spec);
  add_special_tokens(special, name, spec);
  spec.split_special_tokens = member(special.settings(), "split_special_tokens") == true;
  const std::string side = text_member(special.settings(), "truncation_side");
  if (!side.empty()) spec.truncate_left = side == "left";
  return spec;
}

}  // namespace deltascape::text
