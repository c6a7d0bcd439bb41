// Owns folders that work goes on in and that go away with it.
#pragma once

#include <filesystem>
#include <string>

namespace deltascape {

// A folder of its own below the system's temporary one, removed with all it holds. What a killed process left behind
// goes when the next folder of the same purpose is made: a folder in use is locked.
class TemporaryFolder {
 public:
  // purpose: a part of its name, as "bench". Throws Error(kIo).
  explicit TemporaryFolder(const std::string& purpose);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace deltascape
