// What MODEL… stands for.
#include "deltascape/models.h"

#include <gmock/gmock.h>

#include "message_of.h"
#include "working_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

class ModelsTest : public testing::WorkingFolder {
 protected:
  // "name|label|path" a model.
  static std::vector<std::string> expand(const std::vector<std::string>& arguments, const ExpandOptions& options = {}) {
    std::vector<std::string> out;
    for (const ModelRef& model : expand_models(arguments, options).models)
      out.push_back(model.name + "|" + model.label + "|" + model.path);
    return out;
  }
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ModelsTest, PathsLabelsAndHubIds) {
  fs::create_directories("pool/law-1");
  EXPECT_THAT(expand({"pool/law-1", "law=pool/law-1/", "org/name", "chat=org/name@v2", "absent"}),
              ElementsAre("law-1||pool/law-1", "law-1|law|pool/law-1/", "org/name||org/name",
                          "org/name|chat|org/name@v2", "absent||absent"));
}

TEST_F(ModelsTest, WhatExistsIsAPathElseTheFirstEqualsSplits) {
  fs::create_directories("a=b");
  fs::create_directories("b=c");
  EXPECT_THAT(expand({"a=b", "x=b=c", "x=y=z", "=b=c"}), ElementsAre("a=b||a=b", "b=c|x|b=c", "y=z|x|y=z", "b=c||b=c"));
}

TEST_F(ModelsTest, AnOddNameIsKept) {
  for (const char* name : {"two words", "line\nbreak", "it's \"quoted\"", "äöü-数学", "[x,y]"}) {
    fs::create_directories(name);
    EXPECT_THAT(expand({name}), ElementsAre(std::string(name) + "||" + name));
    EXPECT_THAT(expand({std::string("l=") + name}), ElementsAre(std::string(name) + "|l|" + name));
  }
}

TEST_F(ModelsTest, ABrokenLinkIsAPath) {
  fs::create_symlink("nowhere", "a=b");
  EXPECT_THAT(expand({"a=b"}), ElementsAre(HasSubstr("||a=b")));
}

TEST_F(ModelsTest, ListsReadAsIfTypedHere) {
  fs::create_directories("pool/m1");
  write("lists/a.txt", "# a comment\n\n pool/m1 \r\nmath=pool/m2\n@lists/b.txt\n");
  write("lists/b.txt", "org/name");
  EXPECT_THAT(expand({"@lists/a.txt", "z"}),
              ElementsAre("m1||pool/m1", HasSubstr("|math|pool/m2"), "org/name||org/name", "z||z"));
  EXPECT_THAT(expand({"law=@lists/a.txt"}),
              ElementsAre("m1|law|pool/m1", HasSubstr("|math|pool/m2"), "org/name|law|org/name"));
  EXPECT_THROW(expand({"@lists/absent.txt"}), Error);
}

TEST_F(ModelsTest, AListThatNamesItselfIsRefused) {
  write("loop.txt", "@loop.txt\n");
  EXPECT_THROW(expand({"@loop.txt"}), Error);
}

TEST_F(ModelsTest, LabelsByFileAndByPattern) {
  fs::create_directories("pool/math-1");
  fs::create_directories("pool/code-1");
  fs::create_directories("pool/law");
  write("labels.csv", "name,label\nmath-1,from file\npool/law,by path\nghost,x\n");
  const ExpandOptions options{"labels.csv", "([^/]+)-[0-9]+$", {}};
  EXPECT_THAT(expand({"pool/math-1", "typed=pool/math-1", "pool/code-1", "pool/law"}, options),
              ElementsAre("math-1|from file|pool/math-1", "math-1|typed|pool/math-1", "code-1|code|pool/code-1",
                          "law|by path|pool/law"));
  EXPECT_THAT(expand_models({"pool/math-1", "pool/law"}, options).notes,
              ElementsAre(::testing::AllOf(HasSubstr("labels.csv"), HasSubstr("ghost"))));
  EXPECT_THAT(expand({"pool/code-1"}, {"", "co.e", {}}), ElementsAre("code-1|code|pool/code-1"));
  EXPECT_THROW(expand({"pool/code-1"}, {"", "(", {}}), Error);
}

TEST_F(ModelsTest, ShardsCountAfterExpansion) {
  write("list.txt", "b\nc\n");
  EXPECT_THAT(expand({"a", "@list.txt", "d"}, {"", "", {1, 2}}), ElementsAre("a||a", "c||c"));
  EXPECT_THAT(expand({"a", "@list.txt", "d"}, {"", "", {2, 2}}), ElementsAre("b||b", "d||d"));
  EXPECT_THAT(expand({"a"}, {"", "", {2, 2}}), ElementsAre());
}

TEST_F(ModelsTest, FoldersAndPatternsStandForTheModelsBelow) {
  for (const char* model : {"pool/math-2", "pool/math-1", "pool/code-1", "pool/deep/er/law-1"}) {
    fs::create_directories(model);
    write(std::string(model) + "/adapter_config.json", "{}");
  }
  write("pool/README.md", "");
  write("pool/one.GGUF", "");
  EXPECT_THAT(expand({"x=pool"}), ElementsAre("one.GGUF|x|pool/one.GGUF", "code-1|x|pool/code-1",
                                              "math-1|x|pool/math-1", "math-2|x|pool/math-2"));
  EXPECT_THAT(expand({"pool"}, {.recursive = true}), ::testing::Contains("law-1||pool/deep/er/law-1"));
  EXPECT_THAT(expand({"math=pool/math-*", "pool/code-1"}),
              ElementsAre("math-1|math|pool/math-1", "math-2|math|pool/math-2", "code-1||pool/code-1"));
  EXPECT_THAT(expand({"pool/[cR]*"}), ElementsAre("code-1||pool/code-1"));
  EXPECT_THROW(expand({"x=pool/none-*"}), Error);
  EXPECT_THAT(expand({"pool/code-1"}), ElementsAre("code-1||pool/code-1"));
  EXPECT_THAT(expand({"pool/deep"}), ElementsAre("deep||pool/deep"));  // opening it says that models lie deeper
}

TEST_F(ModelsTest, RowsOfAListNameModels) {
  fs::create_directories("pool/m1");
  write("l.jsonl", R"({"model": "pool/m1", "name": "mine", "label": "math"}
# a comment
{"model": "org/name"}
)");
  EXPECT_THAT(expand({"law=@l.jsonl"}), ElementsAre("mine|math|pool/m1", "org/name|law|org/name"));
  EXPECT_TRUE(expand_models({"@l.jsonl"}, {}).models[0].name_chosen);
  write("bad.jsonl", R"({"model": "pool/m1", "nam": "x"})");
  EXPECT_THAT(message_of([&] { expand({"@bad.jsonl"}); }), HasSubstr("did you mean name?"));
  write("twice.jsonl", "{\"model\": \"a\", \"name\": \"x\"}\n{\"model\": \"b\", \"name\": \"x\"}\n");
  EXPECT_THROW(expand({"@twice.jsonl"}), Error);
  EXPECT_THAT(expand({"pool/m1"}, {.name = "mine"}), ElementsAre("mine||pool/m1"));
  EXPECT_THROW(expand({"pool/m1", "b"}, {.name = "mine"}), Error);
}

TEST_F(ModelsTest, AMistypedPathWithAnEqualsIsNoLabel) {
  fs::create_directories("runs/lr=1e-5");
  EXPECT_THAT(expand({"runs/lr=1e-4"}), ElementsAre("runs/lr=1e-4||runs/lr=1e-4"));
  EXPECT_THAT(expand({"runs/x=org/name"}), ElementsAre("name||runs/x=org/name"));
  EXPECT_THAT(expand({"lr=org/name", "a/b=org/name"}), ElementsAre("org/name|lr|org/name", "org/name|a/b|org/name"));
}

TEST_F(ModelsTest, AddressesAreHubIds) {
  EXPECT_THAT(expand({"x=https://huggingface.co/org/name/tree/v2", "https://hf.co/org/other/"}),
              ElementsAre("org/name|x|org/name@v2", "org/other||org/other"));
}

TEST_F(ModelsTest, AnEmptyModelIsAUsageError) {
  EXPECT_THROW(expand({""}), Error);
  EXPECT_THROW(expand({"label="}), Error);
}

}  // namespace
}  // namespace deltascape
