// Specifies folders that go away: at the end of their scope, and with the next one where a process was killed.
#include "core/temporary_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace deltascape {
namespace {

namespace fs = std::filesystem;

// No other test's folders are touched: the purpose is this process's own.
std::string purpose() { return "folder-test-" + std::to_string(::getpid()); }

TEST(TemporaryFolder, GoesWithItsScopeAndLeavesOthersAlone) {
  const TemporaryFolder other(purpose());
  fs::path path;
  {
    const TemporaryFolder folder(purpose());
    path = folder.path();
    std::ofstream(path / "file") << "content";
    EXPECT_TRUE(fs::exists(path / "file"));
    EXPECT_TRUE(fs::exists(other.path()));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(other.path()));
}

TEST(TemporaryFolder, OfAKilledProcessGoesWithTheNext) {
  int channel[2];
  ASSERT_EQ(::pipe(channel), 0);
  const std::string mine = purpose();
  const pid_t child = ::fork();
  if (child == 0) {
    const TemporaryFolder folder(mine);
    const std::string path = folder.path().string();
    [[maybe_unused]] const auto written = ::write(channel[1], path.data(), path.size());
    ::raise(SIGKILL);
  }
  ASSERT_GT(child, 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  std::string left(4096, '\0');
  const auto length = ::read(channel[0], left.data(), left.size());
  ASSERT_GT(length, 0);
  left.resize(static_cast<std::size_t>(length));
  ASSERT_TRUE(fs::exists(left));

  const TemporaryFolder next(purpose());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(next.path()));
}

}  // namespace
}  // namespace deltascape
