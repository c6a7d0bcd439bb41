// Owns a folder that is the working directory of a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "temporary_folder.h"

namespace deltascape::testing {

class WorkingFolder : public FolderTest {
 protected:
  void SetUp() override { std::filesystem::current_path(folder_); }
  void TearDown() override { std::filesystem::current_path(before_); }
  static void write(const std::filesystem::path& file, const std::string& content) {
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
  }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
};

}  // namespace deltascape::testing
