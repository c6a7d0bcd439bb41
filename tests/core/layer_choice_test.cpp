// Specifies how layers are written, in one place for every verb.
#include "core/layer_choice.h"

#include <gtest/gtest.h>

namespace deltascape {
namespace {

std::optional<std::int64_t> row(const char* text, std::int64_t blocks) {
  const auto choice = read_layer(text);
  return choice ? choice->row(blocks) : std::nullopt;
}

TEST(LayerChoice, RowsOfAModel) {
  EXPECT_EQ(row("last", 30), 30);
  EXPECT_EQ(row("0", 30), 0);
  EXPECT_EQ(row("12", 30), 12);
  EXPECT_EQ(row("30", 30), 30);
  EXPECT_EQ(row("31", 30), std::nullopt);
  EXPECT_EQ(row("0.5", 30), 15);
  EXPECT_EQ(row("0.5", 3), 2);  // floor(1.5 + 0.5)
  EXPECT_EQ(row("0.0", 3), 0);
  EXPECT_EQ(row("1.0", 3), 3);
  EXPECT_EQ(row(".25", 8), 2);
  EXPECT_EQ(row("L-pre", 30), 30);
  EXPECT_EQ(row("30-pre", 30), 30);
  EXPECT_EQ(row("29-pre", 30), std::nullopt);
  EXPECT_EQ(row("all", 30), std::nullopt);
  EXPECT_EQ(read_layer("all")->kind, LayerChoice::Kind::kAll);
}

TEST(LayerChoice, WhatIsNone) {
  for (const char* text : {"", "-1", "1.5", "-0.5", "99999999999999999999", "sideways", "-pre", "x-pre", "-1-pre", "1 ",
                           " 1", "+1", "nan", "0.5.5", "Last"})
    EXPECT_FALSE(read_layer(text)) << text;
}

TEST(LayerChoice, TheNamesOfStoredLayers) {
  EXPECT_TRUE(read_layer("last")->is("last"));
  EXPECT_FALSE(read_layer("last")->is("12"));
  EXPECT_TRUE(read_layer("12")->is("12"));
  EXPECT_FALSE(read_layer("12")->is("12-pre"));
  EXPECT_TRUE(read_layer("L-pre")->is("30-pre"));
  EXPECT_TRUE(read_layer("30-pre")->is("30-pre"));
  EXPECT_FALSE(read_layer("29-pre")->is("30-pre"));
  EXPECT_FALSE(read_layer("0.5")->is("15"));
  EXPECT_TRUE(read_layer("all")->is("all"));
}

TEST(LayerChoice, AFractionIsOneThatIsNamedSo) {
  EXPECT_TRUE(read_layer("0.50")->is("0.5"));
  EXPECT_FALSE(read_layer("0.5")->is("0.25"));
  for (const char* other : {"last", "all", "0", "12", "29-pre", ""})
    EXPECT_FALSE(read_layer("0.0")->is(other)) << other;
}

}  // namespace
}  // namespace deltascape
