// Owns the tests of reading examples: what is read, and one clear line for each kind of damage.
#include "train/rows.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deltascape/error.h"
#include "temporary_folder.h"

namespace deltascape::training {
namespace {

using ::testing::ElementsAre;
using testing::FolderTest;
using ::testing::HasSubstr;

class Rows : public FolderTest {
 protected:
  std::filesystem::path put(const std::string& content) {
    std::ofstream(folder_ / "data.jsonl", std::ios::binary) << content;
    return folder_ / "data.jsonl";
  }
  std::vector<Row> read(const std::string& content, RowKind kind = RowKind::kCompletion) {
    return read_rows(put(content), kind);
  }
  // The message after the file's name.
  std::string refusal(const std::string& content, RowKind kind = RowKind::kCompletion) {
    try {
      read(content, kind);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kBadFile);
      const std::string line = e.what(), file = (folder_ / "data.jsonl").string() + ": ";
      EXPECT_TRUE(line.starts_with(file)) << line;
      return line.substr(std::min(line.size(), file.size()));
    }
    return "no error";
  }
};

constexpr const char* kGood = R"({"prompt":"p","completion":"c"})";

TEST_F(Rows, ReadsCompletions) {
  const std::vector<Row> rows = read("\xEF\xBB\xBF\n" + std::string(kGood) + "\r\n \t\n" +
                                     R"({"completion":"ü\n","id":7,"prompt":""})");  // no line end at the end
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_EQ(rows[0].prompt, "p");
  EXPECT_THAT(rows[0].completions, ElementsAre("c"));
  EXPECT_EQ(rows[1].line, 4);
  EXPECT_EQ(rows[1].prompt, "");
  EXPECT_THAT(rows[1].completions, ElementsAre("ü\n"));
}

TEST_F(Rows, ReadsPreferencesAndChoices) {
  EXPECT_THAT(read(R"({"prompt":"p","chosen":"a","rejected":"b"})", RowKind::kPreference)[0].completions,
              ElementsAre("a", "b"));
  const auto rows = read(R"({"prompt":"p","choices":["x","y","z"],"answer":2}
{"prompt":"p","choices":["x","y"],"answer":"y"})",
                         RowKind::kChoice);
  EXPECT_THAT(rows[0].completions, ElementsAre("x", "y", "z"));
  EXPECT_EQ(rows[0].answer, 2u);
  EXPECT_EQ(rows[1].answer, 1u);
}

TEST_F(Rows, StopsAtTheMostThatAreAskedFor) {
  const auto file = put(std::string(kGood) + "\n" + kGood + "\nnot JSON\n");
  EXPECT_EQ(read_rows(file, RowKind::kCompletion, 2).size(), 2u);
  EXPECT_THROW(read_rows(file, RowKind::kCompletion, 3), Error);
}

TEST_F(Rows, NamesTheLineOfWhatIsBroken) {
  const std::string good = std::string(kGood) + "\n";
  EXPECT_EQ(refusal(""), "no example in this file");
  EXPECT_EQ(refusal("\n \n\r\n"), "no example in this file");
  EXPECT_EQ(refusal(good + R"({"prompt":"p"})"), "line 2: completion: a field is missing (expected a text)");
  EXPECT_EQ(refusal(R"({"completion":"c"})"), "line 1: prompt: a field is missing (expected a text)");
  EXPECT_EQ(refusal(R"({"prompt":3,"completion":"c"})"),
            "line 1: prompt: a field has a wrong value (expected a string, found 3)");
  EXPECT_THAT(refusal(good + "\n" + R"({"prompt":"p","completion":""})"),
              HasSubstr("line 3: completion: an empty text"));
  EXPECT_EQ(refusal(good + "{\"prompt\":\"\xC3(\",\"completion\":\"c\"}"), "line 2: invalid UTF-8 at byte 11");
  EXPECT_EQ(refusal("\xFF\xFE{"), "line 1: invalid UTF-8 at byte 0");
  EXPECT_THAT(refusal(good + R"({"prompt":"p",)"), HasSubstr("line 2: invalid JSON at byte"));
  EXPECT_THAT(refusal(R"({"prompt":"\ud800","completion":"c"})"), HasSubstr("line 1: invalid JSON at byte"));
  EXPECT_THAT(refusal(R"({"prompt":"a","prompt":"b","completion":"c"})"), HasSubstr("line 1: the key prompt appears"));
  EXPECT_EQ(refusal("[1]"), "line 1: not a JSON object");
  EXPECT_THAT(refusal(std::string(200, '[')), HasSubstr("line 1: nesting deeper"));
  // U+FFFD itself is a character like others.
  EXPECT_EQ(read("{\"prompt\":\"\xEF\xBF\xBD\",\"completion\":\"c\"}").size(), 1u);
}

TEST_F(Rows, RefusesALineBeyondOneMebibyte) {
  const auto line_of = [](std::size_t bytes) {
    const std::string around = R"({"prompt":"","completion":""})";
    return R"({"prompt":"","completion":")" + std::string(bytes - around.size(), 'x') + "\"}";
  };
  EXPECT_EQ(read(line_of(1 << 20)).size(), 1u);
  EXPECT_EQ(refusal(std::string(kGood) + "\n" + line_of((1 << 20) + 1)),
            "line 2: a line of 1048577 bytes (expected at most 1048576)");
}

TEST_F(Rows, RefusesAnswersThatAreNone) {
  const auto answer = [&](const std::string& choices, const std::string& answer) {
    return refusal(R"({"prompt":"p","choices":)" + choices + R"(,"answer":)" + answer + "}", RowKind::kChoice);
  };
  EXPECT_EQ(answer(R"(["a","b"])", "2"), "line 1: answer: no such choice (expected 0 to 1, found 2)");
  EXPECT_THAT(answer(R"(["a","b"])", "-1"), HasSubstr("no such choice"));
  EXPECT_EQ(answer(R"(["a","b"])", R"("c")"), "line 1: answer: none of the choices (found c)");
  EXPECT_THAT(answer(R"(["a","b"])", "null"), HasSubstr("line 1: answer: a field"));
  EXPECT_THAT(answer(R"(["a","b"])", "1.5"), HasSubstr("line 1: answer: a field has a wrong value"));
  EXPECT_THAT(answer("[]", "0"), HasSubstr("line 1: choices"));
  EXPECT_THAT(answer(R"(["a",""])", "0"), HasSubstr("line 1: choices: a choice is no text, or empty"));
  EXPECT_THAT(answer(R"("ab")", "0"), HasSubstr("line 1: choices"));
}

TEST_F(Rows, RefusesWhatIsNoFile) {
  EXPECT_THROW(read_rows(folder_, RowKind::kCompletion), Error);
  EXPECT_THROW(read_rows(folder_ / "none.jsonl", RowKind::kCompletion), Error);
}

}  // namespace
}  // namespace deltascape::training
