// Owns which file a class reads, and what transformers makes of a SentencePiece model.
#include "text/plain_files.h"

#include <algorithm>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/stand_in.h"
#include "text/charsmap.h"
#include "text/rust_number.h"
#include "text/sentencepiece_file.h"
#include "text/special_tokens.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

using io::Json;

constexpr std::size_t kMaxVocabulary = std::size_t{32} << 20;  // the largest in use are 5 MB
constexpr std::size_t kMaxMergeWork = std::size_t{1} << 30;
constexpr std::int64_t kMaxExtraIds = 100000;

// Calls visit(line, number) for each line; a newline at the end ends the last one.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (std::size_t number = 0; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view trim_end(std::string_view line) {
  while (!line.empty()) {
    std::size_t at = line.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) --at;
    std::size_t i = at;
    if (!is_white_space(next_code_point(line, i))) break;
    line = line.substr(0, at);
  }
  return line;
}

std::string read_utf8(const std::filesystem::path& file) {
  std::string text = io::read_text(file, kMaxVocabulary);
  io::refuse_stand_in(text, file);
  if (is_valid_utf8(text)) return text;
  throw Error(ErrorCode::kBadFile, "the file is not text",
              {.path = file.string(), .field = {}, .expected = "UTF-8", .found = "other bytes"});
}

// One token a line; its number is its id, and of two equal lines the later one counts.
void read_vocab_txt(const std::filesystem::path& file, TokenizerSpec& spec) {
  const std::string text = read_utf8(file);
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    spec.vocabulary.put(trim_end(line), static_cast<std::int32_t>(number));
  });
  if (spec.vocabulary.size() == 0) {
    throw Error(ErrorCode::kBadFile, "an empty vocabulary",
                {.path = file.string(), .field = {}, .expected = "one token a line", .found = "nothing"});
  }
}

void read_vocab_json(const std::filesystem::path& vocabulary, const std::filesystem::path& merges,
                     TokenizerSpec& spec) {
  spec.vocabulary = parse_vocabulary(io::read_text(vocabulary, kMaxVocabulary), vocabulary);
  const std::string text = read_utf8(merges);
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version")) return;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      throw Error(ErrorCode::kBadFile, "a merge without exactly one space",
                  {.path = merges.string(),
                   .field = "line " + std::to_string(number + 1),
                   .expected = "two tokens",
                   .found = one_line(std::string(line.substr(0, 100)), 80)});
    }
    spec.merges.add(line.substr(0, space), line.substr(space + 1));
  });
}

// A BPE model's merges from its pieces alone: every way to put a piece together of two others, by the piece's id and
// then by the length of the left part.
void make_merges(const SentencePieceFile& model, TokenizerSpec& spec) {
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    if (!spec.vocabulary.add(model.pieces[id].text, static_cast<std::int32_t>(id))) {
      throw Error(ErrorCode::kBadFile, "a piece appears twice",
                  {.path = spec.file.string(),
                   .field = "pieces[" + std::to_string(id) + "]",
                   .expected = {},
                   .found = one_line(model.pieces[id].text, 60)});
    }
  }
  std::size_t work = 0;
  for (const ScoredPiece& piece : model.pieces) {
    const std::string_view text = piece.text;
    if (text.size() > kMaxMergeWork / text.size() || (work += text.size() * text.size()) > kMaxMergeWork) {
      throw Error(ErrorCode::kUnsupported, "the pieces are longer than is supported",
                  {.path = spec.file.string(), .field = "pieces", .expected = {}, .found = {}});
    }
    for (std::size_t cut = utf8_length(text[0]); cut < text.size(); cut += utf8_length(text[cut])) {
      if (spec.vocabulary.find(text.substr(0, cut)) && spec.vocabulary.find(text.substr(cut))) {
        spec.merges.add(text.substr(0, cut), text.substr(cut));
      }
    }
  }
}

Json precompiled(const SentencePieceFile& model) {
  return {{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(model.charsmap)}};
}

// The pieces in the order of the ids that the class gives them.
void reorder(const std::string& name, const std::filesystem::path& folder, const Json& settings,
             std::vector<ScoredPiece>& pieces) {
  const auto special = [&](const char* key, const char* otherwise) {
    return ScoredPiece{special_text(settings, key, otherwise), 0};
  };
  std::vector<ScoredPiece> out;
  std::size_t replaced = 0;  // the file's first pieces
  if (name == "T5Tokenizer") {
    const std::int64_t extra = extra_ids(folder, settings);
    for (std::int64_t i = extra; i-- > 0;) pieces.push_back({"<extra_id_" + std::to_string(i) + ">", 0});
    return;
  } else if (name == "XLMRobertaTokenizer") {
    out = {special("bos_token", "<s>"), special("pad_token", "<pad>"), special("eos_token", "</s>"),
           special("unk_token", "<unk>")};
    replaced = 3;
  } else if (name == "CamembertTokenizer") {
    out = {{"<s>NOTUSED", 0},
           special("pad_token", "<pad>"),
           {"</s>NOTUSED", 0},
           special("unk_token", "<unk>"),
           {"<unk>NOTUSED", -100}};
    replaced = 1;
  } else {
    return;
  }
  for (std::size_t i = replaced; i < pieces.size(); ++i) out.push_back(std::move(pieces[i]));
  out.push_back(special("mask_token", "<mask>"));
  pieces = std::move(out);
}

// The class that stands for no class in particular: the model as the file has it, no space in front.
void as_the_file_says(const SentencePieceFile& model, TokenizerSpec& spec) {
  Json steps = Json::array();
  if (!model.charsmap.empty()) steps.push_back(precompiled(model));
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}});
  spec.normalizer = {{"type", "Sequence"}, {"normalizers", steps}};
  spec.model = {.unk_token = model.unk_piece,
                .continuing_subword_prefix = {},
                .end_of_word_suffix = {},
                .fuse_unk = true,
                .byte_fallback = model.byte_fallback,
                .ignore_merges = false};
  spec.unigram = {.unknown = static_cast<std::int32_t>(model.unk_id), .byte_fallback = model.byte_fallback};
  if (model.bos_id >= 0) spec.special_defaults["bos_token"] = model.bos_piece.empty() ? "<s>" : model.bos_piece;
  if (model.eos_id >= 0) spec.special_defaults["eos_token"] = model.eos_piece.empty() ? "</s>" : model.eos_piece;
  if (model.unk_id >= 0) spec.special_defaults["unk_token"] = model.unk_piece.empty() ? "<unk>" : model.unk_piece;
}

void read_sentencepiece(const std::string& name, const Json& settings, TokenizerSpec& spec) {
  SentencePieceFile model = read_sentencepiece_file(spec.file);
  const bool backend = name == "TokenizersBackend";
  const bool unigram = backend ? model.kind == SentencePieceFile::kUnigram : is_unigram_class(name);
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const bool control = model.types[id] == SentencePieceFile::kControl;
    if (!control && model.types[id] != SentencePieceFile::kUserDefined) continue;
    spec.own_extra.push_back({.content = model.pieces[id].text, .normalized = false, .special = control});
  }
  if (!model.charsmap.empty()) spec.normalizer = precompiled(model);
  if (backend) as_the_file_says(model, spec);
  spec.kind = unigram ? ModelKind::kUnigram : ModelKind::kBpe;
  if (!unigram) {
    make_merges(model, spec);
    return;
  }
  reorder(name, spec.file.parent_path(), settings, model.pieces);
  // This class alone is copied by way of JSON once its vocabulary is made.
  if (backend)
    for (auto& piece : model.pieces) piece.score = through_rust_json(piece.score);
  spec.pieces = std::move(model.pieces);
}

const char* sentencepiece_file(const std::string& name) {
  if (name == "T5Tokenizer") return "spiece.model";
  return name == "XLMRobertaTokenizer" || name == "CamembertTokenizer" ? "sentencepiece.bpe.model" : "tokenizer.model";
}

}  // namespace

std::int64_t extra_ids(const std::filesystem::path& folder, const Json& settings) {
  const auto place = settings.find("extra_ids");
  if (place == settings.end()) return 100;
  if (place->is_number_integer() && *place >= 0 && *place <= kMaxExtraIds) return place->get<std::int64_t>();
  throw Error(ErrorCode::kBadFile, "not a number of extra tokens",
              {.path = (folder / "tokenizer_config.json").string(),
               .field = "extra_ids",
               .expected = "0 to " + std::to_string(kMaxExtraIds),
               .found = place->dump()});
}

void read_plain_files(const std::filesystem::path& folder, const std::string& name, const Json& settings,
                      TokenizerSpec& spec) {
  const auto there = [&](const char* file) { return io::exists(folder / file); };
  // Whatever the class calls its file, transformers takes a tokenizer.model before it.
  for (const char* file : {"tokenizer.model", sentencepiece_file(name)}) {
    if (!there(file) || is_word_piece_class(name)) continue;
    spec.file = folder / file;
    return read_sentencepiece(name, settings, spec);
  }
  const bool byte_level = !is_unigram_class(name) && !is_word_piece_class(name) && name != "TokenizersBackend" &&
                          name != "LlamaTokenizer" && name != "CodeLlamaTokenizer" && name != "GemmaTokenizer";
  if (byte_level && there("vocab.json") && there("merges.txt")) {
    spec.file = folder / "vocab.json";
    spec.kind = ModelKind::kBpe;
    return read_vocab_json(spec.file, folder / "merges.txt", spec);
  }
  if (is_word_piece_class(name) && there("vocab.txt")) {
    spec.file = folder / "vocab.txt";
    spec.kind = ModelKind::kWordPiece;
    return read_vocab_txt(spec.file, spec);
  }
  throw Error(ErrorCode::kNotFound, "no tokenizer in the folder of the base model",
              {.path = folder.string(),
               .field = {},
               .expected = "tokenizer.json, or the older files of the class " + name,
               .found = {}});
}

}  // namespace deltascape::text
