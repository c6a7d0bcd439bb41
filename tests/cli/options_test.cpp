// Sizes, shards, rows, and arguments that CLI11 would take apart.
#include "cli/options.h"

#include <gtest/gtest.h>

#include <limits>

namespace deltascape::cli {
namespace {

TEST(ParseSize, UnitsOfTwoAndOfTen) {
  EXPECT_EQ(parse_size("4096", "--memory"), 4096U);
  EXPECT_EQ(parse_size("4GiB", "--memory"), std::size_t{4} << 30);
  EXPECT_EQ(parse_size("4g", "--memory"), std::size_t{4} << 30);
  EXPECT_EQ(parse_size("1.5G", "--memory"), (std::size_t{3} << 30) / 2);
  EXPECT_EQ(parse_size("500MB", "--memory"), 500'000'000U);
  EXPECT_EQ(parse_size("500 MB", "--memory"), 500'000'000U);
  EXPECT_EQ(parse_size("64KiB", "--memory"), 65536U);
  EXPECT_EQ(parse_size("64kB", "--memory"), 64000U);
  EXPECT_EQ(parse_size("2Ti", "--memory"), std::size_t{2} << 40);
  EXPECT_EQ(parse_size("10B", "--memory"), 10U);
}

TEST(ParseSize, WhatIsNoSizeIsAUsageErrorThatNamesTheOption) {
  for (const char* text : {"", "GiB", "-1", "0", "4XB", "4GiBs", "1e400", "nan", "inf", "9999999TiB", "4,5G", "0.1"}) {
    try {
      ADD_FAILURE() << text << " was taken for " << parse_size(text, "--memory");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(e.what()).find("--memory"), std::string::npos) << e.what();
    }
  }
}

TEST(ParseShard, TakesEveryItemOnce) {
  for (std::uint64_t item = 0; item < 20; ++item) {
    int holders = 0;
    for (int i = 1; i <= 3; ++i) holders += parse_shard(std::to_string(i) + "/3").holds(item) ? 1 : 0;
    EXPECT_EQ(holders, 1);
  }
  const Shard second = parse_shard("2/3");
  EXPECT_TRUE(second.holds(1));
  EXPECT_TRUE(second.holds(4));
  EXPECT_FALSE(second.holds(0));
}

TEST(ParseShard, RefusesTheRest) {
  for (const char* text : {"", "1", "0/3", "4/3", "1/0", "a/b", "1/3/5", " 1/3", "-1/3", "1/3 ", "/", "1/", "/3"})
    EXPECT_THROW(parse_shard(text), Error) << text;
}

TEST(Shield, BracketsComeThroughUnchanged) {
  const char* arguments[] = {"deltascape", "rm", "[a,b]", "[", "\x1fodd", "a]", ""};
  const std::vector<std::string> shielded = shield(7, arguments);
  EXPECT_NE(shielded[2].front(), '[');
  for (std::size_t i = 0; i < shielded.size(); ++i) EXPECT_EQ(unshield(shielded[i]), arguments[i]);
}

TEST(ExitCodes, FollowTheContract) {
  EXPECT_EQ(exit_code(3, 0), 0);
  EXPECT_EQ(exit_code(0, 0), 0);
  EXPECT_EQ(exit_code(0, 2), 1);
  EXPECT_EQ(exit_code(2, 1), 3);
  EXPECT_EQ(exit_code(Error(ErrorCode::kUsage, "")), 2);
  EXPECT_EQ(exit_code(Error(ErrorCode::kBadFile, "")), 1);
}

}  // namespace
}  // namespace deltascape::cli
