// Owns the way of a layer's weights to a device: decoded into page-locked memory, from which the device copies them
// while it still computes the layer before.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

namespace deltascape::engine {

class Staging {
 public:
  explicit Staging(c10::Device device) : device_(device) {}
  // Where to decode a tensor of the layer to; its memory is used again two layers later.
  at::Tensor place(c10::IntArrayRef shape, at::ScalarType dtype);
  // `host`, which may be what place() gave, on the device as soon as the device comes to it.
  at::Tensor send(const at::Tensor& host) const { return host.to(device_, /*non_blocking=*/true); }
  // All tensors of one layer are sent.
  void end_layer();

 private:
  // Memory that grows in blocks; valid again once the device has passed `copied`.
  struct Arena {
    std::vector<at::Tensor> blocks;  // bytes
    std::size_t block = 0;
    std::int64_t used = 0;  // of that block
    std::optional<c10::Event> copied;
  };

  c10::Device device_;
  Arena arenas_[2];
  int current_ = 0;
};

}  // namespace deltascape::engine
