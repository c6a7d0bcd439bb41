// The text of the progress line, and when it is drawn on a pseudo-terminal.
#include "cli/progress_bar.h"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace deltascape::cli {
namespace {

using ::testing::HasSubstr;

TEST(BarLine, ShowsShareRateAndTimeLeft) {
  const std::string line = bar_line({"embedding", 25, 100, 10}, 80);
  EXPECT_THAT(line, HasSubstr("embedding  ["));
  EXPECT_THAT(line, HasSubstr("#-"));
  EXPECT_THAT(line, HasSubstr(" 25%"));
  EXPECT_THAT(line, HasSubstr("2.5/s"));
  EXPECT_THAT(line, HasSubstr("0:30 left"));
}

TEST(BarLine, EndsWithTheDetail) {
  EXPECT_TRUE(bar_line({"training", 25, 100, 10, "loss 1.3"}, 80).ends_with("0:30 left  loss 1.3"));
}

TEST(BarLine, FitsEveryWidth) {
  for (std::size_t width = 1; width < 120; ++width)
    EXPECT_LT(bar_line({"embedding", 7, 1000000, 10}, width).size(), width) << width;
}

TEST(BarLine, OddNumbersDoNoHarm) {
  EXPECT_THAT(bar_line({"s", 0, 0, 0}, 80), HasSubstr("0%"));
  EXPECT_THAT(bar_line({"s", 200, 100, 1}, 80), HasSubstr("100%"));
  EXPECT_THAT(bar_line({"s", 1, 100000, 1}, 80), HasSubstr("27:46:39 left"));
}

// What `seconds` of work write to a terminal.
std::string drawn_by_work(double seconds) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    {
      const Console console;
      ProgressBar bar(console);
      bar.begin("embedding", 10);
      for (int i = 0; i < 10; ++i) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 10));
        bar.advance(1);
      }
      bar.note("done");
    }
    _exit(0);
  }
  std::string seen;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(terminal, buffer, sizeof buffer)) > 0;)
    seen.append(buffer, static_cast<std::size_t>(n));
  waitpid(child, nullptr, 0);
  close(terminal);
  return seen;
}

TEST(ProgressBarTest, ShortWorkDrawsNothing) {
  EXPECT_THAT(drawn_by_work(0.1), ::testing::Not(HasSubstr("embedding")));
}

TEST(ProgressBarTest, LongWorkDrawsAndLeavesNothingOnTheLine) {
  const std::string seen = drawn_by_work(2.6);
  const std::size_t drawn = seen.rfind("embedding");
  ASSERT_NE(drawn, std::string::npos);
  EXPECT_THAT(seen, HasSubstr("100%"));
  EXPECT_NE(seen.find("\r\x1b[K", drawn), std::string::npos);
  EXPECT_LT(drawn, seen.find("done"));
}

}  // namespace
}  // namespace deltascape::cli
