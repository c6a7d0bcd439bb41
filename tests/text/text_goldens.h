// Owns what the tests of this room share: the goldens' folder and small tokenizers made in the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "io/json.h"
#include "temporary_folder.h"

namespace deltascape::text {

// The folder that tests/make_tokenizer_goldens.py writes; where it has not run, the test that asks fails.
inline std::filesystem::path golden_folder() {
  const char* root = std::getenv("DELTASCAPE_GOLDENS");
  const std::filesystem::path folder = std::filesystem::path(root ? root : "") / "tokenizers";
  if (root && std::filesystem::exists(folder / "index.json")) return folder;
  throw std::runtime_error(
      "no tokenizer goldens: run tests/make_tokenizer_goldens.py FOLDER and set DELTASCAPE_GOLDENS=FOLDER");
}

// A folder of the test's own that tokenizer files are written to.
class TemporaryFolder : public testing::TemporaryFolder {
 public:
  void write(const std::string& name, const std::string& content) const { std::ofstream(path() / name) << content; }
  void write(const std::string& name, const io::Json& content) const { write(name, content.dump()); }
};

// A byte-level BPE of `a` to `z`, space and two merges.
inline io::Json small_tokenizer() {
  io::Json vocabulary = io::Json::object();
  int id = 0;
  for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = id++;
  vocabulary["\u0120"] = id++;
  vocabulary["ab"] = id++;
  vocabulary["abc"] = id++;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", io::Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b", "ab c"}}}}};
}

}  // namespace deltascape::text
