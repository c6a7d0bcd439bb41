// Patterns: Oniguruma's meaning, what is refused, and what happens to hostile ones.
#include "text/regex.h"

#include <gmock/gmock.h>

#include "deltascape/error.h"

namespace deltascape::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> found(const std::string& pattern, const std::string& text,
                               Regex::Syntax syntax = Regex::Syntax::kOniguruma) {
  std::vector<Match> matches;
  Regex(pattern, syntax, "here").find_all(text, matches);
  std::vector<std::string> out;
  for (const Match& match : matches) out.push_back(text.substr(match.begin, match.end - match.begin));
  return out;
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
  EXPECT_THAT(found("a.", "a.ab", Regex::Syntax::kLiteral), ElementsAre("a."));
}

TEST(Regex, KnowsLettersThatAreNewerThanTheLibrary) {
  EXPECT_THAT(found(R"(\p{L}+)", "a\u1C89\U00031350b"), ElementsAre("a\u1C89\U00031350b"));
  EXPECT_THAT(found(R"(\p{N})", "\U0001CCF0"), ElementsAre("\U0001CCF0"));
  EXPECT_THAT(found(R"(\p{Han}+)", "x\U0002EBF0"), ElementsAre("\U0002EBF0"));
}

TEST(Regex, RefusesByNameWhatItDoesNotTranslate) {
  for (const char* pattern : {"[a[bc]]", "[a-z&&[^b]]", R"(\X)", "(?x: a)", R"(\g<1>)", "a(?i)b|c", R"([\W])", "(a",
                              "a)", "[a", R"(\)", R"(\p{Nonsense})", "a{2}?", R"(\xff)", "[]", "*a", "(?<=a+)b"}) {
    try {
      found(pattern, "a");
      ADD_FAILURE() << pattern << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << pattern;
      EXPECT_THAT(error.what(), HasSubstr("here")) << pattern;
    }
  }
}

TEST(Regex, HostilePatternsEnd) {
  const std::string text = std::string(60, 'a') + '!';
  for (const char* pattern : {"(a+)+$", "(a|a)*b", "(a*)*b", "((a{0,20}){0,20}){0,20}b"}) {
    try {
      found(pattern, text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("gives up"));
    }
  }
  EXPECT_THROW(found(std::string(100000, 'a'), "a"), Error);
}

}  // namespace
}  // namespace deltascape::text
