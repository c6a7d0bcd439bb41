// Owns the tests of parsing JSON and of typed reads.
#include "io/json.h"

#include "io/io_files.h"

namespace deltascape::io {
namespace {

class JsonFile : public Scratch {};

TEST(ParseJson, GivesWhatNlohmannGives) {
  const std::string text = R"( {"b": [1, -2, 18446744073709551615, 1.5e3, true, null, "ü\u00e9\ud83d\ude00", {}, []],
                               "a": {"z": {"y": [[[]]]}, "": 0}} )";
  EXPECT_EQ(parse_json(text, "x"), Json::parse(text));
  EXPECT_EQ(parse_json("3", "x"), Json(3));
  EXPECT_EQ(parse_json("\"s\"", "x"), Json("s"));
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(ParseJson, LimitsDepth) {
  EXPECT_NO_THROW(parse_json(nested(64), "x.json"));
  expect_refusal([] { parse_json(nested(65), "x.json"); }, "x.json", "nesting deeper than 64");
  expect_refusal([] { parse_json(std::string(1 << 20, '['), "x.json"); }, "x.json", "nesting deeper than 64");
}

TEST(ParseJson, RefusesBadSyntax) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":}", "nul", "\"\xff\"", "\"\\ud800\"", "1e999", "{\"a\" 1}", "1 2", "\"a\nb\""})
    expect_refusal([&] { parse_json(text, "x.json"); }, "x.json", "invalid JSON at byte");
  expect_refusal([] { parse_json(R"({"a": {"k": 1, "l": 2, "k": 3}})", "x.json"); }, "x.json",
                 "the key k appears twice");
}

TEST_F(JsonFile, LimitsSize) {
  const auto file = put("a.json", "[1, 2]");
  EXPECT_EQ(read_json(file).size(), 2u);
  expect_refusal([&] { read_json(file, 3); }, file, "too large");
}

TEST(JsonFieldsTest, ReadsTypedAndNamesFileAndField) {
  const Json json = parse_json(R"({"i": 3, "r": 1.5, "t": true, "s": "x", "n": null, "big": 18446744073709551615,
                                   "o": {"inner": "text"}, "l": [1, 2]})",
                               "c.json");
  const JsonFields fields(json, "c.json");
  EXPECT_EQ(fields.integer("i"), 3);
  EXPECT_EQ(fields.real("i"), 3.0);
  EXPECT_EQ(fields.real("r"), 1.5);
  EXPECT_EQ(fields.boolean("t"), true);
  EXPECT_EQ(fields.string("s"), "x");
  EXPECT_EQ(fields.integer("n"), std::nullopt);
  EXPECT_EQ(fields.string("absent"), std::nullopt);
  EXPECT_FALSE(fields.has("n"));
  EXPECT_EQ(fields.required_integer("i"), 3);
  EXPECT_FALSE(fields.object("absent"));
  expect_refusal([&] { fields.integer("r"); }, "c.json",
                 "r: a field has a wrong value (expected an integer, found 1.5)");
  expect_refusal([&] { fields.integer("big"); }, "c.json", "big");
  expect_refusal([&] { fields.string("l"); }, "c.json", "found an array of 2");
  expect_refusal([&] { fields.boolean("i"); }, "c.json", "true or false");
  expect_refusal([&] { fields.object("i"); }, "c.json", "an object");
  expect_refusal([&] { fields.required_integer("absent"); }, "c.json", "a field is missing");
  expect_refusal([&] { fields.object("o")->integer("inner"); }, "c.json", "o.inner");
  expect_refusal([&] { JsonFields(json["l"], "c.json", "l"); }, "c.json", "an object");
}

}  // namespace
}  // namespace deltascape::io
