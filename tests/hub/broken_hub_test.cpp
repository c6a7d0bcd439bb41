// A hub that fails, lies or goes away in the middle: each is survived, or one line that says what happened.
#include <gmock/gmock.h>

#include <thread>

#include "hub/fetch.h"
#include "hub/hub_player.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BrokenHubTest : public HubPlayer {
 protected:
  void SetUp() override {
    HubPlayer::SetUp();
    if (IsSkipped()) return;
    add_model();
    plan({});
  }
  static Json answers(const std::string& match, int status, int times, Json headers = Json::object()) {
    return {{"answers", {{{"match", match}, {"status", status}, {"times", times}, {"headers", headers}}}}};
  }
  // Nothing of the weights is in the snapshot, so that no later run takes them for whole.
  void expect_no_weights() {
    EXPECT_FALSE(fs::exists(fs::symlink_status(snapshot() / "model.safetensors")));
    EXPECT_FALSE(fs::exists(entry() / "refs/main"));
  }
  // Runs get() in a process of its own.
  pid_t start_process() {
    const pid_t child = fork();
    if (child != 0) return child;
    try {
      get();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  static int status_of(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return status;
  }
};

TEST_F(BrokenHubTest, CutConnectionsGoOnWhereTheyEnded) {
  plan({{"cut", {{"model.safetensors", 50'000}}}});
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
  const auto reads = reads_of("model.safetensors");
  ASSERT_GE(reads.size(), 4u);
  EXPECT_EQ(reads[0].range, "");
  EXPECT_EQ(reads[1].range, "bytes=50000-");
  EXPECT_EQ(reads[2].range, "bytes=100000-");
}

TEST_F(BrokenHubTest, ConnectionsThatBringNothingAreGivenUp) {
  plan({{"cut", {{"model.safetensors", 0}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), AllOf(HasSubstr("model.safetensors"), HasSubstr("cut again")));
  EXPECT_THAT(reads_of("model.safetensors"), SizeIs(5));
  expect_no_weights();
}

TEST_F(BrokenHubTest, WithoutRangesAFileComesWhole) {
  plan({{"cut", {{"model.safetensors", 50'000}}}, {"cut_times", 2}, {"no_ranges", true}});
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
  plan({{"cut", {{"model.safetensors", 50'000}}}, {"no_ranges", true}});
  fs::remove_all(settings_.cache);
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("cut again"));
  EXPECT_LT(reads_of("model.safetensors").size(), 10u);
}

TEST_F(BrokenHubTest, WhatGetsBetterIsAskedAgain) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    fs::remove_all(settings_.cache);
    Json wrong = {
        {{"match", "/api/models"}, {"status", status}, {"times", 2}},
        {{"match", "HEAD /org/model/resolve"}, {"status", status}, {"times", 2}},
        {{"match", "GET /org/model/model.safetensors"}, {"status", status}, {"times", 2}, {"side", "storage"}}};
    plan({{"answers", wrong}});
    EXPECT_EQ(failure(), "") << status;
  }
}

TEST_F(BrokenHubTest, RepetitionsAreBounded) {
  plan(answers("/api/models", 503, 1000));
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("HTTP 503"));
  EXPECT_THAT(log(), SizeIs(5));
  plan(answers("/api/models", 429, 1000));
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("asks to wait"));
}

TEST_F(BrokenHubTest, RetryAfterIsHeeded) {
  plan(answers("/api/models", 429, 1, {{"Retry-After", "1"}}));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(failure(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(BrokenHubTest, RefusalsSayWhatToDo) {
  plan(answers("/api/models", 401, 1000));
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), HasSubstr("set HF_TOKEN"));
  plan(answers("/api/models", 403, 1000, {{"X-Error-Code", "GatedRepo"}}));
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), AllOf(HasSubstr("accept the terms"), HasSubstr("org/model")));
  plan(answers("HEAD /org/model/resolve", 403, 1000));
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), AllOf(HasSubstr("config.json"), HasSubstr("HTTP 403")));
  EXPECT_THAT(failure("org/absent", ErrorCode::kNotFound), HasSubstr("no such repository"));
  plan(answers("HEAD /org/model/resolve", 404, 1000, {{"X-Error-Code", "EntryNotFound"}}));
  EXPECT_THAT(failure("org/model", ErrorCode::kNotFound), AllOf(HasSubstr("config.json"), HasSubstr("this file")));
  plan(answers("/api/models", 418, 1000, {{"X-Error-Message", "tea\twith \x1b[31mcolour"}}));
  const std::string tea = failure("org/model", ErrorCode::kIo);
  EXPECT_THAT(tea, HasSubstr("HTTP 418"));
  EXPECT_EQ(tea.find('\x1b'), std::string::npos);
}

TEST_F(BrokenHubTest, AnUnsatisfiableRangeStartsAnew) {
  const Json refusal = {{"match", "GET /org/model/model.safetensors"}, {"status", 416}, {"side", "storage"}};
  Json once = refusal;
  once["times"] = 1;
  plan({{"answers", {once}}});
  fs::create_directories(entry() / "blobs");
  std::ofstream(entry() / "blobs" / (sha256_of_weights() + ".incomplete")) << "some other bytes";
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
  EXPECT_EQ(reads_of("model.safetensors").front().range, "bytes=16-");
  EXPECT_EQ(reads_of("model.safetensors").back().range, "");
  fs::remove_all(settings_.cache);
  plan({{"answers", {refusal}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("HTTP 416"));
}

TEST_F(BrokenHubTest, AWrongHashIsNoFile) {
  plan({{"etag", {{"model.safetensors", std::string(64, 'e')}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("by its hash")));
  expect_no_weights();
  EXPECT_THAT(incomplete(), IsEmpty());
  plan({{"list_sha256", {{"model.safetensors", std::string(64, 'd')}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("by its hash"));
  fs::remove_all(settings_.cache);
  plan({{"etag", {{"config.json", std::string(40, 'e')}}}});  // a Git hash counts as well
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), AllOf(HasSubstr("config.json"), HasSubstr("by its hash")));
}

TEST_F(BrokenHubTest, AnEtagThatIsAPathIsRefused) {
  for (const std::string etag : {"../../../escape", "a/b", "..", "", " "}) {
    plan({{"etag", {{"config.json", etag.empty() ? "\"\"" : etag}}}});
    EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("ETag")) << etag;
  }
  EXPECT_FALSE(fs::exists(folder_ / "escape"));
}

TEST_F(BrokenHubTest, AWrongSizeIsNoFile) {
  plan({{"size", {{"model.safetensors", 5}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), AllOf(HasSubstr("model.safetensors"), HasSubstr("one size")));
  // Hub and listing agree, the storage has more.
  plan({{"size", {{"model.safetensors", 5}}}, {"list_size", {{"model.safetensors", 5}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("another size"));
  // The storage has less.
  plan({{"size", {{"model.safetensors", 900'000}}}, {"list_size", {{"model.safetensors", 900'000}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("another size"));
  plan({{"range", {{"model.safetensors", "bytes 7-9/10"}}}, {"cut", {{"model.safetensors", 1000}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("another part"));
  expect_no_weights();
  // No disk has room for this, and nothing is written.
  fs::remove_all(settings_.cache);
  const std::int64_t huge = std::int64_t{1} << 60;
  plan({{"size", {{"tokenizer.json", huge}}}, {"list_size", {{"tokenizer.json", huge}}}});
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("no room"));
}

TEST_F(BrokenHubTest, ListedPathsStayInTheirFolder) {
  for (const std::string name :
       {"../../escape.gguf", "/etc/escape", "a/../../b", "a//b", "", ".", "a\\..\\b", "a\nb"}) {
    plan({{"list", {{{"rfilename", name}, {"size", 3}}}}});
    EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("leaves its folder")) << name;
  }
  EXPECT_FALSE(fs::exists(settings_.cache));
}

TEST_F(BrokenHubTest, ShardNamesStayInTheirFolder) {
  fs::remove(folder_ / "repositories/org/model/model.safetensors");
  for (const std::string shard : {"../../escape.safetensors", "/tmp/escape.bin", "notes.txt"}) {
    fs::remove_all(settings_.cache);
    add("org/model", "model.safetensors.index.json", Json{{"weight_map", {{"a", shard}}}}.dump());
    EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("a file that is not a shard")) << shard;
  }
  fs::remove_all(settings_.cache);
  add("org/model", "model.safetensors.index.json", Json{{"weight_map", {{"a", "absent.safetensors"}}}}.dump());
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("does not have"));
}

TEST_F(BrokenHubTest, AListingThatMakesNoSense) {
  plan({{"commit", "../../refs"}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("40 hexadecimal digits"));
  plan({{"list", {3}}});
  EXPECT_NE(failure("org/model", ErrorCode::kBadFile), "");
  plan({{"answers", {{{"match", "/api/models"}, {"status", 200}}}}});  // "no file" is no JSON
  EXPECT_NE(failure("org/model", ErrorCode::kBadFile), "");
  EXPECT_FALSE(fs::exists(settings_.cache));
}

TEST_F(BrokenHubTest, TwoProcessesShareTheWork) {
  plan({{"slow", {{"model.safetensors", 0.4}}}});
  const pid_t one = start_process(), other = start_process();
  EXPECT_EQ(status_of(one), 0);
  EXPECT_EQ(status_of(other), 0);
  EXPECT_THAT(reads_of("model.safetensors"), SizeIs(1));
  EXPECT_EQ(text(snapshot() / "model.safetensors"), weights_);
}

TEST_F(BrokenHubTest, AKillInTheMiddleIsResumed) {
  plan({{"slow", {{"model.safetensors", 20}}}});
  const pid_t child = start_process();
  const auto half = [&] {
    for (const auto& file : incomplete())
      if (fs::file_size(file) >= weights_.size() / 2) return true;
    return false;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(15);
  while (!half() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_EQ(kill(child, SIGKILL), 0);
  EXPECT_TRUE(WIFSIGNALED(status_of(child)));
  ASSERT_TRUE(half());
  expect_no_weights();
  plan({});
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
  EXPECT_EQ(reads_of("model.safetensors").back().range, "bytes=" + std::to_string(weights_.size() / 2) + "-");
}

TEST_F(BrokenHubTest, ABeginningOfAnotherFileIsNotedByItsHash) {
  fs::create_directories(entry() / "blobs");
  for (const std::string& rest : {std::string(1000, '?'), std::string(weights_.size(), '?'), weights_ + "more"}) {
    std::ofstream(entry() / "blobs" / (sha256_of_weights() + ".incomplete")) << rest;
    EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
    fs::remove(snapshot() / "model.safetensors");
    fs::remove(entry() / "blobs" / sha256_of_weights());
  }
}

TEST_F(BrokenHubTest, AHostileCacheIsNotWrittenThrough) {
  fs::create_directories(entry() / "blobs");
  std::ofstream(folder_ / "precious") << "mine";
  fs::create_symlink(folder_ / "precious", entry() / "blobs" / (sha256_of_weights() + ".incomplete"));
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("cannot write here"));
  EXPECT_EQ(text(folder_ / "precious"), "mine");
}

}  // namespace
}  // namespace deltascape::hub
