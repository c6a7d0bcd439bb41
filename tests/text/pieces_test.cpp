// Unigram, WordPiece, normalisation rules and the files older than tokenizer.json: what they give, and broken ones.
#include <gmock/gmock.h>

#include <bit>
#include <chrono>
#include <functional>

#include "deltascape/error.h"
#include "text/charsmap.h"
#include "text/rust_number.h"
#include "text/text_goldens.h"
#include "text/tokenizer.h"

namespace deltascape::text {
namespace {

using io::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ErrorCode kBad = ErrorCode::kBadFile;
constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;

using Files = std::map<std::string, std::string>;

std::unique_ptr<Tokenizer> load(const Files& files) {
  const TemporaryFolder folder;
  for (const auto& [name, content] : files) folder.write(name, content);
  return load_tokenizer(folder.path());
}

std::unique_ptr<Tokenizer> load(const Json& tokenizer) { return load(Files{{"tokenizer.json", tokenizer.dump()}}); }

// `act` fails with this code in one short line that names `name`.
void expect_error(const std::function<void()>& act, ErrorCode code, const std::string& name) {
  try {
    act();
    ADD_FAILURE() << "taken, though " << name;
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), code) << text;
    EXPECT_THAT(text, HasSubstr(name));
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_LT(text.size(), 400u);
  }
}
void expect_refused(const Files& files, ErrorCode code, const std::string& name) {
  expect_error([&] { load(files); }, code, name);
}
void expect_refused(const Json& tokenizer, ErrorCode code, const std::string& name) {
  expect_error([&] { load(tokenizer); }, code, name);
}

Json unigram_json() {
  Json json = small_tokenizer();
  json["pre_tokenizer"] = nullptr;
  json["model"] = {{"type", "Unigram"},
                   {"unk_id", 0},
                   {"vocab", Json::parse(R"([["<unk>",0],["a",-1],["b",-1.0],["ab",-1.5],["ba",-3]])")},
                   {"byte_fallback", false}};
  return json;
}

Json word_piece_json() {
  Json json = small_tokenizer();
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json["model"] = {{"type", "WordPiece"},
                   {"unk_token", "[UNK]"},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", 8},
                   {"vocab", {{"[UNK]", 0}, {"a", 1}, {"ab", 2}, {"##c", 3}, {"##cd", 4}, {"##", 5}, {"\u4e00", 6}}}};
  return json;
}

// Values of `tokenizers` 0.23 for the scores of a file.
TEST(RustNumber, RoundsAsTokenizersDoes) {
  EXPECT_EQ(rust_number("-1.5"), -1.5);
  EXPECT_EQ(rust_number("0.1"), 0.1);
  EXPECT_EQ(rust_number("1.0e2"), 100.0);
  EXPECT_EQ(rust_number("25E-1"), 2.5);
  EXPECT_EQ(rust_number("0e999999999999"), 0.0);
  EXPECT_EQ(rust_number("1e400"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(rust_number("1e-400"), 0.0);
  EXPECT_EQ(rust_number("123456789012345678901234567890.5"), 12345678901234567890.0 * 1e10);
  EXPECT_EQ(rust_number("-3.7893644291823882"), -3.789364429182388);
  EXPECT_EQ(rust_number("-7.2411770803138475"), -7.241177080313848);
  EXPECT_EQ(rust_number("-7.4711787707769926"), -7.471178770776992);
  EXPECT_EQ(rust_number("-7.6871975020492265"), -7.687197502049227);
  EXPECT_EQ(through_rust_json(-9.078573226928711), -9.078573226928713);
  EXPECT_EQ(through_rust_json(-9.055477142333984), -9.055477142333984);
  EXPECT_EQ(through_rust_json(-3), -3);
  EXPECT_EQ(through_rust_json(0), 0);
}

TEST(Unigram, TakesTheBestScoreAndJoinsUnknowns) {
  const auto tokenizer = load(unigram_json());
  EXPECT_THAT(tokenizer->encode("abab"), ElementsAre(3, 3));
  EXPECT_THAT(tokenizer->encode("axyzb"), ElementsAre(1, 0, 2));
  EXPECT_THAT(tokenizer->encode("xyz"), ElementsAre(0));
  EXPECT_THAT(tokenizer->encode("aba"), ElementsAre(3, 1));
  EXPECT_TRUE(tokenizer->encode("").empty());
}

TEST(Unigram, OfTwoEqualPiecesTheLaterOneCounts) {
  Json json = unigram_json();
  json["model"]["vocab"].push_back({"a", -0.25});
  const auto tokenizer = load(json);
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(5, 2));
  EXPECT_EQ(tokenizer->vocabulary_size(), 6u);
}

TEST(Unigram, BrokenFilesAreOneClearLine) {
  const auto with = [](const Json& value, const char* key = "vocab") {
    Json json = unigram_json();
    json["model"][key] = value;
    return json;
  };
  expect_refused(with(5, "unk_id"), kBad, "unk_id");
  expect_refused(with(-1, "unk_id"), kBad, "unk_id");
  expect_refused(with("zero", "unk_id"), kBad, "unk_id");
  expect_refused(with(1, "byte_fallback"), kBad, "byte_fallback");
  expect_refused(with(Json::array()), kBad, "vocab");
  expect_refused(with({{"a", 0}}), kBad, "vocab");  // an object
  expect_refused(with(Json::array({"a"})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({"a"})})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({1.0, "a"})})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({"a", 1.0, 2.0})})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({"a", nullptr})})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({"a", Json::array({1})})})), kBad, "vocab");
  expect_refused(with(Json::array({Json::array({"a", Json::object()})})), kBad, "vocab");
  expect_error([&] { load(with(nullptr, "unk_id"))->encode("x"); }, kBad, "unk_id");
  const std::string whole = unigram_json().dump();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(load(Files{{"tokenizer.json", whole.substr(0, length)}}), Error) << length;
  }
}

// The classes of transformers look into parts that they then replace: odd ones are an error or no normaliser at all.
TEST(Unigram, OddPartsUnderAClassAreNoCrash) {
  Json json = unigram_json();
  json["model"]["vocab"].push_back({"</s>", 0});
  const auto with = [&](const Json& normalizer, const Json& settings) {
    json["normalizer"] = normalizer;
    return Files{{"tokenizer.json", json.dump()}, {"tokenizer_config.json", settings.dump()}};
  };
  const Json t5 = {{"tokenizer_class", "T5Tokenizer"}, {"extra_ids", 0}};
  for (const char* odd :
       {R"("x")", "[1]", R"({"type":5})", R"({"type":"Sequence"})", R"({"type":"Sequence","normalizers":5})",
        R"({"type":"Sequence","normalizers":[5,{"type":[]}]})"}) {
    EXPECT_THAT(load(with(Json::parse(odd), t5))->encode("zz"), ElementsAre(2, 5)) << odd;
  }
  expect_refused(with(Json::parse(R"({"type":"Precompiled"})"), t5), kBad, "precompiled_charsmap");
  for (const char* odd : {"5", "[]", R"({"content":5})", R"({"content":null})"}) {
    Json settings = t5;
    settings["eos_token"] = Json::parse(odd);
    EXPECT_THROW(load(with(nullptr, settings)), Error) << odd;
  }
}

TEST(WordPiece, TakesTheLongestAndGivesUpOnWholeWords) {
  const auto tokenizer = load(word_piece_json());
  EXPECT_THAT(tokenizer->encode("ab abc abcd abcx"), ElementsAre(2, 2, 3, 2, 4, 0));
  EXPECT_THAT(tokenizer->encode("accccccc"), ElementsAre(1, 3, 3, 3, 3, 3, 3, 3));
  EXPECT_THAT(tokenizer->encode("acccccccc"), ElementsAre(0));  // nine characters
  EXPECT_THAT(tokenizer->encode("a!a"), ElementsAre(1, 0, 1));
}

TEST(WordPiece, BrokenFilesAreOneClearLine) {
  const auto with = [](const Json& value, const char* key) {
    Json json = word_piece_json();
    json["model"][key] = value;
    return json;
  };
  expect_refused(with(Json::object(), "vocab"), kBad, "vocab");
  expect_refused(with(Json::array(), "vocab"), kBad, "vocab");
  expect_refused(with({{"a", -1}}, "vocab"), kBad, "vocab");
  expect_refused(with(-1, "max_input_chars_per_word"), kBad, "max_input_chars_per_word");
  expect_refused(with(5, "unk_token"), kBad, "unk_token");
  expect_error([&] { load(with("missing", "unk_token"))->encode("x"); }, kBad, "unk_token");
}

// A vocabulary of ever longer pieces, or a piece as long as the line, must not make a line take for ever.
TEST(Pieces, AMegabyteWithoutSpacesTakesSeconds) {
  const std::string line(1u << 20, 'a');
  Json unigram = unigram_json(), word_piece = word_piece_json();
  word_piece["model"]["max_input_chars_per_word"] = 1 << 30;
  for (int length = 2; length < 2000; length += 7) {
    unigram["model"]["vocab"].push_back({std::string(static_cast<std::size_t>(length), 'a'), -1.0 / length});
    word_piece["model"]["vocab"]["##" + std::string(static_cast<std::size_t>(length), 'a')] = 10 + length;
  }
  const auto within = [&](const Tokenizer& tokenizer) {
    const auto start = std::chrono::steady_clock::now();
    try {
      tokenizer.encode(line);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), kUnsupported) << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  };
  within(*load(unigram));
  within(*load(word_piece));
  unigram["model"]["vocab"].push_back({line + "b", -1.0});
  within(*load(unigram));
  unigram["model"]["vocab"].push_back({std::string(17u << 20, 'c'), -1.0});
  expect_refused(unigram, kUnsupported, "vocab");
}

std::string word(std::uint32_t value) {
  return {static_cast<char>(value), static_cast<char>(value >> 8), static_cast<char>(value >> 16),
          static_cast<char>(value >> 24)};
}

// A charsmap with the one rule x -> `replacement`: the root, the node of 'x' and its value.
std::string one_rule(const std::string& replacement, std::uint32_t value = 0) {
  std::string units;
  const std::uint32_t size = 256;
  for (std::uint32_t i = 0; i < size; ++i) {
    std::uint32_t unit = 0;
    if (i == 0) unit = 1u << 10;                           // children at 0 ^ 1
    if (i == (1u ^ 'x')) unit = 'x' | 1u << 8 | 2u << 10;  // a leaf below, at i ^ 2
    if (i == (1u ^ 'x' ^ 2u)) unit = 1u << 31 | value;
    units += word(unit);
  }
  return word(size * 4) + units + replacement;
}

TEST(Charsmap, AppliesAndChecksEveryStep) {
  const std::string nul(1, '\0');
  const Charsmap map(one_rule("yz" + nul), "here");
  EXPECT_EQ(map.apply("axb x\n"), "ayzb yz\n");
  EXPECT_EQ(map.apply("x\u0301"), "yz");  // a short cluster goes by its known start
  EXPECT_EQ(map.apply("x\u0301\u0301\u0301"), "yz\u0301\u0301\u0301");
  const auto bad = [](const std::string& bytes) {
    expect_error([&] { Charsmap(bytes, "here").apply("x"); }, kBad, "precompiled_charsmap");
  };
  bad("");
  bad("abc");
  bad(word(0));
  bad(word(6) + "abcdefgh");
  bad(word(0xFFFFFFFC) + "abcdefgh");
  bad(word(4) + word(0xFFFFFC00));     // the root's children lie outside
  bad(one_rule("yz" + nul, 4));        // a replacement behind the end
  bad(one_rule("\xC3\xA9" + nul, 1));  // inside of a character
  bad(one_rule("\xFF" + nul));         // no UTF-8
  const Charsmap large(one_rule(std::string(1u << 20, 'y')), "here");
  expect_error([&] { large.apply(std::string(1000, 'x')); }, kBad, "precompiled_charsmap");
  const std::string whole = one_rule("yz" + nul);
  for (std::size_t length = 0; length < whole.size() - 3; length += 5) bad(whole.substr(0, length));
}

TEST(Charsmap, Base64) {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd", "\xFF\xFE\xFD"}) {
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
  }
  EXPECT_EQ(encode_base64("ab"), "YWI=");
  for (const char* text : {"a", "abc", "ab-_", "====", "ab=c"}) EXPECT_FALSE(decode_base64(text)) << text;
  Json json = unigram_json();
  json["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "?"}};
  expect_refused(json, kBad, "precompiled_charsmap");
  json["normalizer"] = {{"type", "Precompiled"}};
  expect_refused(json, kBad, "precompiled_charsmap");
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string bytes_field(std::uint64_t number, const std::string& value) {
  return varint(number << 3 | 2) + varint(value.size()) + value;
}
std::string number_field(std::uint64_t number, std::uint64_t value) { return varint(number << 3) + varint(value); }
std::string piece(const std::string& text, float score = 0, std::uint64_t type = 1) {
  return bytes_field(
      1, bytes_field(1, text) + varint(2 << 3 | 5) + word(std::bit_cast<std::uint32_t>(score)) + number_field(3, type));
}
std::string small_model(std::uint64_t kind) {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("a", -1) + piece("b", -2) +
         piece("ab", -2.5) + piece("\u2581", -3) + bytes_field(2, number_field(3, kind));
}

TEST(SentencePieceFile, BothKindsAlone) {
  for (const std::uint64_t kind : {1, 2}) {
    const auto tokenizer = load(Files{{"tokenizer.model", small_model(kind)}});
    EXPECT_THAT(tokenizer->encode("ab a"), ElementsAre(5, 6, 3)) << kind;
    EXPECT_THAT(tokenizer->encode("a<s>b"), ElementsAre(3, 1, 4)) << kind;
    EXPECT_EQ(tokenizer->vocabulary_size(), 7u);
  }
  EXPECT_NE(load(Files{{"tokenizer.model", small_model(1)}})->identity(),
            load(Files{{"tokenizer.model", small_model(2)}})->identity());
}

TEST(SentencePieceFile, BrokenFilesAreOneClearLine) {
  const auto refused = [](const std::string& model, ErrorCode code = kBad, const std::string& name = "ModelProto") {
    expect_refused(Files{{"tokenizer.model", model}}, code, name);
  };
  refused("");
  refused("a tiktoken file\n");
  refused(std::string(100, '\xFF'));                                       // a number that never ends
  refused(varint(1 << 3 | 2) + varint(std::uint64_t{1} << 60) + "short");  // a piece that is larger than the file
  refused(small_model(1) + varint(5 << 3 | 3));                            // a group
  refused(small_model(1) + varint(2));                                     // field number 0
  refused(small_model(1) + number_field(1, 5));                            // a piece that is a number
  refused(bytes_field(1, number_field(1, 5)));                             // a text that is a number
  refused(small_model(1) + piece(""));
  refused(small_model(1) + piece("\xFF"));
  refused(small_model(1) + piece("c", std::numeric_limits<float>::quiet_NaN()));
  refused(small_model(2) + piece("a"), kBad, "pieces[7]");
  refused(small_model(3), kUnsupported, "model_type");
  refused(small_model(1) + bytes_field(2, number_field(40, 7)), kBad, "unk_id");
  refused(small_model(1) + bytes_field(3, bytes_field(2, "abc")), kBad, "precompiled_charsmap");
  refused(small_model(2) + piece(std::string(1u << 17, 'q')), kUnsupported, "pieces");
  const std::string whole = small_model(2);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    try {
      load(Files{{"tokenizer.model", whole.substr(0, length)}});  // between two pieces it is a smaller model
    } catch (const Error& error) {
      EXPECT_LT(std::string(error.what()).size(), 400u);
    }
  }
}

TEST(PlainFiles, VocabularyAndMerges) {
  const Json settings = {{"tokenizer_class", "GPT2Tokenizer"}};
  const auto with = [&](const std::string& vocabulary, const std::string& merges) {
    return Files{{"tokenizer_config.json", settings.dump()}, {"vocab.json", vocabulary}, {"merges.txt", merges}};
  };
  const std::string vocabulary = R"({"a":0,"b":1,"ab":2,"<|endoftext|>":3})";
  EXPECT_THAT(load(with(vocabulary, "#version: 0.2\na b\n"))->encode("abb"), ElementsAre(2, 1));
  EXPECT_THAT(load(with(vocabulary, ""))->encode("ab"), ElementsAre(0, 1));
  expect_refused(with(vocabulary, "a b c\n"), kBad, "line 1");
  expect_refused(with(vocabulary, "a b\n\n"), kBad, "line 2");
  expect_refused(with(vocabulary, "a zz\n"), kBad, "merges[0]");
  expect_refused(with(vocabulary, "\xFF \xFE\n"), kBad, "merges.txt");
  expect_refused(with("[1]", "a b\n"), kBad, "vocab.json");
  expect_refused(with("{}", "a b\n"), kBad, "vocab.json");
  expect_refused(with(R"({"a":-1})", ""), kBad, "vocab.json");
  expect_refused(with(R"({"a":{}})", ""), kBad, "vocab.json");
  expect_refused(with("", ""), kBad, "vocab.json");
  expect_refused(Files{{"vocab.json", vocabulary}, {"merges.txt", "a b\n"}}, ErrorCode::kNotFound, "tokenizer.json");
  expect_refused(Files{{"tokenizer_config.json", settings.dump()}, {"vocab.json", vocabulary}}, ErrorCode::kNotFound,
                 "GPT2Tokenizer");
}

TEST(PlainFiles, VocabularyOfLines) {
  const Json settings = {{"tokenizer_class", "BertTokenizer"}};
  const auto with = [&](const std::string& lines) {
    return Files{{"tokenizer_config.json", settings.dump()}, {"vocab.txt", lines}};
  };
  EXPECT_THAT(load(with("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n"))->encode("AB x"), ElementsAre(2, 5, 6, 1, 3));
  expect_refused(with(""), kBad, "vocab.txt");
  expect_refused(with("\xFF\n"), kBad, "vocab.txt");
  expect_error(
      [&] {
        load(Files{{"tokenizer_config.json", R"({"tokenizer_class":"T5Tokenizer","extra_ids":1e300})"},
                   {"spiece.model", small_model(1)}})
            ->encode("a");
      },
      kBad, "extra_ids");
}

}  // namespace
}  // namespace deltascape::text
