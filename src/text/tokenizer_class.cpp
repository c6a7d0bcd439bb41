// Owns what transformers' tokenizer classes change when they rebuild a tokenizer from tokenizer.json's vocabulary and
// merges (or pieces): they drop its normaliser, pre-tokeniser, model flags and added tokens and put their own in their
// place.
#include <algorithm>

#include "deltascape/error.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {
namespace {

using io::Json;

bool flag(const Json& settings, const char* key, bool when_absent) {
  const auto place = settings.find(key);
  return place == settings.end() || !place->is_boolean() ? when_absent : place->get<bool>();
}

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", use_regex}};
}

Json split_then_byte_level(const char* pattern, bool add_prefix_space) {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(add_prefix_space, false)})}};
}

void llama(const std::string& name, const Json& settings, TokenizerSpec& spec) {
  const bool code = name == "CodeLlamaTokenizer";
  spec.model = {.unk_token = code ? std::optional(special_text(settings, "unk_token", "<unk>")) : std::nullopt,
                .continuing_subword_prefix = {},
                .end_of_word_suffix = {},
                .fuse_unk = true,
                .byte_fallback = true,
                .ignore_merges = false};
  spec.normalizer = nullptr;
  const bool prefix = flag(settings, "add_prefix_space", true);
  const char* scheme = !prefix ? "never" : !code && flag(settings, "legacy", false) ? "always" : "first";
  spec.pre_tokenizer = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", false}};
}

void gemma(const Json& settings, TokenizerSpec& spec) {
  const std::string token = special_text(settings, "unk_token", "<unk>");
  spec.model = {.unk_token = token,
                .continuing_subword_prefix = {},
                .end_of_word_suffix = {},
                .fuse_unk = true,
                .byte_fallback = true,
                .ignore_merges = false};
  spec.normalizer = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  spec.pre_tokenizer = {
      {"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}};
}

Json metaspace(bool prepend) {
  return {{"type", "Metaspace"},
          {"replacement", "\u2581"},
          {"prepend_scheme", prepend ? "always" : "never"},
          {"split", true}};
}

// tokenizer.json's or the SentencePiece model's charsmap is all that these keep of a normaliser.
Json charsmap_of(const Json& normalizer) {
  const auto is_type = [](const Json& part, const char* name) {
    return part.is_object() && part.contains("type") && part["type"] == name;
  };
  if (is_type(normalizer, "Precompiled")) return normalizer;
  if (!is_type(normalizer, "Sequence") || !normalizer.contains("normalizers")) return nullptr;
  for (const Json& part : normalizer["normalizers"]) {
    if (is_type(part, "Precompiled")) return part;
  }
  return nullptr;
}

// T5 and XLM-RoBERTa: `unknown` is where their vocabularies have it, whatever the file says.
void unigram(std::int32_t unknown, bool prepend, TokenizerSpec& spec) {
  spec.unigram = {.unknown = unknown, .byte_fallback = false};
  spec.normalizer = charsmap_of(spec.normalizer);
  spec.pre_tokenizer = {{"type", "Sequence"},
                        {"pretokenizers", Json::array({{{"type", "WhitespaceSplit"}}, metaspace(prepend)})}};
}

void bert(const Json& settings, TokenizerSpec& spec) {
  const bool lowercase = flag(settings, "do_lower_case", true);
  spec.word_piece = {};
  spec.word_piece.unk_token = special_text(settings, "unk_token", spec.word_piece.unk_token);
  spec.normalizer = {{"type", "BertNormalizer"},
                     {"clean_text", true},
                     {"handle_chinese_chars", flag(settings, "tokenize_chinese_chars", true)},
                     {"strip_accents", flag(settings, "strip_accents", lowercase)},
                     {"lowercase", lowercase}};
  spec.pre_tokenizer = {{"type", "BertPreTokenizer"}};
}

void need_model(ModelKind kind, const std::string& name, const TokenizerSpec& spec) {
  if (spec.kind == kind) return;
  constexpr const char* kNames[] = {"BPE", "Unigram", "WordPiece"};
  throw Error(ErrorCode::kUnsupported, "the tokenizer class " + name + " over another kind of model is not supported",
              {.path = spec.file.string(),
               .field = "model.type",
               .expected = kNames[static_cast<int>(kind)],
               .found = kNames[static_cast<int>(spec.kind)]});
}

}  // namespace

bool is_unigram_class(const std::string& name) {
  return name == "T5Tokenizer" || name == "XLMRobertaTokenizer" || name == "CamembertTokenizer";
}
bool is_word_piece_class(const std::string& name) {
  return name == "BertTokenizer" || name == "DistilBertTokenizer" || name == "MPNetTokenizer";
}

void apply_tokenizer_class(const std::string& name, const Json& settings, TokenizerSpec& spec) {
  if (name == "TokenizersBackend") return;
  const bool prefix = flag(settings, "add_prefix_space", false);
  need_model(is_unigram_class(name)      ? ModelKind::kUnigram
             : is_word_piece_class(name) ? ModelKind::kWordPiece
                                         : ModelKind::kBpe,
             name, spec);
  spec.added.clear();  // tokenizer.json's own list; tokenizer_config.json's follows
  spec.model = {};
  if (name == "T5Tokenizer") {
    unigram(2, true, spec);
  } else if (name == "XLMRobertaTokenizer") {
    unigram(3, flag(settings, "add_prefix_space", true), spec);
  } else if (name == "CamembertTokenizer") {
    const std::string unknown = special_text(settings, "unk_token", "<unk>");
    const auto place = std::ranges::find(spec.pieces, unknown, &ScoredPiece::text);
    const auto index = place == spec.pieces.end() ? 0 : place - spec.pieces.begin();
    unigram(static_cast<std::int32_t>(index), flag(settings, "add_prefix_space", true), spec);
  } else if (is_word_piece_class(name)) {
    bert(settings, spec);
  } else if (name == "LlamaTokenizer" || name == "CodeLlamaTokenizer") {
    llama(name, settings, spec);
  } else if (name == "GemmaTokenizer") {
    gemma(settings, spec);
  } else if (name == "Qwen2Tokenizer" || name == "Qwen3_5Tokenizer") {
    spec.normalizer = {{"type", "NFC"}};
    spec.pre_tokenizer = split_then_byte_level(name == "Qwen2Tokenizer" ? kQwen2Pattern : kQwen35Pattern, prefix);
  } else if (name == "GPT2Tokenizer" || name == "CodeGenTokenizer" || name == "RobertaTokenizer") {
    spec.normalizer = nullptr;
    spec.pre_tokenizer = byte_level(prefix, true);
  } else if (name == "GPTNeoXTokenizer") {
    spec.normalizer = {{"type", "NFC"}};
    spec.pre_tokenizer = byte_level(prefix, true);
    spec.post_processor = nullptr;  // this class alone drops it
  } else if (name == "CohereTokenizer") {
    spec.normalizer = {{"type", "NFC"}};
    const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
    spec.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", Json::array({digits, byte_level(prefix, true)})}};
  } else {
    throw Error(ErrorCode::kUnsupported, "the tokenizer class " + name + " is not supported",
                {.path = spec.file.string(), .field = "tokenizer_class", .expected = {}, .found = {}});
  }
}

Json default_special_tokens(const std::string& name) {
  if (name == "LlamaTokenizer" || name == "CodeLlamaTokenizer")
    return {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
  if (name == "GemmaTokenizer") {
    return {{"unk_token", "<unk>"},
            {"bos_token", "<bos>"},
            {"eos_token", "<eos>"},
            {"pad_token", "<pad>"},
            {"mask_token", "<mask>"}};
  }
  if (name == "T5Tokenizer") return {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  if (name == "MPNetTokenizer") {
    return {{"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "[UNK]"},  {"sep_token", "</s>"},
            {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};
  }
  if (name == "RobertaTokenizer" || name == "XLMRobertaTokenizer" || name == "CamembertTokenizer") {
    return {{"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},  {"sep_token", "</s>"},
            {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};
  }
  if (is_word_piece_class(name)) {
    return {{"unk_token", "[UNK]"},
            {"sep_token", "[SEP]"},
            {"pad_token", "[PAD]"},
            {"cls_token", "[CLS]"},
            {"mask_token", "[MASK]"}};
  }
  const char* end = "<|endoftext|>";
  if (name == "Qwen2Tokenizer" || name == "Qwen3_5Tokenizer") {
    return {{"unk_token", end}, {"eos_token", end}, {"pad_token", end}};
  }
  if (name == "CohereTokenizer") {
    return {{"unk_token", "<UNK>"},        {"bos_token", "<BOS_TOKEN>"}, {"eos_token", "<|END_OF_TURN_TOKEN|>"},
            {"pad_token", "<PAD>"},        {"cls_token", "<CLS>"},       {"sep_token", "<SEP>"},
            {"mask_token", "<MASK_TOKEN>"}};
  }
  if (name == "GPT2Tokenizer" || name == "CodeGenTokenizer")
    return {{"unk_token", end}, {"bos_token", end}, {"eos_token", end}};
  if (name == "GPTNeoXTokenizer") {
    return {{"unk_token", end}, {"bos_token", end}, {"eos_token", end}, {"pad_token", "<|padding|>"}};
  }
  return Json::object();
}

NamedTokens named_tokens(const std::string& name) {
  if (name == "CodeLlamaTokenizer")
    return {.more = {{"prefix_token", "\u2581<PRE>"},
                     {"middle_token", "\u2581<MID>"},
                     {"suffix_token", "\u2581<SUF>"},
                     {"eot_token", "\u2581<EOT>"},
                     {"fill_token", "<FILL_ME>"}}};
  return {.more = {}, .mask_takes_space = name == "MPNetTokenizer" || name == "CamembertTokenizer"};
}

std::vector<std::string> default_unnamed_tokens(const std::string& name) {
  if (name != "CamembertTokenizer") return {};
  return {"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"};
}

}  // namespace deltascape::text
