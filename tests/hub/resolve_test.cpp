// Hub ids against made-up Hugging Face caches in a temporary folder.
#include "hub/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "deltascape/error.h"
#include "hub/environment.h"
#include "temporary_folder.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba98";

class ResolveTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      saved_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
      unsetenv(name);
    }
    setenv("HF_HUB_CACHE", folder_.c_str(), 1);
  }
  void TearDown() override {
    for (const auto& [name, value] : saved_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }

  fs::path repository(const std::string& name) { return folder_ / ("models--" + name); }
  void add_snapshot(const std::string& name, const std::string& commit) {
    fs::create_directories(repository(name) / "snapshots" / commit);
  }
  void add_ref(const std::string& name, const std::string& ref, const std::string& content) {
    fs::create_directories((repository(name) / "refs" / ref).parent_path());
    std::ofstream(repository(name) / "refs" / ref) << content;
  }
  static std::string failure(const std::string& model, ErrorCode code = ErrorCode::kNotFound) {
    try {
      return "resolved to " + resolve(model).path.string();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
  }

  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST_F(ResolveTest, AFileBehindTheRepositorysName) {
  const auto id = parse_hub_id("org/name/sub/model-Q8.gguf");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->repository, "org/name");
  EXPECT_EQ(id->inside, "sub/model-Q8.gguf");
  EXPECT_FALSE(parse_hub_id("org/name/model.safetensors"));
  EXPECT_FALSE(parse_hub_id("/name/model.gguf"));
}

TEST_F(ResolveTest, AddressesAreHubIds) {
  const auto id = [](const std::string& text) {
    const auto found = parse_hub_id(text);
    return found ? found->repository + "@" + found->revision + ":" + found->inside : std::string("none");
  };
  for (const char* host : {"https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "https://hf.co/",
                           "hf.co/", "https://www.huggingface.co/", "hf://"}) {
    EXPECT_EQ(id(std::string(host) + "org/name"), "org/name@:") << host;
    EXPECT_EQ(id(std::string(host) + "org/name/"), "org/name@:") << host;
    EXPECT_EQ(id(std::string(host) + "org/name/tree/v2"), "org/name@v2:") << host;
  }
  EXPECT_EQ(id("org/name/"), "org/name@:");
  EXPECT_EQ(id("https://huggingface.co/gpt2"), "gpt2@:");
  EXPECT_EQ(id("https://huggingface.co/gpt2/tree/main"), "gpt2@:");
  EXPECT_EQ(id("https://huggingface.co/org/name/tree/main?not-for-all-audiences=true#x"), "org/name@:");
  EXPECT_EQ(id("https://huggingface.co/org/name/tree/refs%2Fpr%2F1"), "org/name@refs/pr/1:");
  EXPECT_EQ(id("https://huggingface.co/org/name/blob/main/config.json"), "org/name@:");
  EXPECT_EQ(id("https://huggingface.co/org/name/blob/" + kCommit + "/q4/m.gguf"), "org/name@" + kCommit + ":q4/m.gguf");
  EXPECT_EQ(id("https://huggingface.co/org/name/tree/main/checkpoint-5"), "org/name@:checkpoint-5");
  EXPECT_EQ(id("https://huggingface.co/org/name/discussions/1"), "org/name@:");
  EXPECT_EQ(id("https://huggingface.co/datasets/org/name"), "none");
  EXPECT_EQ(id("https://example.com/org/name"), "none");
  setenv("HF_ENDPOINT", "https://hub.example.com/mirror/", 1);
  EXPECT_EQ(id("https://hub.example.com/mirror/org/name/tree/v2"), "org/name@v2:");
  unsetenv("HF_ENDPOINT");
  EXPECT_EQ(short_form("https://huggingface.co/org/name/tree/v2"), "org/name@v2");
  add_snapshot("org--name", kCommit);
  add_ref("org--name", "main", kCommit);
  EXPECT_EQ(resolve("https://huggingface.co/org/name/tree/main").path, repository("org--name") / "snapshots" / kCommit);
  EXPECT_THAT(failure("https://huggingface.co/datasets/org/name"), HasSubstr("not the page of a model"));
  EXPECT_THAT(failure("https://huggingface.co/org/name/tree/main/checkpoint-5", ErrorCode::kUnsupported),
              HasSubstr("--include 'checkpoint-5*'"));
  EXPECT_THAT(failure("https://huggingface.co/org/name/blob/main/m.gguf"), HasSubstr("not its file 'm.gguf'"));
  std::ofstream(repository("org--name") / "snapshots" / kCommit / "m.gguf") << "GGUF";
  EXPECT_EQ(resolve("https://huggingface.co/org/name/blob/main/m.gguf").path.filename(), "m.gguf");
}

TEST_F(ResolveTest, AMistypedPathIsAskedAbout) {
  fs::create_directories(folder_ / "adapters" / "math=1e-5");
  EXPECT_THAT(failure((folder_ / "adaptrs" / "math=1e-4").string()),
              HasSubstr("did you mean the path '" + (folder_ / "adapters" / "math=1e-5").string()));
  EXPECT_THAT(failure((folder_ / "quite" / "different").string()), ::testing::Not(HasSubstr("did you mean")));
}

TEST_F(ResolveTest, AnExistingPathWins) {
  const fs::path here = folder_ / "org" / "name";
  fs::create_directories(here);
  add_snapshot("org--name", kCommit);
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  const Resolved found = resolve("org/name");
  fs::current_path(before);
  EXPECT_EQ(found.path, "org/name");
  EXPECT_EQ(found.repository, "");
  EXPECT_EQ(resolve(here.string() + "/").path, here.string() + "/");
}

TEST_F(ResolveTest, FollowsRefsMain) {
  add_snapshot("org--name", kCommit);
  add_snapshot("org--name", kOther);
  add_ref("org--name", "main", kCommit + "\n");
  const Resolved found = resolve("org/name");
  EXPECT_EQ(found.path, repository("org--name") / "snapshots" / kCommit);
  EXPECT_EQ(found.repository, "org/name");
  EXPECT_EQ(found.commit, kCommit);
  EXPECT_EQ(found.note, "");
}

TEST_F(ResolveTest, ARevisionIsABranchAPullRequestOrACommit) {
  add_snapshot("org--name", kCommit);
  add_snapshot("org--name", kOther);
  add_ref("org--name", "main", kCommit);
  add_ref("org--name", "v1.0", kOther);
  add_ref("org--name", "refs/pr/3", kOther);
  EXPECT_EQ(resolve("org/name@v1.0").commit, kOther);
  EXPECT_EQ(resolve("org/name@refs/pr/3").commit, kOther);
  EXPECT_EQ(resolve("org/name@" + kOther).commit, kOther);
  EXPECT_EQ(resolve("org/name@main").commit, kCommit);
  EXPECT_THAT(failure("org/name@v2"), HasSubstr("hf download org/name --revision v2"));
}

TEST_F(ResolveTest, NamesWithoutOwner) {
  add_snapshot("gpt2", kCommit);
  add_ref("gpt2", "main", kCommit);
  EXPECT_EQ(resolve("gpt2").commit, kCommit);
}

TEST_F(ResolveTest, WithoutRefsMainTheOnlySnapshotIsUsedAndNoted) {
  add_snapshot("org--name", kCommit);
  const Resolved found = resolve("org/name");
  EXPECT_EQ(found.commit, kCommit);
  EXPECT_THAT(found.note, HasSubstr("refs/main"));
  add_snapshot("org--name", kOther);
  EXPECT_THAT(failure("org/name"), HasSubstr("2 snapshots"));
}

TEST_F(ResolveTest, WhatIsMissingIsSaidWithWhereAndWhatToDo) {
  const std::string absent = failure("org/absent");
  EXPECT_THAT(absent, HasSubstr("org/absent"));
  EXPECT_THAT(absent, HasSubstr((folder_ / "models--org--absent").string()));
  EXPECT_THAT(absent, HasSubstr("hf download org/absent"));
  add_ref("org--gone", "main", kCommit);
  EXPECT_THAT(failure("org/gone"), HasSubstr("without the files of commit"));
  EXPECT_THAT(failure("no/such/folder"), HasSubstr("no such file or folder"));
  failure("", ErrorCode::kUsage);
}

TEST_F(ResolveTest, NothingLeavesTheCache) {
  fs::create_directories(folder_ / "outside");
  add_ref("org--name", "main", "../../../outside");
  EXPECT_THAT(failure("org/name", ErrorCode::kBadFile), HasSubstr("refs/main"));
  EXPECT_FALSE(parse_hub_id("org/.."));
  EXPECT_FALSE(parse_hub_id("../name"));
  EXPECT_FALSE(parse_hub_id("org/name@../main"));
  EXPECT_FALSE(parse_hub_id("org/name@"));
  EXPECT_FALSE(parse_hub_id("org--x/name"));
  EXPECT_FALSE(parse_hub_id("org/na me"));
  EXPECT_FALSE(parse_hub_id("a/b/c"));
  EXPECT_TRUE(parse_hub_id("org/name_1.5-B"));
}

TEST_F(ResolveTest, AReferenceThatIsTooLargeIsRefused) {
  add_ref("org--name", "main", std::string(100000, 'a'));
  EXPECT_THROW(resolve("org/name"), Error);
}

TEST_F(ResolveTest, RootsInTheirOrder) {
  EXPECT_EQ(cache_root(), folder_);
  unsetenv("HF_HUB_CACHE");
  setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(cache_root(), "/home/someone/.cache/huggingface/hub");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(cache_root(), "/xdg/huggingface/hub");
  setenv("HF_HOME", "~/hf", 1);
  EXPECT_EQ(cache_root(), "/home/someone/hf/hub");
  setenv("HF_HUB_CACHE", "/cache", 1);
  EXPECT_EQ(cache_root(), "/cache");
}

}  // namespace
}  // namespace deltascape::hub
