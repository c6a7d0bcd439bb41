// Downloads from a hub on loopback: what is asked, where it is put, and who gets the token.
#include "hub/fetch.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "hub/hub_player.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class FetchTest : public HubPlayer {
 protected:
  static std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> out;
    for (const auto& e : fs::recursive_directory_iterator(folder))
      if (!e.is_directory()) out.push_back(e.path().lexically_relative(folder).string());
    return out;
  }
};

TEST_F(FetchTest, NeededFilesComeIntoTheCacheAsOthersLayItOut) {
  add_model();
  plan({});
  const Resolved found = get();
  EXPECT_EQ(found.path, snapshot());
  EXPECT_EQ(found.commit, kPlayedCommit);
  EXPECT_EQ(found.note, "");
  EXPECT_THAT(names_in(snapshot()), UnorderedElementsAre("config.json", "tokenizer.json", "model.safetensors"));
  EXPECT_EQ(text(snapshot() / "model.safetensors"), weights_);
  EXPECT_EQ(text(entry() / "refs" / "main"), kPlayedCommit);
  for (const auto& e : fs::directory_iterator(snapshot())) {
    ASSERT_TRUE(e.is_symlink());
    const fs::path target = fs::read_symlink(e.path());
    EXPECT_TRUE(target.is_relative());
    EXPECT_EQ(target.parent_path(), "../../blobs");
    const std::size_t digits = target.filename().string().size();
    EXPECT_EQ(digits, e.path().filename() == "config.json" ? 40u : 64u);
    EXPECT_TRUE(fs::exists(settings_.cache / ".locks/models--org--model" / (target.filename().string() + ".lock")));
  }
  EXPECT_THAT(incomplete(), IsEmpty());
}

TEST_F(FetchTest, WhatIsThereIsNotAskedForAgain) {
  add_model();
  plan({});
  get();
  const std::size_t asked = log().size();
  EXPECT_EQ(get().path, snapshot());
  EXPECT_EQ(log().size(), asked);
  fs::remove(snapshot() / "model.safetensors");  // the blob is there still
  get();
  EXPECT_THAT(reads_of("model.safetensors"), SizeIs(1));
  EXPECT_EQ(text(snapshot() / "model.safetensors"), weights_);
}

TEST_F(FetchTest, AModelWithoutTokenizerJsonIsWholeOnceTheHubHasSaidSo) {
  add("org/model", "config.json", "{}");
  add("org/model", "pytorch_model.bin", weights_);
  plan({});
  get();
  const std::size_t asked = log().size();
  get();
  EXPECT_EQ(log().size(), asked);
}

TEST_F(FetchTest, WhatItsConfigurationRefusesIsNotDownloaded) {
  add("org/model", "config.json", R"({"quantization_config": {}})");
  add("org/model", "tokenizer.json", "{}");
  add("org/model", "model.safetensors", weights_);
  plan({});
  const auto refuse = [](const fs::path& folder) {
    EXPECT_EQ(text(folder / "config.json"), R"({"quantization_config": {}})");
    throw Error(ErrorCode::kUnsupported, "not this one");
  };
  EXPECT_THROW(fetch("org/model", silent_progress(), settings_, refuse), Error);
  EXPECT_THAT(reads_of("model.safetensors"), IsEmpty());
  EXPECT_THAT(reads_of("tokenizer.json"), IsEmpty());
}

TEST_F(FetchTest, AnAdapterIsItsConfigurationAndWeights) {
  add("org/model", "adapter_config.json", "{}");
  add("org/model", "adapter_model.safetensors", weights_);
  add("org/model", "adapter_model.bin", weights_);
  add("org/model", "tokenizer.json", "{}");
  add("org/model", "config.json", "{}");
  plan({});
  EXPECT_THAT(names_in(get().path), UnorderedElementsAre("adapter_config.json", "adapter_model.safetensors"));
}

TEST_F(FetchTest, ASentenceEncoderComesWithWhatItDoesWithItsTokens) {
  add("org/model", "config.json", "{}");
  add("org/model", "model.safetensors", weights_);
  for (const char* name : {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"})
    add("org/model", name, "{}");
  plan({});
  EXPECT_THAT(names_in(get().path), UnorderedElementsAre("config.json", "model.safetensors", "modules.json",
                                                         "sentence_bert_config.json", "1_Pooling/config.json"));
}

TEST_F(FetchTest, ShardsComeByTheirIndexFromSubfoldersToo) {
  add("org/model", "config.json", "{}");
  add("org/model", "vocab.json", "{}");
  add("org/model", "merges.txt", "");
  add("org/model", "model.safetensors.index.json",
      R"({"weight_map": {"a": "model-1.safetensors", "b": "parts/model-2.safetensors", "c": "model-1.safetensors"}})");
  add("org/model", "model-1.safetensors", weights_);
  add("org/model", "parts/model-2.safetensors", weights_ + "2");
  add("org/model", "model-3.safetensors", "not in the index");
  add("org/model", "pytorch_model.bin", "not when there are safetensors");
  plan({});
  EXPECT_THAT(names_in(get().path),
              UnorderedElementsAre("config.json", "vocab.json", "merges.txt", "model.safetensors.index.json",
                                   "model-1.safetensors", "parts/model-2.safetensors"));
  EXPECT_EQ(text(snapshot() / "parts/model-2.safetensors"), weights_ + "2");
}

TEST_F(FetchTest, OneGgufIsTakenSeveralAreNamed) {
  add("org/model", "model-q4.gguf", weights_);
  plan({});
  EXPECT_THAT(names_in(get().path), UnorderedElementsAre("model-q4.gguf"));
  add("org/many", "a.gguf", weights_);
  add("org/many", "b.gguf", weights_);
  EXPECT_THAT(failure("org/many", ErrorCode::kUsage), HasSubstr("a.gguf, b.gguf"));
  add("org/none", "README.md", "nothing");
  EXPECT_THAT(failure("org/none", ErrorCode::kNotFound), HasSubstr("no weights"));
}

TEST_F(FetchTest, RevisionsAreBranchesPullRequestsAndCommits) {
  add_model();
  plan({});
  EXPECT_EQ(get("org/model@refs/pr/1").commit, kPlayedCommit);
  EXPECT_EQ(text(entry() / "refs/refs/pr/1"), kPlayedCommit);
  EXPECT_FALSE(fs::exists(entry() / "refs/main"));
  EXPECT_EQ(log().front().path, "/api/models/org/model/revision/refs%2Fpr%2F1?blobs=true");
  fs::remove_all(settings_.cache);
  EXPECT_EQ(get("org/model@" + kPlayedCommit).path, snapshot());
  EXPECT_FALSE(fs::exists(entry() / "refs"));
  EXPECT_THAT(failure("org/model@v9", ErrorCode::kNotFound), HasSubstr("no revision 'v9'"));
}

TEST_F(FetchTest, ACacheThatDoesNotKnowWhatMainIsAsks) {
  add_model();
  plan({});
  fs::create_directories(entry() / "snapshots" / std::string(40, 'b'));
  EXPECT_EQ(get().commit, kPlayedCommit);
}

TEST_F(FetchTest, TheTokenGoesToTheEndpointAlone) {
  add_model();
  plan({{"token", "hf_secret"}});
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), HasSubstr("HF_TOKEN"));
  settings_.token = "hf_wrong";
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), HasSubstr("the token does not open"));
  fs::remove(folder_ / "log");
  settings_.token = "hf_secret";
  get();
  std::size_t at_hub = 0, at_storage = 0;
  for (const Asked& a : log()) {
    EXPECT_EQ(a.token, a.side == "hub" ? "Bearer hf_secret" : "") << a.path;
    ++(a.side == "hub" ? at_hub : at_storage);
  }
  EXPECT_GT(at_hub, 0u);
  EXPECT_GT(at_storage, 0u);  // another port of the same host is another place
}

TEST_F(FetchTest, TheTokenDoesNotFollowTheListingOrAnotherNameOfTheHost) {
  add_model();
  settings_.token = "hf_secret";
  const std::string away = "http://localhost:" + std::to_string(hub_port_) + "/api/models/org/model/revision/v1";
  plan({{"answers", {{{"match", "/revision/main"}, {"status", 307}, {"headers", {{"Location", away}}}}}}});
  get();
  bool seen = false;
  for (const Asked& a : log())
    if (a.path.ends_with("/revision/v1")) {
      seen = true;
      EXPECT_EQ(a.token, "");
    }
  EXPECT_TRUE(seen);
}

TEST_F(FetchTest, RedirectsInsideTheHubKeepTheToken) {
  add_model("org/renamed");
  settings_.token = "hf_secret";
  plan({{"token", "hf_secret"},
        {"answers",
         {{{"match", "/api/models/org/model/"},
           {"status", 307},
           {"headers", {{"Location", "/api/models/org/renamed/revision/main?blobs=true"}}}},
          {{"match", "/org/model/resolve/" + kPlayedCommit + "/config.json"},
           {"status", 307},
           {"headers", {{"Location", "/org/renamed/resolve/" + kPlayedCommit + "/config.json"}}}},
          {{"match", "/org/model/resolve/" + kPlayedCommit + "/tokenizer.json"},
           {"status", 307},
           {"headers", {{"Location", "/org/renamed/resolve/" + kPlayedCommit + "/tokenizer.json"}}}},
          {{"match", "/org/model/resolve/" + kPlayedCommit + "/model.safetensors"},
           {"status", 307},
           {"headers", {{"Location", "/org/renamed/resolve/" + kPlayedCommit + "/model.safetensors"}}}}}}});
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
}

TEST_F(FetchTest, RedirectsThatLeadNowhereEnd) {
  add_model();
  const auto redirect = [&](const std::string& to) {
    fs::remove_all(settings_.cache);
    plan({{"answers", {{{"match", "/api/models"}, {"status", 302}, {"headers", {{"Location", to}}}}}}});
    return failure();
  };
  EXPECT_THAT(redirect("/api/models/org/model/revision/main?again"), HasSubstr("more than 10 times"));
  EXPECT_THAT(redirect("file:///etc/passwd"), HasSubstr("not followed"));
  EXPECT_THAT(redirect("http://127.0.0.1:" + std::to_string(hub_port_) + "@elsewhere.invalid/"),
              HasSubstr("not followed"));
  EXPECT_THAT(redirect(""), HasSubstr("not followed"));
}

TEST_F(FetchTest, OfflineNothingIsAsked) {
  add_model();
  plan({});
  settings_.offline = true;
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), HasSubstr("HF_HUB_OFFLINE is set"));
  settings_.offline = false;
  get();
  const std::size_t asked = log().size();
  settings_.offline = true;
  EXPECT_EQ(get().path, snapshot());
  EXPECT_EQ(log().size(), asked);
}

TEST_F(FetchTest, PathsAreNeitherAskedForNorFound) {
  plan({});
  EXPECT_EQ(get(folder_.string()).path, folder_);
  EXPECT_THAT(failure("no/such/folder"), HasSubstr("no such file or folder"));
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(FetchTest, AnIncompleteSnapshotDoesWhenTheHubIsOutOfReach) {
  add_model();
  plan({});
  get();
  fs::remove(snapshot() / "tokenizer.json");
  settings_.endpoint = "http://127.0.0.1:1";
  const Resolved found = get();
  EXPECT_EQ(found.path, snapshot());
  EXPECT_THAT(found.note, HasSubstr("cannot be reached"));
  fs::remove(snapshot() / "model.safetensors");
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("http://127.0.0.1:1 cannot be reached"));
}

TEST_F(FetchTest, ProgressCountsMegabytes) {
  class Counter final : public Progress {
   public:
    void begin(std::string_view stage, std::int64_t total) override {
      stages.emplace_back(stage);
      total_ += total;
    }
    void advance(std::int64_t steps) override { done_ += steps; }
    void note(std::string_view) override {}
    std::vector<std::string> stages;
    std::int64_t total_ = 0, done_ = 0;
  } counter;
  add("org/model", "adapter_config.json", "{}");
  add("org/model", "adapter_model.bin", std::string(3'500'000, 'x'));
  plan({});
  fetch("org/model", counter, settings_);
  EXPECT_THAT(counter.stages, Contains("downloading org/model (MB)"));
  EXPECT_EQ(counter.total_, 3);
  EXPECT_EQ(counter.done_, 3);
}

}  // namespace
}  // namespace deltascape::hub
