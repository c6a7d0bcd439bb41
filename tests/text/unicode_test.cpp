// UTF-8 repair as Python does it, classes and foldings.
#include "text/unicode.h"

#include <gmock/gmock.h>

namespace deltascape::text {
namespace {

// bytes(…).decode("utf-8", errors="replace") in Python 3.11.
TEST(Unicode, RepairsAsPythonDoes) {
  const std::string r = "\uFFFD";
  const std::pair<std::string, std::string> cases[] = {
      {"a\xFF"
       "b",
       "a" + r + "b"},
      {"\x80", r},
      {"\xC3", r},
      {"\xC3(", r + "("},
      {"\xE2\x82", r},
      {"\xE2\x28\xA1", r + "(" + r},
      {"\xF0\x9F\x98", r},
      {"\xF0\x9F\x98x", r + "x"},
      {"\xED\xA0\x80", r + r + r},
      {"\xC0\xAF", r + r},
      {"\xF4\x90\x80\x80", r + r + r + r},
      {"\xE0\x80\x80", r + r + r},
      {"\xF5\x80", r + r},
      {"\xC3\xA9\xE2\x82\xAC", "\u00E9\u20AC"},
  };
  for (const auto& [broken, repaired] : cases) {
    EXPECT_EQ(repair_utf8(broken), repaired);
    EXPECT_EQ(is_valid_utf8(broken), broken == repaired);
  }
}

TEST(Unicode, LowerCaseHasNoContext) {
  EXPECT_EQ(lower_case("\u0130I\u03A3\u1C89\U00010D50"), "i\u0307i\u03C3\u1C8A\U00010D70");
}

TEST(Unicode, Classes) {
  EXPECT_TRUE(is_white_space(0x85) && is_white_space(0x3000) && !is_white_space(0x180E) && !is_white_space(0x200B));
  EXPECT_TRUE(is_numeric(U'5') && is_numeric(0xBD) && is_numeric(0x2163) && !is_numeric(0x4E00));
  EXPECT_TRUE(is_punctuation(U'$') && is_punctuation(0x3002) && !is_punctuation(0x20AC));
  EXPECT_TRUE(is_combining_mark(0x301) && !is_combining_mark(U'a'));
}

TEST(Unicode, NormalForms) {
  EXPECT_EQ(normalize("e\u0301\uFB01", NormalForm::kNfc), "\u00E9\uFB01");
  EXPECT_EQ(normalize("\u00E9", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(normalize("\uFB01\u32FF", NormalForm::kNfkc), "fi\u32FF");
}

}  // namespace
}  // namespace deltascape::text
