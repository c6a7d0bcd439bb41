// Owns what the io tests share: goldens, a scratch folder, builders of broken files, and the one check of a refusal.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::io {

// A file of tests/make_io_goldens.py; a missing one fails the test that asks.
inline std::filesystem::path golden(const std::string& name) {
  const char* folder = std::getenv("DELTASCAPE_GOLDENS");
  const auto file = std::filesystem::path(folder ? folder : "goldens") / "io" / name;
  if (!std::filesystem::exists(file))
    throw std::runtime_error(file.string() +
                             " is missing: run tests/make_io_goldens.py FOLDER and set "
                             "DELTASCAPE_GOLDENS=FOLDER");
  return file;
}

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// A folder of its own for every test, removed at the end.
class Scratch : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::filesystem::path memory = "/dev/shm";  // the suites write thousands of files
    const auto base = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    folder_ = base / ("deltascape-io-" + std::to_string(::getpid()) + "-" + test->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path put(const std::string& name, const std::string& content) const {
    const auto file = folder_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return file;
  }
  std::filesystem::path folder_;
};

// While one lives, an allocation of more than 32 MiB throws std::bad_alloc, which is no Error.
class NoLargeAllocations {
 public:
  NoLargeAllocations();
  ~NoLargeAllocations();
};

// `read` must throw an Error of one short line that names `file` and says `words`.
inline void expect_refusal(const std::function<void()>& read, const std::filesystem::path& file,
                           const std::string& words) {
  const NoLargeAllocations limit;
  try {
    read();
    ADD_FAILURE() << "nothing was thrown for " << words;
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_LT(what.size(), 400u);
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    EXPECT_NE(what.find(file.filename().string()), std::string::npos) << what;
    EXPECT_NE(what.find(words), std::string::npos) << what;
  } catch (const std::exception& other) {
    ADD_FAILURE() << "not an Error: " << other.what() << " for " << words;
  }
}

// Little-endian numbers one after the other.
template <class... Numbers>
std::string packed(Numbers... numbers) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
  return out;
}

// A zip archive of stored entries, made without the writer under test and without waiting for the disk.
inline void put_zip(const std::filesystem::path& file,
                    const std::vector<std::pair<std::string, std::string>>& entries) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  std::string locals, centrals;
  for (const auto& [name, content] : entries) {
    const auto crc =
        static_cast<U32>(::crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
    const auto size = static_cast<U32>(content.size());
    const auto common = packed(U16{20}, U16{0}, U16{0}, U32{0}, crc, size, size, static_cast<U16>(name.size()), U16{0});
    centrals += packed(U32{0x02014b50}, U16{20}) + common +
                packed(U16{0}, U16{0}, U16{0}, U32{0}, static_cast<U32>(locals.size())) + name;
    locals += packed(U32{0x04034b50}) + common + name + content;
  }
  const auto count = static_cast<U16>(entries.size());
  std::ofstream(file, std::ios::binary) << locals << centrals
                                        << packed(U32{0x06054b50}, U32{0}, count, count,
                                                  static_cast<U32>(centrals.size()), static_cast<U32>(locals.size()),
                                                  U16{0});
}

}  // namespace deltascape::io
