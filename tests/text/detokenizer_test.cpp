// Token ids -> text, against transformers (tests/make_tokenizer_goldens.py).
#include "text/detokenizer.h"

#include <gmock/gmock.h>

#include "deltascape/error.h"
#include "text/text_goldens.h"
#include "text/tokenizer.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {
namespace {

std::string without_first_space(std::string text) { return text.starts_with(' ') ? text.substr(1) : text; }

// Without one transformers puts a space between any two tokens.
bool has_decoder(const std::filesystem::path& folder) {
  const auto file = folder / "tokenizer.json";
  return !std::filesystem::exists(file) || io::read_json(file).value("decoder", io::Json()).is_object();
}

TEST(Detokenizer, GivesTransformersText) {
  const auto goldens = golden_folder();
  const io::Json lines = io::read_json(goldens / "lines.json");
  int tokenizers = 0;
  for (const io::Json& entry : io::read_json(goldens / "index.json")) {
    const std::string name = entry["name"];
    const io::Json golden = io::read_json(goldens / name / "golden.json");
    if (!golden.contains("decoded") || !has_decoder(goldens / name)) continue;
    SCOPED_TRACE(name);
    const auto folder = goldens / entry["folder"].get<std::string>();
    if (read_tokenizer_spec(folder).kind == ModelKind::kWordPiece) {
      EXPECT_THROW(load_detokenizer(folder), Error);
      continue;
    }
    const auto back = load_detokenizer(folder);
    ++tokenizers;
    int wrong = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto ids = golden["plain"][i].get<std::vector<std::int64_t>>();
      const std::string got = back(ids), expected = golden["decoded"][i];
      if (got == expected || got == " " + expected || ++wrong > 3) continue;
      ADD_FAILURE() << "line " << i << "\n  expected " << io::Json(expected).dump() << "\n  found    "
                    << io::Json(got).dump();
    }
  }
  EXPECT_GT(tokenizers, 20);
}

// A GGUF's own vocabulary has no decoder: what was encoded comes back.
void expect_text_back(const std::filesystem::path& file) {
  const std::string text = "Two  words, 34 \xC3\xA9t\xC3\xA9s\n\tand \xE2\x82\xAC \xF0\x9F\x98\x80.";
  const auto gguf = io::GgufFile::open(file);
  const auto ids = load_tokenizer(*gguf)->encode(text, {.add_special_tokens = false});
  EXPECT_EQ(without_first_space(load_detokenizer(*gguf)(std::vector<std::int64_t>(ids.begin(), ids.end()))), text)
      << file;
}

TEST(Detokenizer, GivesAGgufsTextBack) {
  for (const char* name : {"gguf-spm", "gguf-spm-no-prefix", "gguf-qwen2", "gguf-llama-bpe"})
    expect_text_back(golden_folder() / (std::string(name) + ".gguf"));
}

TEST(Detokenizer, GivesGemmasTextBack) {
  const auto file = golden_folder() / "gguf-gemma3.gguf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "Gemma's own file is not installed (scripts/gemma_model.sh)";
  expect_text_back(file);
}

TEST(Detokenizer, SpecialAndUnknownIdsAndBrokenBytesAreNoText) {
  const TemporaryFolder folder;
  io::Json json = small_tokenizer();
  const auto added = [](int id, const char* content, bool special) {
    return io::Json{{"id", id},        {"content", content}, {"special", special},  {"normalized", false},
                    {"lstrip", false}, {"rstrip", false},    {"single_word", false}};
  };
  json["added_tokens"] = {added(29, "<end>", true), added(30, "<tool>", false)};
  folder.write("tokenizer.json", json);
  folder.write("tokenizer_config.json", io::Json::object());
  const Detokenizer back = load_detokenizer(folder.path());
  EXPECT_EQ(back(std::vector<std::int64_t>{0, 26, 28, 29, 30, -1, 1'000'000'000'000}), "a abc<tool>");
  Detokenizer half;
  half.put(0, "\xC3");
  half.put(1, "\xA9");
  EXPECT_EQ(half(std::vector<std::int64_t>{0, 1, 0}), "\xC3\xA9\xEF\xBF\xBD");
}

TEST(Detokenizer, FormsOfTokens) {
  EXPECT_EQ(text_of({.byte_level = true},
                    "\xC4\xA0"
                    "a\xC4\x8A"),
            " a\n");
  EXPECT_EQ(text_of({.byte_tokens = true}, "<0x0A>"), "\n");
  EXPECT_EQ(text_of({}, "<0x0A>"), "<0x0A>");
  EXPECT_EQ(text_of({},
                    "\xE2\x96\x81"
                    "a\xE2\x96\x81"),
            " a ");
  EXPECT_EQ(text_of({.word_end = "</w>"}, "a</w>"), "a ");
}

}  // namespace
}  // namespace deltascape::text
