// Owns progress on stderr. On a terminal it is one line, drawn over and over once work has taken two seconds; elsewhere
// (a log, a pipe) a plain line every five seconds, the first after five. With -q there is none. DELTASCAPE_PROGRESS is
// how many seconds are between plain lines; 0: no plain lines.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "cli/console.h"
#include "deltascape/progress.h"

namespace deltascape::cli {

// "embedding  [######----]  42%  118/s  0:12 left", and the detail behind it. Pure, for tests.
struct BarState {
  std::string stage;
  std::int64_t done = 0, total = 0;
  double seconds = 0;  // since the stage began
  std::string detail{};
};
std::string bar_line(const BarState& state, std::size_t width);
// "embedding: 42 of 100 (42%), 118/s, 0:12 left, loss 1.3".
std::string plain_line(const BarState& state);

// Thread-safe. The destructor wipes the line, and so does an interrupt (SIGINT, SIGTERM). A thread of its own draws
// where a step takes long, and writes the plain lines where there is no terminal.
class ProgressBar final : public Progress {
 public:
  explicit ProgressBar(const Console& console);
  ~ProgressBar() override;
  void begin(std::string_view stage, std::int64_t total) override;
  void advance(std::int64_t steps) override;
  void detail(std::string_view words) override;
  void note(std::string_view line) override;

 private:
  using Clock = std::chrono::steady_clock;
  void draw();  // with mutex_ held
  void wipe();  // with mutex_ held
  void tick_every(std::chrono::duration<double> interval);

  const Console& console_;
  const bool enabled_;
  std::mutex mutex_;
  BarState state_;
  Clock::time_point started_, stage_started_, drawn_;
  bool visible_ = false, ended_ = false;
  std::condition_variable end_;
  std::thread ticker_;
};

}  // namespace deltascape::cli
