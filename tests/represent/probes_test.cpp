// Probe files in every format of docs/design.md §5.1, and the five default prompts.
#include "represent/probes.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deltascape/error.h"
#include "temporary_folder.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Probes : public testing::FolderTest {
 protected:
  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::string error_of(const fs::path& file) const {
    try {
      read_probes(file);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(Probes, DefaultsAreFiveFilledTemplates) {
  const auto probes = default_probes();
  ASSERT_EQ(probes.size(), 5u);
  for (const std::string& p : probes) {
    EXPECT_THAT(p, HasSubstr("\n\n### Instruction:\nPlease provide a response. Input:Input.\n\n### Response:"));
    EXPECT_TRUE(p.ends_with(":"));
  }
}

TEST_F(Probes, ReadsEveryFormat) {
  EXPECT_THAT(read_probes(write("a.json", R"({"probes": ["one", "two\nlines"]})")), ElementsAre("one", "two\nlines"));
  EXPECT_THAT(
      read_probes(write("b.json", R"({"task": "T", "input": "I", "templates": ["{task}/{input}", "{input}"]})")),
      ElementsAre("T/I", "I"));
  EXPECT_THAT(read_probes(write("braces.json",
                                R"({"task": "{input}", "input": "I", "templates": ["{{\"k\": {input}}} {task}"]})")),
              ElementsAre("{\"k\": I} {input}"));
  EXPECT_THAT(read_probes(write("mark.txt", "\xEF\xBB\xBFone\n")), ElementsAre("one"));
  EXPECT_THAT(read_probes(write("c.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\"}\n")), ElementsAre("one", "two"));
  EXPECT_THAT(read_probes(write("d.txt", "one\\ntwo\r\n\nback\\\\slash \n")), ElementsAre("one\ntwo", "back\\slash "));
}

TEST_F(Probes, ErrorsNameFileAndPlace) {
  EXPECT_THAT(error_of(write("e.jsonl", "{\"text\": \"one\"}\n{\"txt\": 1}\n")), HasSubstr("e.jsonl:2"));
  EXPECT_THAT(error_of(write("f.json", "{\"probes\": [1]}")), HasSubstr("probes"));
  EXPECT_THAT(error_of(write("k.json", R"({"templates": ["{other}"]})")), HasSubstr("{other}"));
  EXPECT_THAT(error_of(write("g.json", "{\"probes\": 1}")), HasSubstr("probes"));
  EXPECT_THAT(error_of(write("h.txt", "\n  \n")), HasSubstr("no probe"));
  EXPECT_THAT(error_of(write("i.yaml", "x")), HasSubstr(".jsonl"));
  EXPECT_THAT(error_of(folder_ / "none.txt"), HasSubstr("none.txt"));
}

TEST_F(Probes, AListOfTextsIsTaken) {
  EXPECT_THAT(read_probes(write("list.json", R"(["one", "two\nlines", {"text": "three"}])")),
              ElementsAre("one", "two\nlines", "three"));
  EXPECT_THAT(read_probes(write("marked.json", "\xEF\xBB\xBF[\"one\"]")), ElementsAre("one"));
  EXPECT_THAT(read_probes(write("objects.json", R"({"probes": [{"text": "one"}]})")), ElementsAre("one"));
  EXPECT_THAT(read_probes(write("texts.jsonl", "\"one\"\n{\"text\": \"two\"}\n")), ElementsAre("one", "two"));
  EXPECT_THAT(error_of(write("numbers.json", "[\"a\", 1]")), AllOf(HasSubstr("numbers.json"), HasSubstr("[1]")));
  EXPECT_THAT(error_of(write("none.json", "[]")), HasSubstr("no probe"));
  for (const char* other : {"3", "\"one\"", "{}", R"({"prompts": ["one"]})", R"({"probes": "one"})"})
    EXPECT_THAT(error_of(write("other.json", other)), AllOf(HasSubstr("other.json"), HasSubstr("\"templates\"")))
        << other;
}

TEST_F(Probes, WhatIsNotUtf8IsRefusedByLineAndByte) {
  EXPECT_THAT(error_of(write("latin.txt", "one\nna\xEFve\n")), AllOf(HasSubstr("latin.txt:2"), HasSubstr("byte 3")));
  EXPECT_THAT(error_of(write("cut.txt", "\xE2\x82")), AllOf(HasSubstr("cut.txt:1"), HasSubstr("UTF-8")));
  EXPECT_THAT(error_of(write("utf16.txt", std::string("\xFF\xFEo\0n\0", 6))), HasSubstr("utf16.txt:1"));
  EXPECT_THAT(error_of(write("latin.jsonl", "\n{\"text\": \"na\xEFve\"}\n")),
              AllOf(HasSubstr("latin.jsonl:2"), HasSubstr("byte 13")));
  EXPECT_THAT(error_of(write("latin.json", "[\"na\xEFve\"]")), AllOf(HasSubstr("latin.json"), HasSubstr("UTF-8")));
  EXPECT_THAT(read_probes(write("good.txt", "na\u00EFve \uFFFD \U0001F600\n")),
              ElementsAre("na\u00EFve \uFFFD \U0001F600"));
}

}  // namespace
}  // namespace deltascape::represent
