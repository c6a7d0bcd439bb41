#include "engine/reader.h"

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

void Reader::wait() {
  const Timed timed(breakdown_, Work::kIo);
  std::unique_lock lock(mutex_);
  if (read_ == taken_) {
    waiting_ = true;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return read_ > taken_; });
  waiting_ = false;
  ++taken_;
}

void Reader::release() {
  loads_[taken_ - 1].release();
  {
    const std::lock_guard lock(mutex_);
    held_ -= loads_[taken_ - 1].bytes;
  }
  changed_.notify_all();
}

}  // namespace deltascape::engine
