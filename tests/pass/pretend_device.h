// Owns a device that is none: tensors "on" it have addresses that nobody may touch; its kernels copy their bytes to the
// processor, compute there and copy back. Code that runs on it reads no device memory by pointer and mixes no
// devices, so it runs on a real one. LibTorch's slot for such devices: DeviceType::PrivateUse1.
#pragma once

#include <ATen/ATen.h>

namespace deltascape::testing {

// Registers it on the first call.
c10::Device pretend_device();

}  // namespace deltascape::testing
