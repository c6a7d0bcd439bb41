// Owns what the tests of training share: a folder with data, a tiny base, and options for a short run in it.
#pragma once

#include <fstream>
#include <iterator>
#include <map>

#include "deltascape/error.h"
#include "deltascape/train.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape::testing {

class TrainingTest : public FolderTest {
 protected:
  static std::filesystem::path golden(const std::string& family) { return models_folder() / family; }

  std::filesystem::path put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::filesystem::path completions(int rows = 7) const {
    std::string out;
    for (int i = 0; i < rows; ++i)
      out += io::Json{{"prompt", "What is " + std::to_string(i) + " and " + std::string(1 + i, 'q') + "?"},
                      {"completion", " It is " + std::string(i % 3, 'z') + "the number " + std::to_string(7 * i) + "."}}
                 .dump() +
             "\n";
    return put("completions.jsonl", out);
  }
  std::filesystem::path preferences(int rows = 5) const {
    std::string out;
    for (int i = 0; i < rows; ++i)
      out += io::Json{{"prompt", "Say " + std::to_string(i)},
                      {"chosen", " good " + std::string(i, 'a')},
                      {"rejected", " bad, bad " + std::to_string(i)}}
                 .dump() +
             "\n";
    return put("preferences.jsonl", out);
  }
  // Two epochs of two steps; one thread is the fastest for models as small as these.
  TrainOptions options(const std::string& out) const {
    TrainOptions o;
    o.base = (golden("llama") / "base").string();
    o.data = completions().string();
    o.out = (folder_ / out).string();
    o.rank = 2, o.learning_rate = 2e-2, o.batch = 2, o.accumulation = 2, o.epochs = 2;
    o.base_name = "tiny/llama";
    o.threads = 1;
    return o;
  }

  static std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Name -> content of all files of a folder.
  static std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      out[entry.path().filename().string()] = content(entry.path());
    return out;
  }
  std::vector<std::string> left() const {  // what lies in the test's folder beside data
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (entry.path().extension() != ".jsonl") out.push_back(entry.path().filename().string());
    return out;
  }
  static std::string refusal(const TrainOptions& options, ErrorCode code) {
    try {
      train(options);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    return "nothing was thrown";
  }
};

}  // namespace deltascape::testing
