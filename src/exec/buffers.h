// Owns the large buffers of a run: they go round instead of back to the kernel, which would hand them out again as
// fresh zeroed pages, one fault each. A layer's weights and a chunk's values have the same sizes over and over.
#pragma once

#include <cstddef>

namespace deltascape::engine {

// While one lives, LibTorch's CPU tensors of a MiB and more come from a pool, which is emptied at the end. Tensors may
// outlive it. Scopes may nest or run beside each other; the first one's limit counts.
class BufferScope {
 public:
  // Buffers in use and at rest together stay below `limit` bytes as long as those in use do.
  explicit BufferScope(std::size_t limit);
  ~BufferScope();
  BufferScope(const BufferScope&) = delete;
  BufferScope& operator=(const BufferScope&) = delete;
};

}  // namespace deltascape::engine
