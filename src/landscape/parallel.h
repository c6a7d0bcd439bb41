// Owns spreading independent rows over the cores this process may use.
#pragma once

#include <cstddef>
#include <functional>

namespace deltascape::landscape {

// Calls work(first, last) on disjoint blocks of `block` rows that cover [0, count), from several threads; work must
// not throw. A block's result must not depend on other blocks: then it is the same for every number of threads.
void parallel_blocks(std::size_t count, std::size_t block, const std::function<void(std::size_t, std::size_t)>& work);

}  // namespace deltascape::landscape
