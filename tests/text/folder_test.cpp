// A folder's files: what is read, what is refused by name, broken ones, long lines, threads.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "deltascape/error.h"
#include "text/text_goldens.h"
#include "text/tokenizer.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {
namespace {

using io::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Tokenizer> load(const Json& tokenizer, const Json& settings = Json::object()) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", tokenizer);
  folder.write("tokenizer_config.json", settings);
  return load_tokenizer(folder.path());
}

// Loading fails with this code, and the message names `name`.
void expect_refused(const Json& tokenizer, ErrorCode code, const std::string& name,
                    const Json& settings = Json::object()) {
  try {
    load(tokenizer, settings);
    ADD_FAILURE() << "taken, though " << name;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(name));
    EXPECT_THAT(std::string(error.what()), ::testing::Not(HasSubstr("\n")));
  }
}

TEST(TokenizerFolder, EncodesCutsAndFrames) {
  Json json = small_tokenizer();
  json["added_tokens"] = Json::array({{{"id", 29},
                                       {"content", "<s>"},
                                       {"special", true},
                                       {"normalized", false},
                                       {"lstrip", false},
                                       {"rstrip", false},
                                       {"single_word", false}}});
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", Json::array({{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                                                    {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})},
                            {"pair", Json::array()},
                            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {29}}, {"tokens", {"<s>"}}}}}}};
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->vocabulary_size(), 30u);
  EXPECT_THAT(tokenizer->encode("abcab <s>x"), ElementsAre(29, 28, 27, 26, 29, 23));
  EXPECT_THAT(tokenizer->encode("abcab", {.add_special_tokens = false}), ElementsAre(28, 27));
  EXPECT_THAT(tokenizer->encode("abcab", {.max_length = 2}), ElementsAre(29, 28));
  EXPECT_THAT(tokenizer->encode("abcab", {.max_length = 1}), ElementsAre(29));
  EXPECT_THAT(tokenizer->encode(""), ElementsAre(29));
}

TEST(TokenizerFolder, BrokenUtf8IsRepairedAsPythonDoes) {
  Json json = small_tokenizer();
  json["pre_tokenizer"] = nullptr;
  json["model"]["vocab"]["\uFFFD"] = 100;
  EXPECT_THAT(load(json)->encode("a\xFF\xE2\x82"
                                 "b"),
              ElementsAre(0, 100, 100, 1));
}

TEST(TokenizerFolder, RefusesByName) {
  const auto with = [](const char* key, const Json& value) {
    Json json = small_tokenizer();
    json[key] = value;
    return json;
  };
  const auto type = [](const char* name) { return Json{{"type", name}}; };
  constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
  expect_refused(with("normalizer", {{"type", "Sequence"}, {"normalizers", Json::array({type("Own")})}}), kUnsupported,
                 "Own");
  expect_refused(with("pre_tokenizer", type("UnicodeScripts")), kUnsupported, "UnicodeScripts");
  expect_refused(with("post_processor", type("Custom")), kUnsupported, "Custom");
  Json json = small_tokenizer();
  json["model"]["type"] = "WordLevel";
  expect_refused(json, kUnsupported, "WordLevel");
  json = small_tokenizer();
  json["model"]["dropout"] = 0.1;
  expect_refused(json, kUnsupported, "dropout");
  expect_refused(small_tokenizer(), kUnsupported, "T5Tokenizer", {{"tokenizer_class", "T5TokenizerFast"}});
  expect_refused(small_tokenizer(), kUnsupported, "BertTokenizer", {{"tokenizer_class", "BertTokenizer"}});
  expect_refused(small_tokenizer(), kUnsupported, "MPNetTokenizer", {{"tokenizer_class", "MPNetTokenizer"}});
  EXPECT_NO_THROW(load(small_tokenizer(), {{"tokenizer_class", "ANewNameTokenizer"}}));
}

TEST(TokenizerFolder, BrokenFilesAreOneClearLine) {
  constexpr ErrorCode kBad = ErrorCode::kBadFile;
  Json json = small_tokenizer();
  json["model"]["merges"] = {"a b", "a zz"};
  expect_refused(json, kBad, "merges[1]");
  json["model"]["merges"] = {"a b c"};
  expect_refused(json, kBad, "merge");
  json["model"]["merges"] = Json::array({Json::array({"a"})});
  expect_refused(json, kBad, "merge");
  json["model"]["merges"] = 5;
  expect_refused(json, kBad, "merges");
  json = small_tokenizer();
  json["model"]["vocab"]["q"] = -5;
  expect_refused(json, kBad, "vocab");
  json["model"]["vocab"]["q"] = 4000000000u;
  expect_refused(json, kBad, "vocab");
  json["model"]["vocab"] = Json::array({"a"});
  expect_refused(json, kBad, "vocab");
  json["model"] = 3;
  expect_refused(json, kBad, "model");
  expect_refused(Json::array(), kBad, "tokenizer");
  json = small_tokenizer();
  json["pre_tokenizer"] = {{"type", "Split"}, {"pattern", 3}, {"behavior", "Isolated"}, {"invert", false}};
  expect_refused(json, kBad, "pattern");
  json["pre_tokenizer"] = "ByteLevel";
  expect_refused(json, kBad, "pre_tokenizer");
  json = small_tokenizer();
  json["added_tokens"] = Json::array({{{"id", 29}}});
  expect_refused(json, kBad, "content");
  json = small_tokenizer();
  json["model"]["unk_token"] = "missing";
  EXPECT_THROW(load(json)->encode("\u00E9 A"), Error);
}

// `tokenizers` 0.23 refuses all of these but the id of 2^31, which it replaces by another.
TEST(TokenizerFolder, AddedTokensHaveTheirShape) {
  const Json good = {{"id", 29},        {"content", "<s>"}, {"special", true},     {"normalized", false},
                     {"lstrip", false}, {"rstrip", false},  {"single_word", false}};
  const auto with = [](const Json& added) {
    Json json = small_tokenizer();
    json["added_tokens"] = added;
    return json;
  };
  EXPECT_THAT(load(with(Json::array({good})))->encode("a<s>"), ElementsAre(0, 29));
  for (const Json& id : {Json(2147483648u), Json(4294967296u), Json(-1), Json(4.0), Json("29"), Json(nullptr)}) {
    Json token = good;
    token["id"] = id;
    expect_refused(with(Json::array({token})), ErrorCode::kBadFile, "id");
  }
  for (const auto& [key, value] : good.items()) {
    Json token = good;
    token.erase(key);
    expect_refused(with(Json::array({token})), ErrorCode::kBadFile, key);
    token[key] = Json::array();
    expect_refused(with(Json::array({token})), ErrorCode::kBadFile, key);
  }
  expect_refused(with({{"<s>", 29}}), ErrorCode::kBadFile, "added_tokens");
  expect_refused(with(nullptr), ErrorCode::kBadFile, "added_tokens");
  expect_refused(with(Json::array({"<s>"})), ErrorCode::kBadFile, "added_tokens");
  for (const char* id : {"2147483648", "-1", "1.5", "x"}) {
    expect_refused(small_tokenizer(), ErrorCode::kBadFile, "added_tokens_decoder",
                   {{"added_tokens_decoder", {{id, {{"content", "<s>"}}}}}});
  }
  expect_refused(small_tokenizer(), ErrorCode::kBadFile, "added_tokens_decoder",
                 {{"added_tokens_decoder", Json::array()}});
}

// What `tokenizers` 0.23 refuses too.
TEST(TokenizerFolder, OtherShapesAreRefused) {
  const auto changed = [](const char* key, const Json& value) {
    Json json = small_tokenizer();
    json["model"][key] = value;
    return json;
  };
  constexpr ErrorCode kBad = ErrorCode::kBadFile;
  expect_refused(changed("merges", nullptr), kBad, "merges");
  expect_refused(changed("merges", Json::object()), kBad, "merges");
  expect_refused(changed("merges", {Json::array({"a", "b"}), "ab c"}), kBad, "merges");
  expect_refused(changed("merges", {"a b", Json::array({"ab", "c"})}), kBad, "merges");
  expect_refused(changed("merges", {Json::array({"a", 1})}), kBad, "merges");
  expect_refused(changed("unk_token", 3), kBad, "unk_token");
  expect_refused(changed("dropout", "x"), kBad, "dropout");
  expect_refused(changed("vocab", nullptr), kBad, "vocab");
  for (const Json& id : {Json(0.0), Json("0"), Json(nullptr), Json(4294967296u)}) {
    Json json = small_tokenizer();
    json["model"]["vocab"]["q"] = id;
    expect_refused(json, kBad, "vocab");
  }
  Json json = small_tokenizer();
  json["version"] = "2.0";
  expect_refused(json, kBad, "version");
  json = small_tokenizer();
  json["truncation"] = {{"direction", "Up"}};
  expect_refused(json, kBad, "truncation");
}

TEST(TokenizerFolder, EveryTruncationOfAFileIsAnErrorAndNoCrash) {
  const std::string whole = small_tokenizer().dump();
  const TemporaryFolder folder;
  for (std::size_t length = 0; length < whole.size(); length += 3) {
    folder.write("tokenizer.json", whole.substr(0, length));
    EXPECT_THROW(load_tokenizer(folder.path()), Error) << length;
  }
}

TEST(TokenizerFolder, NoTokenizerIsNotFound) {
  const TemporaryFolder folder;
  try {
    load_tokenizer(folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

// Quadratic merging would need minutes for this.
TEST(TokenizerFolder, AMegabyteWithoutSpacesTakesSeconds) {
  const auto tokenizer = load(small_tokenizer());
  std::string word;
  while (word.size() < (1u << 20)) word += "abcabdab";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer->encode(word).size(), (1u << 20) / 8 * 4);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(TokenizerFolder, ThreadsAgree) {
  const auto tokenizer = load(small_tokenizer());
  const std::string text = "the quick brown fox abc abcabc jumps";
  const auto expected = tokenizer->encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += tokenizer->encode(text) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

// What AutoTokenizer answers (transformers 5.23).
TEST(AutoTokenizerClass, IsTheOneTransformersTakes) {
  struct Case {
    ClassQuestion question;
    const char* expected;
  };
  const Case cases[] = {
      {{"", "llama", false, false}, "TokenizersBackend"},
      {{"", "gemma2", false, false}, "GemmaTokenizer"},
      {{"", "qwen3", false, false}, "Qwen2Tokenizer"},
      {{"", "", false, false}, "TokenizersBackend"},
      {{"LlamaTokenizerFast", "llama", false, false}, "LlamaTokenizer"},
      {{"LlamaTokenizer", "llama", true, false}, "TokenizersBackend"},
      {{"LlamaTokenizer", "mistral", false, false}, "TokenizersBackend"},
      {{"LlamaTokenizer", "phi3", false, false}, "TokenizersBackend"},
      {{"LlamaTokenizer", "qwen2", false, false}, "Qwen2Tokenizer"},
      {{"PreTrainedTokenizerFast", "llama", true, false}, "TokenizersBackend"},
      {{"PreTrainedTokenizerFast", "qwen2", true, false}, "Qwen2Tokenizer"},
      {{"PreTrainedTokenizerFast", "qwen3", true, false}, "TokenizersBackend"},
      {{"GPT2Tokenizer", "llama", true, false}, "GPT2Tokenizer"},
      {{"GemmaTokenizer", "gemma3_text", false, false}, "GemmaTokenizer"},
      {{"Made_upTokenizer", "gemma", false, false}, "TokenizersBackend"},
      {{"BartTokenizerFast", "bart", false, false}, "RobertaTokenizer"},
      {{"ElectraTokenizer", "electra", false, false}, "BertTokenizer"},
      {{"T5TokenizerFast", "umt5", false, false}, "TokenizersBackend"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(auto_tokenizer_class(c.question), c.expected)
        << c.question.tokenizer_class << " " << c.question.model_type;
  }
  EXPECT_THROW(auto_tokenizer_class({"OwnTokenizer", "own", false, true}), Error);
}

}  // namespace
}  // namespace deltascape::text
