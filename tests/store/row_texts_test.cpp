// Specifies taking the rows out of a JSON document without parsing them.
#include "store/row_texts.h"

#include <gtest/gtest.h>

#include <string>

namespace deltascape::store {
namespace {

TEST(RowTexts, EachObjectIsATextOfItsOwn) {
  const RowTexts texts(
      R"( {"a": [1, {"b": "]}"}], "c": -1.5e3 , "d": "x\"{", "rows" : [ {"n": "}\\"}, {} , {"m": {"k": [[]]}} ], "z": true})");
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts.row(0), R"({"n": "}\\"})");
  EXPECT_EQ(texts.row(1), "{}");
  EXPECT_EQ(texts.row(2), R"({"m": {"k": [[]]}})");
  EXPECT_EQ(texts.rest(), R"( {"a": [1, {"b": "]}"}], "c": -1.5e3 , "d": "x\"{", "rows" : [], "z": true})");
  EXPECT_EQ(RowTexts(R"({"rows":[]})").rest(), R"({"rows":[]})");
}

TEST(RowTexts, WhatIsNoSuchDocumentStaysAsItIs) {
  for (const std::string document :
       {"", "text", "[]", "{", R"({"rows")", R"({"rows":)", R"({"rows":[)", R"({"rows":[{})", R"({"rows":[{},)",
        R"({"rows":[{},]})", R"({"rows":[1]})", R"({"rows":[{"a":"]})", R"({"rows":{}})", R"({"a":"\)", R"({"a":1})",
        R"({"a" 1,"rows":[{}]})", R"({"rows":[{}}]})"}) {
    const RowTexts texts(document);
    EXPECT_EQ(texts.size(), 0u) << document;
    EXPECT_EQ(texts.rest(), document);
  }
  EXPECT_EQ(RowTexts("{\"rows\":" + std::string(100000, '[')).size(), 0u);
}

}  // namespace
}  // namespace deltascape::store
