#include "pass/staging.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

namespace deltascape::engine {
namespace {

constexpr std::int64_t kBlock = 64 << 20, kAlignment = 256;

}  // namespace

at::Tensor Staging::place(c10::IntArrayRef shape, at::ScalarType dtype) {
  Arena& arena = arenas_[current_];
  if (arena.copied) {
    arena.copied->synchronize();
    arena.copied.reset();
  }
  const std::int64_t elements = c10::multiply_integers(shape);
  const std::int64_t bytes = elements * static_cast<std::int64_t>(c10::elementSize(dtype));
  while (arena.block < arena.blocks.size() && arena.blocks[arena.block].numel() - arena.used < bytes)
    ++arena.block, arena.used = 0;
  if (arena.block == arena.blocks.size())
    arena.blocks.push_back(at::empty({std::max(bytes, kBlock)}, at::TensorOptions(at::kByte).pinned_memory(true)));
  const at::Tensor place = arena.blocks[arena.block].narrow(0, arena.used, bytes);
  arena.used = (arena.used + bytes + kAlignment - 1) / kAlignment * kAlignment;
  return place.view(dtype).view(shape);
}

void Staging::end_layer() {
  Arena& arena = arenas_[current_];
  arena.copied.emplace(device_.type());
  arena.copied->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  arena.block = 0, arena.used = 0;
  current_ = 1 - current_;
}

}  // namespace deltascape::engine
