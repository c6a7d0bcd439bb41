// Patterns: the meaning they have in `tokenizers`, which ones do not compile, and what happens to hostile ones.
#include "text/regex.h"

#include <gmock/gmock.h>

#include "deltascape/error.h"

namespace deltascape::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> all_of(const Regex& regex, const std::string& text) {
  std::vector<Match> matches;
  regex.find_all(text, matches);
  std::vector<std::string> out;
  for (const Match& match : matches) out.push_back(text.substr(match.begin, match.end - match.begin));
  return out;
}

std::vector<std::string> found(const std::string& pattern, const std::string& text) {
  return all_of(Regex(pattern, "here"), text);
}

// Each expectation was read off `tokenizers` 0.23.3 (pre_tokenizers.Split).
TEST(Regex, MeansWhatOnigurumaMeans) {
  EXPECT_THAT(found(R"(\p{N}{1,3}+)", "12345678"), ElementsAre("12345678"));  // Ruby: not possessive
  EXPECT_THAT(found(R"(\p{N}{1,3})", "12345678"), ElementsAre("123", "456", "78"));
  EXPECT_THAT(found("^a", "a\na"), ElementsAre("a", "a"));
  EXPECT_THAT(found("a.b", "a\nb"), ElementsAre());
  EXPECT_THAT(found("(?m:a.b)", "a\nb"), ElementsAre("a\nb"));
  EXPECT_THAT(found(R"(\h+)", "12 zz af"), ElementsAre("12", "af"));
  EXPECT_THAT(found("(?i:'s)", "'\u017F 'S 's"), ElementsAre("'\u017F", "'S", "'s"));
  EXPECT_THAT(found("x*", "axxb"), ElementsAre("", "xx", ""));
  EXPECT_THAT(found(R"(\s+)", "a\u0085\u3000b\u180E"), ElementsAre("\u0085\u3000"));
  EXPECT_THAT(found(R"(\p{^L}+)", "ab12"), ElementsAre("12"));
  EXPECT_THAT(found(R"(\u4e00|\x{e9})", "\u4E00\u00E9"), ElementsAre("\u4E00", "\u00E9"));
}

TEST(Regex, TakesWhatOnigurumaTakes) {
  EXPECT_THAT(found(" ?[^(\\s|[.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C])]+", "Hello, wor(ld|x) [a]. ok"),
              ElementsAre("Hello", " wor", "ld", "x", " [a]", " ok"));  // BLOOM's
  EXPECT_THAT(found("[a[bc]]+", "xabcx"), ElementsAre("abc"));
  EXPECT_THAT(found("[a-z&&[^b]]+", "abcab"), ElementsAre("a", "ca"));
  EXPECT_THAT(found(R"([\p{Lu}\p{Lo}&&[^\p{Han}]]+)", "A\u6F22\u3042B"), ElementsAre("A", "\u3042B"));
  EXPECT_THAT(found(R"(\X)", "e\u0301a"), ElementsAre("e\u0301", "a"));
  EXPECT_THAT(found("(?x: a)", "a a"), ElementsAre("a", "a"));
  EXPECT_THAT(found(R"((a)\g<1>)", "aab"), ElementsAre("aa"));
  EXPECT_THAT(found("a(?i)b|c", "aB C c"), ElementsAre("aB"));
  EXPECT_THAT(found(R"([\W]+)", "a..b"), ElementsAre(".."));
  EXPECT_THAT(found("a{2}?", "aaa"), ElementsAre("aa", ""));
  EXPECT_THAT(found("(?<=a+)b", "aab"), ElementsAre("b"));
  EXPECT_THAT(found(R"((?<n>l)\k<n>)", "llama ll"), ElementsAre("ll", "ll"));
  EXPECT_THAT(found("(?<n>a)(b)", "ab"), ElementsAre("ab"));
  EXPECT_THAT(found(R"(\R)", "a\r\nb"), ElementsAre("\r\n"));
  EXPECT_THAT(found("(?~ab)", "xxabyy"), ElementsAre("xx", "byy"));
  EXPECT_THAT(found("(?i)STRASSE", "stra\u00DFe"), ElementsAre("stra\u00DFe"));
  EXPECT_THAT(found(R"(a\Kb)", "ab"), ElementsAre("b"));
  EXPECT_THAT(found(R"([[:alpha:]]+)", "a\u00E91"), ElementsAre("a\u00E9"));
  EXPECT_THAT(found("[[:punct:]]+", "a$+.b^\u20AC"), ElementsAre("$+.", "^\u20AC"));
  EXPECT_THAT(found("[a[:^punct:]&&[^b]]+|[:punct:]+", "a$cbp:"), ElementsAre("a", "c", "p", ":"));
  EXPECT_THAT(found(R"(\G.)", "abc"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(found("$", "a\n"), ElementsAre("", ""));
}

TEST(Regex, LiteralsAreTheTextItself) {
  EXPECT_THAT(all_of(Regex::literal("a."), "a.aba."), ElementsAre("a.", "a."));
  EXPECT_THAT(all_of(Regex::literal("aa"), "aaaaa"), ElementsAre("aa", "aa"));
  EXPECT_THAT(all_of(Regex::literal("a"), "b"), ElementsAre());
  EXPECT_THAT(all_of(Regex::literal(""), "a\u00E9"), ElementsAre("", "", ""));
}

TEST(Regex, KnowsLettersThatAreNewerThanTheLibrary) {
  EXPECT_THAT(found(R"(\p{L}+)", "a\u1C89\U00031350b"), ElementsAre("a\u1C89\U00031350b"));
  EXPECT_THAT(found(R"(\p{N})", "\U0001CCF0"), ElementsAre("\U0001CCF0"));
  EXPECT_THAT(found(R"(\p{Han}+)", "x\U0002EBF0"), ElementsAre("\U0002EBF0"));
}

TEST(Regex, WhatDoesNotCompileIsOneLine) {
  for (const char* pattern : {"(a", "a)", "[a", R"(\)", R"(\p{Nonsense})", "[]", "*a", "(?P<n>a)", "a\n("}) {
    try {
      found(pattern, "a");
      ADD_FAILURE() << pattern << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadFile) << pattern;
      EXPECT_THAT(error.what(), HasSubstr("here")) << pattern;
      EXPECT_THAT(std::string(error.what()), Not(HasSubstr("\n"))) << pattern;
    }
  }
}

TEST(Regex, HostilePatternsEnd) {
  const std::string text = std::string(60, 'a') + '!';
  for (const char* pattern : {"(a+)+$", "(a|a)*b", "(a*)*b", "((a{0,20}){0,20}){0,20}b", "((?:(?:(?:a+)+)+)+)+$"}) {
    try {
      found(pattern, text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("gives up"));
    }
  }
  EXPECT_THROW(found("((?:(?:(?:a+)+)+)+)+$", text), Error);  // as it does in `tokenizers`
  EXPECT_THROW(found(R"((?=a\Kb)..|(?<=\Kab)c)", "abc"), Error);
  EXPECT_THROW(found(std::string(100000, 'a'), "a"), Error);
  const std::string deep = std::string(10000, '(') + "a" + std::string(10000, ')');
  EXPECT_THROW(found(deep, "a"), Error);
  EXPECT_THAT(found("(?:(?:(?:(?:(?:(?:a))))))", "a"), ElementsAre("a"));
}

// A stack of places to go back to grows with what a greedy loop takes.
TEST(Regex, LongTextsHaveRoom) {
  const std::string text(3'000'000, 'a');
  std::vector<Match> matches;
  Regex(R"(\p{L}+)", "here").find_all(text, matches);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].end, text.size());
  const std::string spaces = std::string(10'000, ' ') + "a";
  matches.clear();
  Regex(R"(\s+$|\s+(?!\S)|\s+)", "here").find_all(spaces, matches);
  EXPECT_EQ(matches.size(), 2u);
}

}  // namespace
}  // namespace deltascape::text
