// The text of the progress line, and when it is drawn on a pseudo-terminal.
#include "cli/progress_bar.h"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
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

// What `seconds` of work in some steps write to a terminal.
std::string drawn_by_work(double seconds, int steps = 10) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    {
      const Console console;
      ProgressBar bar(console);
      bar.begin("embedding", steps);
      for (int i = 0; i < steps; ++i) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds / steps));
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

TEST(ProgressBarTest, OneLongStepIsDrawnWhileItLasts) {
  EXPECT_THAT(drawn_by_work(3.2, 1), HasSubstr("embedding    0%"));
}

TEST(ProgressBarTest, LongWorkDrawsAndLeavesNothingOnTheLine) {
  const std::string seen = drawn_by_work(2.6);
  const std::size_t drawn = seen.rfind("embedding");
  ASSERT_NE(drawn, std::string::npos);
  EXPECT_THAT(seen, HasSubstr("100%"));
  EXPECT_NE(seen.find("\r\x1b[K", drawn), std::string::npos);
  EXPECT_LT(drawn, seen.find("done"));
}

TEST(PlainLine, HasCountsShareRateAndTimeLeft) {
  EXPECT_EQ(plain_line({"embedding", 25, 100, 10}), "embedding: 25 of 100 (25%), 2.5/s, 0:30 left");
  EXPECT_EQ(plain_line({"training", 100, 100, 10, "loss 1.3"}), "training: 100 of 100 (100%), 10/s, loss 1.3");
  EXPECT_EQ(plain_line({"reading", 0, 0, 0}), "reading");
  EXPECT_EQ(plain_line({"clustering", 0, 0, 35}), "clustering, 0:35 so far");
  EXPECT_EQ(plain_line({"s", 0, 4, 7}), "s: 0 of 4 (0%)");
}

// What stalled work writes to a pipe: its one step takes all the time.
std::string said_by_work(double seconds, const char* interval, bool quiet) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    if (interval) setenv("DELTASCAPE_PROGRESS", interval, 1);
    else unsetenv("DELTASCAPE_PROGRESS");
    {
      const Console console{.quiet = quiet};
      ProgressBar bar(console);
      bar.begin("embedding", 10);
      bar.advance(4);
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    }
    _exit(0);
  }
  close(ends[1]);
  std::string seen;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) seen.append(buffer, static_cast<std::size_t>(n));
  waitpid(child, nullptr, 0);
  close(ends[0]);
  return seen;
}

TEST(ProgressBarTest, WhereThereIsNoTerminalLongWorkSaysPlainLines) {
  const std::string seen = said_by_work(0.5, "0.1", false);
  EXPECT_TRUE(seen.starts_with("progress: embedding: 4 of 10 (40%), ")) << seen;
  EXPECT_GE(std::count(seen.begin(), seen.end(), '\n'), 2);
  EXPECT_TRUE(seen.ends_with(" left\n")) << seen;
  EXPECT_THAT(seen, ::testing::Not(HasSubstr("\x1b")));
}

TEST(ProgressBarTest, ShortQuietAndUnaskedWorkSaysNothing) {
  EXPECT_EQ(said_by_work(0.3, nullptr, false), "");
  EXPECT_EQ(said_by_work(0.3, "0.1", true), "");
  EXPECT_EQ(said_by_work(0.3, "0", false), "");
}

}  // namespace
}  // namespace deltascape::cli
