// Specifies text tables: alignment by what characters take on a terminal.
#include "report/table.h"

#include <gmock/gmock.h>

#include "report/text.h"

namespace deltascape::report {
namespace {

TEST(Table, AlignsColumnsAndLeavesNoTrailingBlanks) {
  Table table({{"name"}, {"cosine", Align::kRight}, {"label"}});
  table.add({"law-1", "0.91", "law"});
  table.add({"medicine-10", "-0.5"});
  EXPECT_EQ(table.render(),
            "name         cosine  label\n"
            "law-1          0.91  law\n"
            "medicine-10    -0.5\n");
}

TEST(Table, WithoutRowsShowsItsTitles) {
  Table table({{"name"}, {"label"}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.render(), "name  label\n");
}

TEST(Table, WideCharactersTakeTwoColumns) {
  Table table({{"name"}, {"n", Align::kRight}});
  table.add({"法律", "1"});
  table.add({"é", "2"});
  table.add({"👩‍💻", "3"});
  EXPECT_EQ(table.render(),
            "name  n\n"
            "法律  1\n"
            "é     2\n"
            "👩‍💻    3\n");
}

TEST(Table, ControlCharactersCannotDriveTheTerminal) {
  Table table({{"name"}});
  table.add({"a\x1b[2J\nb\xff"});
  EXPECT_EQ(table.render(), "name\na\uFFFD[2J\uFFFDb\uFFFD\n");
}

TEST(Table, ElidesTheMiddleOfTheWidestTextColumn) {
  Table table({{"name"}, {"cosine", Align::kRight}});
  table.add({"a-very-long-name-of-an-adapter-v1", "0.25"});
  table.add({"short", "1"});
  const std::string out = table.render({.width = 24});
  EXPECT_EQ(out,
            "name              cosine\n"
            "a-very-l…pter-v1    0.25\n"
            "short                  1\n");
}

TEST(Table, ColourOnlyWhenAsked) {
  Table table({{"name"}});
  table.add({"a"});
  EXPECT_EQ(table.render().find('\x1b'), std::string::npos);
  EXPECT_EQ(table.render({.colour = true}), "\x1b[1mname\x1b[0m\na\n");
}

TEST(DisplayWidth, OfDifficultText) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("e\u0301"), 1u);  // combining accent
  EXPECT_EQ(display_width("한국어"), 6u);
  EXPECT_EQ(display_width("👨‍👩‍👧"), 2u);  // one family
  EXPECT_EQ(display_width("\xff\xfe"), 2u);
}

TEST(Elide, KeepsBothEnds) {
  EXPECT_EQ(elide("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(elide("abcdefghi", 5), "ab…hi");
  EXPECT_EQ(elide("法律助手法律助手", 6), "法…手");
  EXPECT_EQ(elide("abc", 1), "…");
  EXPECT_EQ(elide("abc", 0), "");
}

TEST(EscapeMarkup, LeavesNothingThatEndsATagOrAnAttribute) {
  EXPECT_EQ(escape_markup("<a b=\"c\" d='e'>&\x01"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\uFFFD");
  EXPECT_EQ(printable("a\u202Eb"), "a\uFFFDb");  // no reordering of what stands around a name
}

}  // namespace
}  // namespace deltascape::report
