// How many threads LibTorch's work takes, for as long as a call lasts.
#pragma once

#include <ATen/Parallel.h>

#include "core/machine.h"

namespace deltascape::model {

class ThreadCount {
 public:
  // 0: all processors that the process may use. More threads than processors only wait for each other.
  explicit ThreadCount(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads_to_use(threads)); }
  ~ThreadCount() { at::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace deltascape::model
