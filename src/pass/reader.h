// Owns the thread that reads ahead: what the computation will need comes into memory in the order of use, while the
// layer before is computed, and never more than a number of bytes at once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/stopwatch.h"

namespace deltascape::engine {

// One thing to read. Neither function computes with tensors: they touch bytes on disk alone.
struct Load {
  std::uint64_t bytes = 0;
  std::function<void()> prefetch, release;
};

class Reader {
 public:
  // `loads` in the order in which they will be waited for; at most `limit` bytes of them stay in memory, or the one
  // that is waited for.
  Reader(std::vector<Load> loads, std::uint64_t limit, Breakdown* breakdown);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Returns when the next load is in memory, with its place in `loads`.
  std::size_t wait();
  // A load that was waited for is not needed any more.
  void release(std::size_t load);

 private:
  void read();

  std::vector<Load> loads_;
  std::uint64_t limit_;
  Breakdown* breakdown_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t read_ = 0;    // loads that are in memory, or were
  std::size_t taken_ = 0;   // loads that were waited for
  std::uint64_t held_ = 0;  // bytes that are in memory
  bool waiting_ = false;    // somebody needs the next load now, whatever the limit
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace deltascape::engine
