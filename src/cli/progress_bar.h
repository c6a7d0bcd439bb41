// Owns the progress line on stderr: drawn only on a terminal and only once work has taken two seconds.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

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

// Thread-safe. The destructor wipes the line, and so does an interrupt (SIGINT, SIGTERM).
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

  const Console& console_;
  const bool enabled_;
  std::mutex mutex_;
  BarState state_;
  Clock::time_point started_, stage_started_, drawn_;
  bool visible_ = false;
};

}  // namespace deltascape::cli
