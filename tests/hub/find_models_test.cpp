// The search for models below a folder, on trees made here.
#include "hub/find_models.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "temporary_folder.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba98";

class FindModels : public testing::FolderTest {
 protected:
  void add(const fs::path& file, const std::string& content = "") const {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << content;
  }
  // Paths below the test's folder.
  std::vector<std::string> found(const fs::path& below = "", const FindLimits& limits = {}) {
    const FoundModels all = find_models(below.empty() ? folder_ : folder_ / below, limits);
    problems_ = all.problems;
    std::vector<std::string> out;
    for (const fs::path& path : all.models) out.push_back(path.lexically_relative(folder_).string());
    return out;
  }

  std::vector<std::string> problems_;
};

TEST_F(FindModels, AModelsFolderIsThatModel) {
  add("run/adapter_config.json", "{}");
  add("run/checkpoint-10/adapter_config.json", "{}");
  EXPECT_THAT(found("run"), ElementsAre("run"));
  EXPECT_THAT(found("run/adapter_config.json"), ElementsAre("run/adapter_config.json"));
}

TEST_F(FindModels, NamedAdaptersLieInTheDefaultsFolder) {
  for (const char* at : {"run", "run/checkpoint-10", "run/style", "run/style/deeper", "run/logs"})
    add(std::string(at) + (std::string(at) == "run/logs" ? "/events.txt" : "/adapter_config.json"), "{}");
  EXPECT_THAT(found("run"), ElementsAre("run"));
  EXPECT_THAT(found("run", {.in_models = true}), ElementsAre("run", "run/style"));
}

TEST_F(FindModels, NestedFoldersInOrder) {
  add("b/org/two/adapter_model.safetensors");
  add("a/adapter_config.json", "{}");
  add("b/full/config.json", R"({"model_type":"llama"})");
  add("b/sharded/model.safetensors.index.json", "{}");
  add("b/model-q4.gguf");
  add("b/notes.txt");
  add("c/old/pytorch_model.bin");
  add(".trash/adapter_config.json", "{}");
  EXPECT_THAT(found(), ElementsAre("a", "b/model-q4.gguf", "b/full", "b/org/two", "b/sharded", "c/old"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FindModels, AConfigurationOfSomethingElseIsNoModel) {
  add("config.json", R"({"editor":"vi"})");
  add("web/config.json", "not even JSON");
  add("web/adapter/adapter_config.json", "{}");
  EXPECT_THAT(found(), ElementsAre("web/adapter"));
  add("config.json", R"({"model_type":"llama"})");
  EXPECT_THAT(found(), ElementsAre("."));
}

TEST_F(FindModels, GgufFiles) {
  add("one/model.gguf");
  EXPECT_THAT(found("one"), ElementsAre("one"));
  EXPECT_THAT(found(), ElementsAre("one/model.gguf"));
  add("one/other.gguf");
  add("one/big-00001-of-00003.gguf");
  add("one/big-00002-of-00003.gguf");
  add("one/big-00003-of-00003.gguf");
  EXPECT_THAT(found("one"), ElementsAre("one/big-00001-of-00003.gguf", "one/model.gguf", "one/other.gguf"));
}

TEST_F(FindModels, TheCachesLayout) {
  for (const std::string& commit : {kCommit, kOther}) {
    add("models--org--base/snapshots/" + commit + "/config.json", R"({"model_type":"llama"})");
    add("models--org--adapter/snapshots/" + commit + "/adapter_config.json", "{}");
  }
  add("models--org--base/refs/main", kOther);
  add("models--org--base/blobs/0000", "weights");
  EXPECT_THAT(found(),
              ElementsAre("models--org--adapter/snapshots/" + kCommit, "models--org--adapter/snapshots/" + kOther,
                          "models--org--base/snapshots/" + kOther));
  EXPECT_THAT(found("models--org--base/"), ElementsAre("models--org--base/snapshots/" + kOther));
  add("models--org--base/refs/main", "../../..");
  EXPECT_EQ(found("models--org--base").size(), 2u);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0], HasSubstr("refs/main"));
}

TEST_F(FindModels, LinksAreFollowedOnceAndCirclesEnd) {
  add("real/adapter/adapter_config.json", "{}");
  fs::create_directory_symlink(folder_, folder_ / "real" / "up");
  fs::create_directory_symlink("circle", folder_ / "circle");
  fs::create_directories(folder_ / "other");
  fs::create_directory_symlink(folder_ / "real" / "adapter", folder_ / "other" / "twin");
  fs::create_symlink(folder_ / "nowhere", folder_ / "broken");
  EXPECT_THAT(found("other"), ElementsAre("other/twin"));
  const FoundModels all = find_models(folder_);
  EXPECT_THAT(all.models, ElementsAre(folder_ / "other/twin", folder_ / "real/adapter"));
  EXPECT_THAT(all.problems, IsEmpty());
}

TEST_F(FindModels, RunawayTreesEndWithAProblem) {
  fs::path deep = "a";
  for (int i = 0; i < 10; ++i) deep /= "a";
  add(deep / "adapter_config.json", "{}");
  add("a/a/a/a/a/b/adapter_config.json", "{}");
  EXPECT_EQ(found().size(), 2u);
  EXPECT_THAT(found("", {.depth = 5}), IsEmpty());
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0], HasSubstr("5 folders"));
  for (int i = 0; i < 100; ++i) add("many/" + std::to_string(i) + "/adapter_config.json", "{}");
  EXPECT_LT(found("many", {.entries = 20}).size(), 20u);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0], HasSubstr("20 files"));
}

TEST_F(FindModels, WhatCannotBeOpenedIsSaid) {
  if (::geteuid() == 0) GTEST_SKIP() << "nothing is closed to root";
  add("closed/adapter_config.json", "{}");
  add("open/adapter_config.json", "{}");
  fs::permissions(folder_ / "closed", fs::perms::none);
  EXPECT_THAT(found(), ElementsAre("open"));
  fs::permissions(folder_ / "closed", fs::perms::owner_all);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0], HasSubstr("closed"));
}

}  // namespace
}  // namespace deltascape::hub
