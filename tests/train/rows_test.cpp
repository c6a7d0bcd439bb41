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
  EXPECT_THAT(answer(R"(["a",""])", "0"), HasSubstr("line 1: choices: a choice is empty or not a text"));
  EXPECT_THAT(answer(R"("ab")", "0"), HasSubstr("line 1: choices"));
}

TEST_F(Rows, ReadsAListOfRows) {
  const std::vector<Row> rows =
      read("\n[\n {\"prompt\": \"a,]\\\"[\",\n  \"completion\": \"b\"} ,\n" + std::string(kGood) + "\n]\n \n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].line, 3);
  EXPECT_EQ(rows[0].prompt, "a,]\"[");
  EXPECT_EQ(rows[1].line, 5);
  EXPECT_EQ(read_rows(put("[" + std::string(kGood) + ", broken"), RowKind::kCompletion, 1).size(), 1u);
  EXPECT_EQ(refusal("[]"), "no example in this file");
  EXPECT_THAT(refusal("[" + std::string(kGood)), HasSubstr("line 1: "));
  EXPECT_THAT(refusal("[" + std::string(kGood) + ",]"), HasSubstr("line 1: invalid JSON"));
  EXPECT_THAT(refusal("[" + std::string(kGood) + "]\n" + kGood), HasSubstr("line 2: something follows"));
  EXPECT_THAT(refusal("[" + std::string(kGood) + ",\n" + R"({"prompt":"p"}])"), HasSubstr("line 2: completion"));
}

TEST_F(Rows, ReadsAlpacaAndOtherNames) {
  std::string told;
  const auto one = [&](const std::string& row, RowKind kind = RowKind::kCompletion) {
    return read_rows(put(row), kind, 0, &told)[0];
  };
  const Row alpaca = one(R"({"instruction":"Add.","input":"1 2","output":"3","text":"..."})");
  EXPECT_EQ(
      alpaca.prompt,
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
      "response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### "
      "Response:\n");
  EXPECT_THAT(alpaca.completions, ElementsAre("3"));
  EXPECT_THAT(told, HasSubstr("Alpaca"));
  for (const char* input : {"", R"(,"input":"")", R"(,"input":null)"})
    EXPECT_EQ(one(std::string(R"({"instruction":"Hi.","output":"Hello.")") + input + "}").prompt,
              "Below is an instruction that describes a task. Write a response that appropriately completes the "
              "request.\n\n### Instruction:\nHi.\n\n### Response:\n");
  EXPECT_EQ(one(R"({"question":"q","answer":"a"})").completions[0], "a");
  EXPECT_THAT(told, HasSubstr("question is read as the prompt"));
  EXPECT_EQ(one(R"({"prompt":"q","response":"r"})").completions[0], "r");
  EXPECT_EQ(one(R"({"input":"q","output":"r"})").prompt, "q");
  EXPECT_EQ(one(R"({"prompt":"p","completion":"c","question":"q","response":"r"})").completions[0], "c");
  EXPECT_EQ(told, "");
  EXPECT_EQ(one(R"({"question":"q","chosen":"a","rejected":"b"})", RowKind::kPreference).prompt, "q");
  EXPECT_EQ(one(R"({"question":"q","choices":["a","b"],"answer":1})", RowKind::kChoice).answer, 1u);
}

TEST_F(Rows, SaysWhichFieldsWereMet) {
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"hi"}]})"), HasSubstr("line 1: messages: a chat"));
  EXPECT_THAT(refusal(R"({"conversations":[{"from":"human","value":"hi"}]})"),
              HasSubstr("line 1: conversations: a chat"));
  EXPECT_THAT(refusal(R"({"prompt":[{"role":"user"}],"completion":[]})"), HasSubstr("line 1: prompt: a chat"));
  EXPECT_THAT(refusal(R"({"prompt":"p","chosen":[{"role":"user"}],"rejected":[]})", RowKind::kPreference),
              HasSubstr("line 1: chosen: a chat"));
  EXPECT_THAT(refusal(R"({"prompt":"p","response":"r","answer":"a"})"), HasSubstr("several fields"));
  EXPECT_THAT(refusal(R"({"question":"q","context":"c","answer":"a"})"), HasSubstr("line 1: context"));
  EXPECT_THAT(refusal(R"({"text":"t"})"), HasSubstr("the fields text"));
  EXPECT_THAT(refusal(R"({"promt":"p","completion":"c"})"), HasSubstr("is it called promt here?"));
  EXPECT_THAT(refusal("PAR1...."), HasSubstr("Parquet"));
}

TEST_F(Rows, RefusesWhatIsNoFile) {
  EXPECT_THROW(read_rows(folder_, RowKind::kCompletion), Error);
  EXPECT_THROW(read_rows(folder_ / "none.jsonl", RowKind::kCompletion), Error);
}

}  // namespace
}  // namespace deltascape::training
