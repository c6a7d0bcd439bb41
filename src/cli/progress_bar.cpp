// Owns drawing and wiping the progress line, and the plain lines of a log.
#include "cli/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "deltascape/error.h"

namespace deltascape::cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr auto kTick = std::chrono::milliseconds(500);
constexpr std::string_view kWipe = "\r\x1b[K";

void write_stderr(std::string_view text) {
  // A lost progress line is no reason to stop.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

extern "C" void wipe_and_die(int signal) {
  write_stderr(kWipe);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(seconds));
  char text[48];
  if (whole >= 3600) std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  else std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

}  // namespace

namespace {

double rate_of(const BarState& state) {
  return state.seconds > 0 ? static_cast<double>(state.done) / state.seconds : 0;
}

// Between plain lines; none: 0.
std::chrono::duration<double> plain_interval() {
  constexpr double kSeconds = 5;
  const char* text = std::getenv("DELTASCAPE_PROGRESS");
  if (text == nullptr) return std::chrono::duration<double>(kSeconds);
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  const bool number = end != text && *end == '\0' && seconds >= 0 && seconds < 1e9;
  return std::chrono::duration<double>(number ? seconds : kSeconds);
}

}  // namespace

std::string plain_line(const BarState& state) {
  std::string out = state.stage;
  if (state.total > 0) {
    const double share = static_cast<double>(state.done) / static_cast<double>(state.total);
    char text[80];
    std::snprintf(text, sizeof text, ": %lld of %lld (%.0f%%)", static_cast<long long>(state.done),
                  static_cast<long long>(state.total), std::floor(std::clamp(share, 0.0, 1.0) * 100));
    out += text;
  } else if (state.seconds > 0) {
    out += ", " + clock_text(state.seconds) + " so far";
  }
  if (const double rate = rate_of(state); rate > 0) {
    out += ", " + number(rate, 3) + "/s";
    if (state.done < state.total)
      out += ", " + clock_text(static_cast<double>(state.total - state.done) / rate) + " left";
  }
  if (!state.detail.empty()) out += ", " + state.detail;
  return out;
}

std::string bar_line(const BarState& state, std::size_t width) {
  const std::int64_t done = std::clamp<std::int64_t>(state.done, 0, std::max<std::int64_t>(state.total, 0));
  const double share = state.total > 0 ? static_cast<double>(done) / static_cast<double>(state.total) : 0;
  const double rate = rate_of({.done = done, .seconds = state.seconds});
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3.0f%%", std::floor(share * 100));
  std::string tail = std::string("  ") + percent;
  if (rate > 0) {
    tail += "  " + number(rate, 3) + "/s";
    if (done < state.total) tail += "  " + clock_text(static_cast<double>(state.total - done) / rate) + " left";
  } else if (state.seconds > 0) {
    tail += "  " + clock_text(state.seconds) + " so far";
  }
  if (!state.detail.empty()) tail += "  " + state.detail;
  const std::size_t taken = state.stage.size() + tail.size() + 5;
  const std::size_t cells = width > taken ? std::min<std::size_t>(width - taken, 30) : 0;
  std::string line = state.stage;
  if (cells >= 4) {
    const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
    line += "  [" + std::string(full, '#') + std::string(cells - full, '-') + "]";
  }
  line += tail;
  if (width > 0 && line.size() >= width) line.resize(width - 1);
  return line;
}

ProgressBar::ProgressBar(const Console& console)
    : console_(console),
      enabled_(!console.quiet && is_terminal(STDERR_FILENO)),
      started_(Clock::now()),
      stage_started_(started_),
      drawn_(started_ - kInterval) {
  const auto interval = enabled_ ? std::chrono::duration<double>(kTick) : plain_interval();
  if (!console.quiet && interval.count() > 0) ticker_ = std::thread([this, interval] { tick_every(interval); });
  if (!enabled_) return;
  std::signal(SIGINT, wipe_and_die);
  std::signal(SIGTERM, wipe_and_die);
}

ProgressBar::~ProgressBar() {
  {
    const std::scoped_lock lock(mutex_);
    wipe();
    ended_ = true;
  }
  end_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  if (!enabled_) return;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void ProgressBar::begin(std::string_view stage, std::int64_t total) {
  const std::scoped_lock lock(mutex_);
  state_ = {one_line(std::string(stage), 40), 0, total, 0, ""};
  stage_started_ = Clock::now();
  draw();
}

void ProgressBar::advance(std::int64_t steps) {
  const std::scoped_lock lock(mutex_);
  state_.done += steps;
  draw();
}

void ProgressBar::detail(std::string_view words) {
  const std::scoped_lock lock(mutex_);
  state_.detail = one_line(std::string(words), 60);
}

void ProgressBar::note(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  wipe();
  console_.note(line);
}

void ProgressBar::draw() {
  const Clock::time_point now = Clock::now();
  const bool complete = state_.total > 0 && state_.done >= state_.total;  // is seen, however fast it came
  if (!enabled_ || now - started_ < kPatience || (now - drawn_ < kInterval && !complete)) return;
  state_.seconds = std::chrono::duration<double>(now - stage_started_).count();
  const std::size_t width = std::max<std::size_t>(terminal_width(STDERR_FILENO), 20);
  write_stderr(std::string(kWipe) + bar_line(state_, width));
  visible_ = true;
  drawn_ = now;
}

void ProgressBar::tick_every(std::chrono::duration<double> interval) {
  std::unique_lock lock(mutex_);
  while (!end_.wait_for(lock, interval, [&] { return ended_; })) {
    if (state_.stage.empty()) continue;
    if (enabled_) {
      draw();
      continue;
    }
    state_.seconds = std::chrono::duration<double>(Clock::now() - stage_started_).count();
    write_stderr("progress: " + plain_line(state_) + "\n");
  }
}

void ProgressBar::wipe() {
  if (visible_) write_stderr(kWipe);
  visible_ = false;
}

}  // namespace deltascape::cli
