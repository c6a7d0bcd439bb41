// How the libraries of cmake/Assorthead.cmake spread their loops: over the threads of parallel.h, in blocks of which
// none depends on another. OpenMP stays LibTorch's.
#pragma once

#include "landscape/parallel.h"

namespace deltascape::landscape {

// run(worker, first, length) as the libraries call it; ours do not ask which worker they are.
template <class Count, class Run>
void run_ranges(Count count, const Run& run) {
  constexpr std::size_t kBlock = 512;
  parallel_blocks(static_cast<std::size_t>(count), kBlock, [&](std::size_t first, std::size_t last) {
    run(0, static_cast<Count>(first), static_cast<Count>(last - first));
  });
}

}  // namespace deltascape::landscape
