#include "landscape/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace deltascape::landscape {

void parallel_blocks(std::size_t count, std::size_t block, const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t blocks = (count + block - 1) / block;
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t b = next++; b < blocks; b = next++) work(b * block, std::min(count, (b + 1) * block));
  };
  // glibc counts the cores of the affinity mask, not of the machine.
  const std::size_t threads = std::min<std::size_t>(std::max(1u, std::thread::hardware_concurrency()), blocks);
  std::vector<std::thread> helpers;
  for (std::size_t t = 1; t < threads; ++t) helpers.emplace_back(run);
  run();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace deltascape::landscape
