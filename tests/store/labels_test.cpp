// Labels from CSV.
#include "store/labels.h"

#include <gmock/gmock.h>

#include "deltascape/error.h"
#include "deltascape/models.h"
#include "working_folder.h"

namespace deltascape {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Labels = std::map<std::string, std::string>;
class LabelsTest : public testing::WorkingFolder {};

TEST(ParseCsv, QuotesHoldCommasLineEndsAndQuotes) {
  EXPECT_EQ(parse_csv("a,b\n\"x,1\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",c", "F"),
            (Rows{{"a", "b"}, {"x,1", "say \"hi\""}, {"two\nlines", "c"}}));
  EXPECT_EQ(parse_csv("\xEF\xBB\xBF"
                      "a,\n",
                      "F"),
            (Rows{{"a", ""}}));
  EXPECT_EQ(parse_csv("", "F"), Rows{});
  EXPECT_EQ(parse_csv("a\"b,c\n", "F"), (Rows{{"a\"b", "c"}}));
}

TEST(ParseCsv, AnOpenQuoteNamesItsLine) {
  try {
    parse_csv("a,b\nc,\"d\n\n", "labels.csv");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), ::testing::AllOf(::testing::HasSubstr("labels.csv"), ::testing::HasSubstr("line 2")));
  }
}

TEST_F(LabelsTest, ATitleIsSkippedAndBlankRowsToo) {
  write("a.csv", "name,label\nm1,math\n\n\"c,1\",\"co de\"\n");
  EXPECT_EQ(read_labels("a.csv"), (Labels{{"m1", "math"}, {"c,1", "co de"}}));
  write("b.csv", "m1,math\nname,label\n");
  EXPECT_EQ(read_labels("b.csv"), (Labels{{"m1", "math"}, {"name", "label"}}));
}

TEST_F(LabelsTest, WhatIsWrongIsSaid) {
  write("three.csv", "m1,math,extra\n");
  write("two.csv", "m1,math\nm1,code\n");
  EXPECT_THROW(read_labels("three.csv"), Error);
  EXPECT_THROW(read_labels("two.csv"), Error);
  EXPECT_THROW(read_labels("absent.csv"), Error);
}

}  // namespace
}  // namespace deltascape
