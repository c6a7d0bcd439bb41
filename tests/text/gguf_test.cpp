// Vocabularies inside GGUF files: defaults of each kind, what is refused by name, broken ones.
#include "io/gguf.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "deltascape/error.h"
#include "text/text_goldens.h"
#include "text/tokenizer.h"

namespace deltascape::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A GGUF v3 file of metadata alone.
class GgufWriter {
 public:
  GgufWriter& string(const std::string& key, const std::string& value) { return entry(key, 8).text(value); }
  GgufWriter& boolean(const std::string& key, bool value) {
    return entry(key, 7).put(static_cast<std::uint8_t>(value));
  }
  GgufWriter& integer(const std::string& key, std::uint32_t value) { return entry(key, 4).put(value); }
  GgufWriter& strings(const std::string& key, const std::vector<std::string>& values) {
    array(key, 8, values.size());
    for (const std::string& value : values) text(value);
    return *this;
  }
  GgufWriter& reals(const std::string& key, const std::vector<float>& values) {
    array(key, 6, values.size());
    for (const float value : values) put(value);
    return *this;
  }
  GgufWriter& integers(const std::string& key, const std::vector<std::int32_t>& values) {
    array(key, 5, values.size());
    for (const std::int32_t value : values) put(value);
    return *this;
  }
  std::unique_ptr<Tokenizer> load() const {
    const TemporaryFolder folder;
    GgufWriter head;
    head.bytes_ = "GGUF";
    head.put(std::uint32_t{3}).put(std::uint64_t{0}).put(entries_);
    folder.write("m.gguf", head.bytes_ + bytes_);
    return load_tokenizer(*io::GgufFile::open(folder.path() / "m.gguf"));
  }

 private:
  template <class T>
  GgufWriter& put(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
    return *this;
  }
  GgufWriter& text(const std::string& value) {
    put(std::uint64_t{value.size()});
    bytes_ += value;
    return *this;
  }
  GgufWriter& entry(const std::string& key, std::uint32_t type) {
    ++entries_;
    return text(key).put(type);
  }
  GgufWriter& array(const std::string& key, std::uint32_t type, std::size_t count) {
    return entry(key, 9).put(type).put(std::uint64_t{count});
  }
  std::string bytes_;
  std::uint64_t entries_ = 0;
};

const std::string kTokens = "tokenizer.ggml.tokens";

// <unk> <s> </s> ▁ a b ▁a ab
GgufWriter spm() {
  GgufWriter out;
  out.string("tokenizer.ggml.model", "llama");
  out.strings(kTokens, {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab"});
  out.reals("tokenizer.ggml.scores", {0, 0, 0, -10, -11, -12, -2, -1});
  out.integers("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 1, 1});
  return out;
}

GgufWriter bpe(const std::string& pre) {
  GgufWriter out;
  out.string("tokenizer.ggml.model", "gpt2");
  out.strings(kTokens, {"<|end|>", "a", "b", "\u0120", "1", "ab", "\u0120a", "11"});
  out.integers("tokenizer.ggml.token_type", {3, 1, 1, 1, 1, 1, 1, 1});
  out.strings("tokenizer.ggml.merges", {"a b", "\u0120 a", "1 1"});
  out.integer("tokenizer.ggml.bos_token_id", 0);
  if (!pre.empty()) out.string("tokenizer.ggml.pre", pre);
  return out;
}

TEST(GgufTokenizer, SpmDefaultsAreBosAndASpaceInFront) {
  EXPECT_THAT(spm().load()->encode("ab"), ElementsAre(1, 3, 7));  // ab scores above ▁a
  EXPECT_THAT(spm().load()->encode("a</s>a"), ElementsAre(1, 6, 2, 6));
  EXPECT_THAT(spm().load()->encode(""), ElementsAre(1));
  EXPECT_THAT(spm().load()->encode("aZZa"), ElementsAre(1, 6, 0, 4));  // no byte tokens: neighbouring unknowns are one
  EXPECT_THAT(spm().boolean("tokenizer.ggml.add_space_prefix", false).load()->encode("ab a"), ElementsAre(1, 7, 6));
  EXPECT_THAT(spm()
                  .boolean("tokenizer.ggml.add_bos_token", false)
                  .boolean("tokenizer.ggml.add_eos_token", true)
                  .load()
                  ->encode("a"),
              ElementsAre(6, 2));
}

TEST(GgufTokenizer, BpeFollowsItsPreTokenizerName) {
  EXPECT_THAT(bpe("smollm").load()->encode("11ab a<|end|>"), ElementsAre(4, 4, 5, 6, 0));
  EXPECT_THAT(bpe("gpt-2").load()->encode("11ab a"), ElementsAre(7, 5, 6));
  EXPECT_THAT(bpe("llama-bpe").load()->encode("11"), ElementsAre(0, 7));
  EXPECT_NE(bpe("smollm").load()->identity(), bpe("gpt-2").load()->identity());
}

template <class Make>
void expect_refused(Make make, ErrorCode code, const std::string& name) {
  try {
    make.load();
    ADD_FAILURE() << "taken, though " << name;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(name));
  }
}

TEST(GgufTokenizer, RefusesByName) {
  expect_refused(bpe("some-new-pre"), ErrorCode::kUnsupported, "some-new-pre");
  expect_refused(bpe("smollm starcoder"), ErrorCode::kUnsupported, "smollm starcoder");
  expect_refused(GgufWriter().string("tokenizer.ggml.model", "t5"), ErrorCode::kUnsupported, "t5");
  expect_refused(GgufWriter(), ErrorCode::kNotFound, "vocabulary");
}

TEST(GgufTokenizer, BrokenVocabulariesAreOneClearLine) {
  constexpr ErrorCode kBad = ErrorCode::kBadFile;
  const auto llama = [] { return GgufWriter().string("tokenizer.ggml.model", "llama"); };
  const auto gpt2 = [] {
    return GgufWriter().string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "gpt-2");
  };
  expect_refused(llama(), kBad, kTokens);
  expect_refused(llama().strings(kTokens, {"a"}), kBad, "scores");
  expect_refused(llama().strings(kTokens, {"a"}).reals("tokenizer.ggml.scores", {1, 2}), kBad, "scores");
  expect_refused(
      llama().strings(kTokens, {"a"}).reals("tokenizer.ggml.scores", {1}).integers("tokenizer.ggml.token_type", {1, 1}),
      kBad, "token_type");
  expect_refused(llama()
                     .strings(kTokens, {"<0xZZ>"})
                     .reals("tokenizer.ggml.scores", {1})
                     .integers("tokenizer.ggml.token_type", {6}),
                 kBad, "0xZZ");
  expect_refused(llama().strings(kTokens, {"a"}).reals("tokenizer.ggml.scores", {1}), kBad, "bos_token_id");
  expect_refused(llama().string(kTokens, "a"), kBad, kTokens);
  expect_refused(llama().strings(kTokens, {"a"}).reals("tokenizer.ggml.scores", {std::nanf("")}), kBad, "finite");
  expect_refused(gpt2().strings(kTokens, {"a"}), kBad, "merges");
  expect_refused(gpt2().strings(kTokens, {"a\xFF"}).strings("tokenizer.ggml.merges", {}), kBad, "UTF-8");
  expect_refused(gpt2().strings(kTokens, {"a"}).strings("tokenizer.ggml.merges", {"aa"}), kBad, "merges");
  expect_refused(gpt2().strings(kTokens, {"a"}).strings("tokenizer.ggml.merges", {""}), kBad, "merges");
  expect_refused(gpt2().strings(kTokens, {"a"}).strings("tokenizer.ggml.merges", {"a a"}), kBad, "merges[0]");
}

}  // namespace
}  // namespace deltascape::text
