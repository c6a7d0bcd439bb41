// Probe files in every format of DESIGN §5, and the five default prompts.
#include "embed/probes.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deltascape/error.h"
#include "temporary_folder.h"

namespace deltascape::embedding {
namespace {

namespace fs = std::filesystem;
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

}  // namespace
}  // namespace deltascape::embedding
