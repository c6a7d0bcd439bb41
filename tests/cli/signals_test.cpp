// Specifies what the program says when a file it has mapped is cut off under it.
#include "cli/signals.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::cli {
namespace {

namespace fs = std::filesystem;

class SignalsDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = fs::temp_directory_path() / ("deltascape-signals-" + std::to_string(::getpid()));
    std::ofstream(file_) << std::string(10000, 'x');
  }
  void TearDown() override { fs::remove(file_); }
  fs::path file_;
};

[[noreturn]] void read_while_it_is_cut(const fs::path& file) {
  install_signal_handlers();
  const auto map = io::MappedFile::open(file);
  fs::resize_file(file, 0);
  const auto* bytes = reinterpret_cast<const volatile char*>(map->bytes().data());
  ::_exit(bytes[5000] == 'x' ? 0 : 2);
}

[[noreturn]] void write_beyond_the_limit(const fs::path& file) {
  install_signal_handlers();
  const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  try {
    io::write_file_atomically(file, std::string(20000, 'y'));
  } catch (const Error& error) {
    ::_exit(error.code() == ErrorCode::kIo && fs::file_size(file) == 10000 ? 7 : 3);
  }
  ::_exit(4);
}

TEST_F(SignalsDeathTest, AFileThatIsCutOffIsNamed) {
  EXPECT_EXIT(read_while_it_is_cut(file_), ::testing::ExitedWithCode(1),
              "^error: " + file_.string() + ": the file was truncated by another program[^\n]*\n$");
}

TEST_F(SignalsDeathTest, ALimitOnFilesIsAnError) {
  EXPECT_EXIT(write_beyond_the_limit(file_), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace deltascape::cli
