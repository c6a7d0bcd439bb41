#include "pass/reader.h"

namespace deltascape::engine {

Reader::Reader(std::vector<Load> loads, std::uint64_t limit, Breakdown* breakdown)
    : loads_(std::move(loads)), limit_(limit), breakdown_(breakdown), thread_([this] { read(); }) {}

Reader::~Reader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (std::size_t i = taken_; i < read_; ++i) loads_[i].release();
}

void Reader::read() {
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || waiting_ || held_ + loads_[i].bytes <= limit_; });
      if (stop_) return;
      held_ += loads_[i].bytes;
      waiting_ = false;
    }
    loads_[i].prefetch();
    {
      const std::lock_guard lock(mutex_);
      read_ = i + 1;
    }
    changed_.notify_all();
  }
}

std::size_t Reader::wait() {
  const Timed timed(breakdown_, Work::kIo);
  std::unique_lock lock(mutex_);
  if (read_ == taken_) {
    waiting_ = true;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return read_ > taken_; });
  waiting_ = false;
  return taken_++;
}

void Reader::release(std::size_t load) {
  loads_[load].release();
  {
    const std::lock_guard lock(mutex_);
    held_ -= loads_[load].bytes;
  }
  changed_.notify_all();
}

}  // namespace deltascape::engine
