// Owns what the fuzz targets share: the files they give to a reader, and the one way in which a reader may fail.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "deltascape/error.h"
#include "io/tensor_file.h"

namespace deltascape::fuzz {

// A folder in memory (where the machine has /dev/shm) that goes when the process ends.
class Folder {
 public:
  Folder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    const std::filesystem::path above = memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    path_ = above / ("deltascape-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Writes anew and returns the path.
  std::filesystem::path put(const char* name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0 || ::write(out, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      std::perror(file.c_str());
      std::abort();
    }
    ::close(out);
    return file;
  }
  void remove(const char* name) const { ::unlink((path_ / name).c_str()); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline const Folder& folder() {
  static const Folder one;
  return one;
}

// A reader gives a result or throws an Error of one line; anything else ends the run as a finding.
template <class Read>
int run(Read read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string_view line = error.what();
    const bool one_line = std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < 0x20; });
    if (error.code() == ErrorCode::kInternal || line.size() >= 400 || line.empty() || !one_line) {
      std::fprintf(stderr, "not what an error may be: %s\n", error.what());
      std::abort();
    }
  }
  return 0;
}

// Touches every byte of every tensor, and decodes it.
inline void read_all(const io::TensorFile& file) {
  constexpr std::uint64_t kMost = 1 << 16;
  std::vector<float> values;
  for (const io::TensorInfo& tensor : file.tensors()) {
    const auto bytes = file.bytes(tensor);
    if (file.find(tensor.name) == nullptr) std::abort();
    if (tensor.elements > kMost) continue;
    values.resize(tensor.elements);
    io::decode_finite(tensor.dtype, bytes, values.data(), tensor.elements);
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace deltascape::fuzz
