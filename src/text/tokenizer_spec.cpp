// Owns reading a folder's tokenizer files into one TokenizerSpec.
#include "text/tokenizer_spec.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/stand_in.h"
#include "text/component.h"
#include "text/plain_files.h"
#include "text/special_tokens.h"

namespace deltascape::text {
namespace {

using io::Json;

constexpr std::size_t kMaxTokenizerFile = std::size_t{128} << 20;  // the largest in use are 35 MB
bool holds(const std::vector<AddedToken>& tokens, const std::string& content) {
  return std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& token) { return token.content == content; });
}

// A SentencePiece model brings its own, unless tokenizer_config.json has some; T5 always has its <extra_id_…>.
std::vector<AddedToken> unnamed_tokens(const SpecialTokens& special, const TokenizerSpec& spec) {
  if (special.extra_in_settings()) return special.unnamed();
  std::vector<AddedToken> out = spec.own_extra;
  if (out.empty()) out = special.unnamed();
  const auto is_extra_id = [](const AddedToken& token) {
    return token.content.find("<extra_id_") != std::string::npos;
  };
  if (std::any_of(out.begin(), out.end(), is_extra_id)) return out;
  for (std::int64_t i = 0; i < spec.extra_ids; ++i) {
    out.push_back({.content = "<extra_id_" + std::to_string(i) + ">", .normalized = false, .special = true});
  }
  return out;
}

// What a class puts around every text, whatever tokenizer.json says; and what the settings ask for without that file.
void set_frame(const SpecialTokens& special, const std::string& name, bool from_json, TokenizerSpec& spec) {
  const auto token = [&](const char* key, std::optional<std::int32_t> when_absent = std::nullopt) {
    return FrameToken{special.content(key, spec.special_defaults).value_or(""), when_absent};
  };
  if (name == "T5Tokenizer") {
    spec.after = {token("eos_token")};
  } else if (name == "XLMRobertaTokenizer" || name == "CamembertTokenizer") {
    spec.before = {token("bos_token")};
    spec.after = {token("eos_token")};
  } else if (name == "RobertaTokenizer") {
    spec.before = {token("cls_token")};
    spec.after = {token("sep_token")};
  } else if (is_word_piece_class(name)) {
    const bool mpnet = name == "MPNetTokenizer";
    spec.before = {token("cls_token", mpnet ? 0 : 2)};
    spec.after = {token("sep_token", mpnet ? 2 : 3)};
  } else {
    const bool code = name == "CodeLlamaTokenizer";  // it asks for its BOS itself, and not for what tokenizer.json says
    const auto asked = [&](const char* flag, const char* key, bool otherwise) {
      const auto place = from_json ? special.settings().end() : special.settings().find(flag);
      const bool wanted = place == special.settings().end() ? otherwise : *place == true;
      return wanted && special.content(key, spec.special_defaults);
    };
    if (asked("add_bos_token", "bos_token", code)) spec.before = {token("bos_token")};
    if (asked("add_eos_token", "eos_token", false)) spec.after = {token("eos_token")};
    if (!code) return;
  }
  spec.post_processor = nullptr;
}

// Files that list another token at the place of one of the model's give that place its name.
void rename_placeholders(const SpecialTokens& special, TokenizerSpec& spec) {
  std::map<std::int32_t, std::string> names;
  spec.vocabulary.for_each([&](std::string_view token, std::int32_t id) { names[id] = token; });
  bool changed = false;
  for (const auto& [id, token] : special.by_id()) {
    const auto place = id < 0 || id > std::numeric_limits<std::int32_t>::max()
                           ? names.end()
                           : names.find(static_cast<std::int32_t>(id));
    if (place == names.end() || place->second == token.content || spec.vocabulary.find(token.content)) continue;
    place->second = token.content;
    changed = true;
  }
  if (!changed) return;
  spec.vocabulary = {};
  for (const auto& [id, token] : names) spec.vocabulary.put(token, id);
}

// The lists a transformers tokenizer adds behind tokenizer.json's own (TokenizersBackend.__init__).
void add_special_tokens(const SpecialTokens& special, const std::string& name, TokenizerSpec& spec) {
  std::vector<AddedToken> present;
  for (const auto& list : spec.added) present.insert(present.end(), list.begin(), list.end());
  std::vector<AddedToken> adding;
  for (const auto& [id, token] : special.by_id()) {
    if (std::find(present.begin(), present.end(), token) == present.end()) adding.push_back(token);
  }
  const std::vector<AddedToken> named = special.named(spec.special_defaults, named_tokens(name));
  const std::vector<AddedToken> unnamed = unnamed_tokens(special, spec);
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
  if (!dropout.is_null() && !dropout.is_number()) model.fail("dropout", "a number or null");
  if (dropout.is_number() && dropout != 0) model.unsupported("dropout (encoding by chance)");
  BpeOptions out;
  if (!member(model.json(), "unk_token").is_null()) out.unk_token = model.string("unk_token");
  out.continuing_subword_prefix = model.string("continuing_subword_prefix", "");
  out.end_of_word_suffix = model.string("end_of_word_suffix", "");
  out.fuse_unk = model.boolean("fuse_unk", false);
  out.byte_fallback = model.boolean("byte_fallback", false);
  out.ignore_merges = model.boolean("ignore_merges", false);
  return out;
}

// Files older than the tag "type".
std::string model_type(const TokenizerFile& file, const Json& model) {
  if (!file.pieces.empty()) return "Unigram";
  return model.contains("merges") || !model.contains("max_input_chars_per_word") ? "BPE" : "WordPiece";
}

void read_model(TokenizerFile& file, TokenizerSpec& spec) {
  Json json = member(file.rest, "model");
  if (json.is_object() && !json.contains("type")) json["type"] = model_type(file, json);
  const Component model(json, spec.file.string() + ": model");
  if (model.type() == "Unigram") {
    if (file.pieces.empty()) model.fail("vocab", "an array of [piece, score]");
    spec.kind = ModelKind::kUnigram;
    spec.pieces = std::move(file.pieces);
    spec.unigram.byte_fallback = model.boolean("byte_fallback", false);
    if (!member(json, "unk_id").is_null()) spec.unigram.unknown = model.integer("unk_id");
    return;
  }
  if (model.type() != "BPE" && model.type() != "WordPiece") {
    model.unsupported("the tokenizer model " + model.type());
  }
  if (file.vocabulary.size() == 0) model.fail("vocab", "an object of token -> id");
  spec.vocabulary = std::move(file.vocabulary);
  if (model.type() == "WordPiece") {
    spec.kind = ModelKind::kWordPiece;
    spec.word_piece.unk_token = model.string("unk_token", "[UNK]");
    spec.word_piece.continuing_subword_prefix = model.string("continuing_subword_prefix", "##");
    if (json.contains("max_input_chars_per_word")) {
      spec.word_piece.max_input_chars_per_word = static_cast<std::size_t>(model.integer("max_input_chars_per_word"));
    }
    return;
  }
  spec.model = model_options(model);
  if (!json.contains("merges") || !json["merges"].is_null()) model.fail("merges", "an array of pairs");
  spec.merges = std::move(file.merges);
}

// tokenizer.json's own content.
void read_tokenizer_json(TokenizerFile& file, TokenizerSpec& spec) {
  const std::string where = spec.file.string();
  const Json& json = file.rest;
  if (!json.is_object()) {
    throw Error(ErrorCode::kBadFile, "not a tokenizer",
                {.path = where, .field = {}, .expected = "a JSON object", .found = json.type_name()});
  }
  const auto bad = [&](const char* field, const char* expected, const Json& found) {
    throw Error(ErrorCode::kBadFile, "a part of the tokenizer has another shape than it should",
                {.path = where,
                 .field = field,
                 .expected = expected,
                 .found = one_line(found.dump(-1, ' ', false, Json::error_handler_t::replace), 80)});
  };
  read_model(file, spec);
  spec.normalizer = member(json, "normalizer");
  spec.pre_tokenizer = member(json, "pre_tokenizer");
  spec.post_processor = member(json, "post_processor");
  std::vector<AddedToken> tokens;
  const Json& added = member(json, "added_tokens");
  if (json.contains("added_tokens") && !added.is_array()) bad("added_tokens", "an array", added);
  for (const Json& token : added) tokens.push_back(listed_token(token, where + ": added_tokens"));
  spec.added.push_back(std::move(tokens));
  const Json& version = member(json, "version");
  if (!version.is_null() && version != "1.0") bad("version", "1.0", version);
  const Json& truncation = member(json, "truncation");
  if (truncation.is_null()) return;
  const std::string direction = text_member(truncation, "direction");
  if (truncation.contains("direction") && direction != "Left" && direction != "Right")
    bad("truncation.direction", "Left or Right", member(truncation, "direction"));
  spec.truncate_left = direction == "Left";
}

}  // namespace

TokenizerSpec read_tokenizer_spec(const std::filesystem::path& folder) {
  TokenizerSpec spec;
  spec.file = folder / "tokenizer.json";
  const bool from_json = io::exists(spec.file);
  const Json config = read_object_if_there(folder / "config.json");
  Json settings = read_object_if_there(folder / "tokenizer_config.json");
  const std::string raw = from_json ? io::read_text(spec.file, kMaxTokenizerFile) : std::string();
  TokenizerFile file;
  if (from_json) {
    io::refuse_stand_in(raw, spec.file);
    file = parse_tokenizer_file(raw, spec.file);
    read_tokenizer_json(file, spec);
  }

  ClassQuestion question{.tokenizer_class = text_member(settings, "tokenizer_class"),
                         .model_type = text_member(config, "model_type"),
                         .has_byte_level = raw.find("\"ByteLevel\"") != std::string::npos,
                         .has_auto_map = member(settings, "auto_map").is_array() ||
                                         member(member(settings, "auto_map"), "AutoTokenizer").is_array()};
  if (question.tokenizer_class.empty()) question.tokenizer_class = text_member(config, "tokenizer_class");
  const std::string name = auto_tokenizer_class(question);
  spec.special_defaults = default_special_tokens(name);
  if (from_json && name == "TokenizersBackend") {
    // The other classes get the scores from Python, which reads them exactly.
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) spec.pieces[i].score = file.rust_scores[i];
  }
  if (!from_json) read_plain_files(folder, name, settings, spec);
  if (name == "T5Tokenizer") spec.extra_ids = extra_ids(folder, settings);
  if (from_json)  // a SentencePiece file brings its own
    for (const std::string& text : default_unnamed_tokens(name))
      spec.own_extra.push_back({.content = text, .normalized = false, .special = true});
  // The file's padding names the pad token only where neither the settings nor the class do.
  const Json& padding = member(file.rest, "padding");
  if (padding.is_object() && !settings.contains("pad_token") && !spec.special_defaults.contains("pad_token"))
    settings["pad_token"] = text_member(padding, "pad_token");

  const SpecialTokens special(folder, settings, file.rest);
  if (member(special.settings(), "fix_mistral_regex") == true) {
    throw Error(ErrorCode::kUnsupported, "the setting fix_mistral_regex is not supported",
                {.path = (folder / "tokenizer_config.json").string(), .field = {}, .expected = {}, .found = {}});
  }
  if (!from_json && name == "TokenizersBackend" && spec.kind == ModelKind::kBpe) rename_placeholders(special, spec);
  apply_tokenizer_class(name, special.settings(), spec);
  set_frame(special, name, from_json, spec);
  add_special_tokens(special, name, spec);
  spec.split_special_tokens = member(special.settings(), "split_special_tokens") == true;
  const std::string side = text_member(special.settings(), "truncation_side");
  if (!side.empty()) spec.truncate_left = side == "left";
  return spec;
}

}  // namespace deltascape::text
