// A hub on loopback for tests (play_hub.py), a cache in a temporary folder, and what was asked of the hub.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "hub/fetch.h"
#include "hub/http.h"
#include "temporary_folder.h"

namespace deltascape::hub {

using Json = nlohmann::json;

inline const std::string kPlayedCommit(40, 'a');

class HubPlayer : public testing::FolderTest {
 protected:
  void SetUp() override {
    if (!can_download()) GTEST_SKIP() << "built without libcurl";
    setenv("no_proxy", "*", 1);
    start();
    const bool tls = std::filesystem::exists(folder_ / "certificate.pem");
    settings_.endpoint = (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(hub_port_);
    settings_.cache = folder_ / "cache";
    settings_.pause = std::chrono::milliseconds(1);
  }
  void TearDown() override {
    if (player_ > 0) {
      close(to_player_);  // its input ends, and so does it
      waitpid(player_, nullptr, 0);
    }
  }

  void add(const std::string& repository, const std::string& file, const std::string& content) {
    const auto path = folder_ / "repositories" / repository / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  // A small model, all files in large-file storage but config.json.
  void add_model(const std::string& repository = "org/model") {
    add(repository, "config.json", "{\"model_type\": \"llama\"}");
    add(repository, "tokenizer.json", "{}");
    add(repository, "model.safetensors", weights_);
    add(repository, "README.md", "not needed");
    add(repository, "optimizer.pt", "not needed either");
  }
  void plan(Json plan) {
    if (!plan.contains("plain")) plan["plain"] = {"config.json"};
    std::ofstream(folder_ / "plan.json") << plan;
  }

  Resolved get(const std::string& model = "org/model") { return fetch(model, silent_progress(), settings_); }
  // The one line of the failure; "" when there was none.
  std::string failure(const std::string& model = "org/model", std::optional<ErrorCode> code = std::nullopt) {
    try {
      get(model);
      return "";
    } catch (const Error& e) {
      EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code.value_or(e.code()))) << e.what();
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      EXPECT_LT(std::string(e.what()).size(), 400u);
      return e.what();
    }
  }

  struct Asked {
    std::string side, method, path, range, token;
  };
  std::vector<Asked> log() const {
    std::vector<Asked> out;
    std::ifstream in(folder_ / "log");
    for (std::string line; std::getline(in, line);) {
      const Json entry = Json::parse(line);
      const auto header = [&](const char* name) { return entry["headers"].value(name, ""); };
      out.push_back({entry["side"], entry["method"], entry["path"], header("range"), header("authorization")});
    }
    return out;
  }
  // Requests for this file's content, to the storage (or to the hub, for a plain file).
  std::vector<Asked> reads_of(const std::string& file) const {
    std::vector<Asked> out;
    for (const Asked& a : log())
      if (a.side == "storage" && a.path.find(file) != std::string::npos) out.push_back(a);
    return out;
  }

  static std::string text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::filesystem::path entry() const { return settings_.cache / "models--org--model"; }
  std::filesystem::path snapshot() const { return entry() / "snapshots" / kPlayedCommit; }
  std::vector<std::filesystem::path> incomplete() const {
    std::vector<std::filesystem::path> out;
    std::error_code none;
    for (const auto& blob : std::filesystem::directory_iterator(entry() / "blobs", none))
      if (blob.path().extension() == ".incomplete") out.push_back(blob.path());
    return out;
  }

  // The hub's name for model.safetensors, as coreutils computes it.
  std::string sha256_of_weights() const {
    std::ofstream(folder_ / "weights", std::ios::binary) << weights_;
    FILE* pipe = popen(("sha256sum " + (folder_ / "weights").string()).c_str(), "r");
    char digits[65] = {};
    EXPECT_EQ(std::fscanf(pipe, "%64s", digits), 1);
    pclose(pipe);
    return digits;
  }

  Settings settings_;
  const std::string weights_ = [] {
    std::string out;
    for (int i = 0; out.size() < 200'000; ++i) out += std::to_string(i * 7919) + " ";
    return out;
  }();
  int hub_port_ = 0, storage_port_ = 0;

 private:
  void start() {
    const char* source = std::getenv("DELTASCAPE_SOURCE_DIR");
    ASSERT_NE(source, nullptr) << "set DELTASCAPE_SOURCE_DIR to the repository";
    const std::string script = std::string(source) + "/tests/hub/play_hub.py";
    int in[2], out[2];
    ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
    player_ = fork();
    ASSERT_GE(player_, 0);
    if (player_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execlp("python3", "python3", script.c_str(), folder_.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_player_ = in[1];
    FILE* said = fdopen(out[0], "r");
    ASSERT_EQ(std::fscanf(said, "%d %d", &hub_port_, &storage_port_), 2) << "play_hub.py did not start";
    std::fclose(said);
  }

  pid_t player_ = -1;
  int to_player_ = -1;
};

}  // namespace deltascape::hub
