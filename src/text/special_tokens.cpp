// Owns the order and precedence of transformers' files: tokenizer_config.json, special_tokens_map.json,
// added_tokens.json.
#include "text/special_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "deltascape/error.h"

namespace deltascape::text {

using io::Json;

namespace {

// The order in which transformers adds named special tokens.
constexpr std::array kNamed = {"bos_token", "eos_token", "unk_token", "sep_token",
                               "pad_token", "cls_token", "mask_token"};

constexpr std::int64_t kMaxTokenId = std::numeric_limits<std::int32_t>::max();

bool is_token(const Json& json) { return json.is_string() || (json.is_object() && json.contains("content")); }

}  // namespace

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

AddedToken listed_token(const Json& json, const std::string& where) {
  AddedToken out = added_token(json, where);
  const io::JsonFields fields(json, where);
  const auto id = fields.find("id");
  if (id == nullptr || !id->is_number_integer() || *id < 0 || *id > kMaxTokenId)
    fields.fail("id", "a number from 0 to 2^31 - 1");
  for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
    if (!fields.boolean(flag)) fields.fail(flag, "true or false");
  return out;
}

std::string special_text(const Json& settings, const char* key, const std::string& when_absent) {
  const auto place = settings.find(key);
  if (place == settings.end()) return when_absent;
  if (place->is_string()) return place->get<std::string>();
  if (place->is_object() && place->contains("content") && place->at("content").is_string()) {
    return place->at("content").get<std::string>();
  }
  return "None";
}

SpecialTokens::SpecialTokens(const std::filesystem::path& folder, const Json& settings, const Json& tokenizer)
    : settings_(settings), where_((folder / "tokenizer_config.json").string()) {
  const auto listed_extra = settings_.find("extra_special_tokens");
  if ((listed_extra != settings_.end() && !listed_extra->is_object()) ||
      settings_.contains("additional_special_tokens")) {
    extra_in_settings_ = true;
  }
  const auto decoder = settings_.find("added_tokens_decoder");
  if (decoder != settings_.end() && !decoder->is_null()) {
    if (!decoder->is_object())
      throw Error(ErrorCode::kBadFile, "the added tokens have another shape than they should",
                  {.path = where_,
                   .field = "added_tokens_decoder",
                   .expected = "an object of id -> token",
                   .found = decoder->type_name()});
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
  const auto more = map.find("extra_special_tokens");
  if (more != map.end() && !more->is_object()) extra_in_settings_ = true;
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

std::vector<AddedToken> SpecialTokens::named(const Json& defaults, const NamedTokens& of_class) const {
  std::vector<AddedToken> out;
  for (const std::string key : kNamed) {
    const auto given = settings_.find(key);
    const auto own = defaults.find(key);
    if (given == settings_.end() ? own == defaults.end() : !is_token(*given)) continue;
    const Json& value = given == settings_.end() ? *own : *given;
    AddedToken token = resolved(value);
    if (value.is_string() && !by_content_.contains(token.content))
      token.lstrip = of_class.mask_takes_space && key == "mask_token";
    out.push_back(std::move(token));
  }
  for (const auto& [key, text] : of_class.more) {
    const auto given = settings_.find(key);
    if (given == settings_.end()) out.push_back(resolved(text));
    else if (is_token(*given)) out.push_back(resolved(*given));
  }
  for (const auto& [key, value] : settings_.items()) {
    const bool known =
        std::find(kNamed.begin(), kNamed.end(), key) != kNamed.end() ||
        std::ranges::find(of_class.more, key, &std::pair<std::string, std::string>::first) != of_class.more.end();
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

std::optional<std::string> SpecialTokens::content(const char* key, const Json& defaults) const {
  const auto given = settings_.find(key);
  if (given != settings_.end()) {
    return is_token(*given) ? std::optional(added_token(*given, where_).content) : std::nullopt;
  }
  const auto own = defaults.find(key);
  return own == defaults.end() ? std::nullopt : std::optional(own->get<std::string>());
}

std::vector<AddedToken> SpecialTokens::unnamed() const {
  std::vector<AddedToken> out;
  if (!extra().is_array()) return out;
  for (const Json& token : extra()) {
    if (is_token(token)) out.push_back(added_token(token, where_));
  }
  return out;
}

void SpecialTokens::know(const std::string& id, AddedToken token) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size() || number < 0 || number > kMaxTokenId) {
    throw Error(
        ErrorCode::kBadFile, "an added token without an id",
        {.path = where_, .field = "added_tokens_decoder", .expected = "a number from 0 to 2^31 - 1", .found = id});
  }
  by_content_[token.content] = token;
  by_id_[number] = std::move(token);
}

bool SpecialTokens::is_named(const std::string& content) const {
  const auto same = [&](const Json& value) {
    return (value.is_string() && value == content) ||
           (value.is_object() && value.contains("content") && value["content"] == content);
  };
  for (const char* key : kNamed) {
    const auto place = settings_.find(key);
    if (place != settings_.end() && same(*place)) return true;
  }
  return extra().is_array() && std::any_of(extra().begin(), extra().end(), same);
}

const Json& SpecialTokens::extra() const {
  static const Json none;
  for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
    const auto place = settings_.find(key);
    if (place != settings_.end() && !place->empty()) return *place;
  }
  return none;
}

AddedToken SpecialTokens::resolved(const Json& value) const {
  AddedToken token = added_token(value, where_);
  const auto known = by_content_.find(token.content);
  return known == by_content_.end() ? token : known->second;
}

}  // namespace deltascape::text
