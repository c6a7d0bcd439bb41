// Tokenizers that variants bring along: whose probes differ is said, and nothing else.
#include "represent/own_tokenizer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "io/json.h"
#include "represent/probes.h"
#include "temporary_folder.h"
#include "text/open.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

io::Json small_tokenizer() {
  io::Json vocabulary = io::Json::object();
  int id = 0;
  for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = id++;
  return {{"version", "1.0"},
          {"added_tokens", io::Json::array()},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", io::Json::array()}}}};
}

io::Json with_token(const std::string& content) {
  io::Json out = small_tokenizer();
  out["added_tokens"] = io::Json::array({{{"id", 26},
                                          {"content", content},
                                          {"special", true},
                                          {"normalized", false},
                                          {"lstrip", false},
                                          {"rstrip", false},
                                          {"single_word", false}}});
  return out;
}

class OwnTokenizer : public testing::FolderTest {
 protected:
  fs::path write(const std::string& name, const std::string& tokenizer, const std::string& settings = "{}") const {
    fs::create_directory(folder_ / name);
    std::ofstream(folder_ / name / "tokenizer.json") << tokenizer;
    std::ofstream(folder_ / name / "tokenizer_config.json") << settings;
    return folder_ / name;
  }
  OwnProbes probes(std::vector<std::string> texts) const {
    const fs::path base = write("base", small_tokenizer().dump());
    auto ids = probe_ids(*text::open_tokenizer(base), texts);
    return OwnProbes(base, std::move(texts), std::move(ids));
  }
};

TEST_F(OwnTokenizer, ThatReadsTheProbesAlikeIsNotMentioned) {
  OwnProbes own = probes({"ab<x>", "c"});
  own.look("none", folder_ / "nowhere");
  own.look("same", folder_ / "base");
  own.look("saved again", write("again", small_tokenizer().dump(1)));
  own.look("template",
           write("template", small_tokenizer().dump(), R"({"chat_template": "x", "padding_side": "left"})"));
  own.look("unused token", write("unused", with_token("<y>").dump()));
  EXPECT_THAT(own.notes(), IsEmpty());
}

TEST_F(OwnTokenizer, ThatReadsThemOtherwiseIsNamedOnce) {
  OwnProbes own = probes({"ab<x>", "c"});
  for (const char* name : {"d", "a", "c", "b", "e"}) own.look(name, write(name, with_token("<x>").dump()));
  own.look("f", write("f", with_token("ab").dump()));
  EXPECT_THAT(own.notes(), ElementsAre(AllOf(HasSubstr("a, b, c and 3 more"), HasSubstr("base's tokens"))));
}

TEST_F(OwnTokenizer, ThatIsBrokenIsANote) {
  OwnProbes own = probes({"ab"});
  own.look("broken", write("broken", "{\"model\": "));
  own.look("huge id", write("huge", R"({"model":{"type":"BPE","vocab":{"a":4294967296},"merges":[]}})"));
  const auto notes = own.notes();
  ASSERT_EQ(notes.size(), 2u);
  for (const std::string& note : notes)
    EXPECT_THAT(note, AllOf(HasSubstr("cannot be read"), HasSubstr("tokenizer.json"), Not(HasSubstr("\n"))));
}

}  // namespace
}  // namespace deltascape::represent
