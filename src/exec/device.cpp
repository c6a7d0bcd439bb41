#include "exec/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>

#include <charconv>

#include "deltascape/error.h"

namespace deltascape::engine {

namespace {

[[noreturn]] void refuse(const std::string& why, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kUsage, why, {.field = option("device"), .expected = expected, .found = found});
}

}  // namespace

c10::Device parse_device(const std::string& name) {
  if (name == "auto" || name == "cpu") return c10::kCPU;
  int place = 0;
  const char* end = name.data() + name.size();
  if (name != "cuda") {
    const bool numbered = name.starts_with("cuda:");
    const auto [stop, error] = std::from_chars(name.data() + std::min<std::size_t>(5, name.size()), end, place);
    if (!numbered || error != std::errc() || stop != end || place < 0 || place > 127)
      refuse("no such device", "auto, cpu, cuda or cuda:N", name);
  }
  const int count = at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
  if (count == 0)
    refuse("no GPU can be used here: this LibTorch is built without CUDA, or sees none", "auto or cpu", name);
  if (place >= count) refuse("no such GPU", "cuda:0 to cuda:" + std::to_string(count - 1), name);
  at::globalContext().lazyInitDevice(c10::kCUDA);
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(place)};
}

ExactProducts::ExactProducts() : sums_(at::globalContext().allowBF16ReductionCuBLAS()) {
  at::globalContext().setAllowBF16ReductionCuBLAS(false);
}

ExactProducts::~ExactProducts() {
  using Sums = at::CuBLASReductionOption;
  at::globalContext().setAllowBF16ReductionCuBLAS(sums_ == Sums::AllowReducedPrecisionWithSplitK,
                                                  sums_ != Sums::DisallowReducedPrecisionDisallowSplitK);
}

std::size_t free_bytes(c10::Device device) {
  try {
    return c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index()).first;
  } catch (const c10::Error&) {
    return 0;
  }
}

// Asked of the driver, which LibTorch has loaded then: nothing of ATen that needs no CUDA toolkit says it.
std::optional<std::pair<int, int>> compute_capability(c10::Device device) {
  if (!device.is_cuda()) return {};
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (driver == nullptr) return {};
  using Get = int (*)(int* handle, int ordinal);
  using Ask = int (*)(int* value, int attribute, int handle);
  const auto get = reinterpret_cast<Get>(dlsym(driver, "cuDeviceGet"));
  const auto ask = reinterpret_cast<Ask>(dlsym(driver, "cuDeviceGetAttribute"));
  constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
  int handle = 0, major = 0, minor = 0;
  const bool known = get != nullptr && ask != nullptr && get(&handle, device.index()) == 0 &&
                     ask(&major, kMajor, handle) == 0 && ask(&minor, kMinor, handle) == 0;
  dlclose(driver);
  return known ? std::optional(std::pair(major, minor)) : std::nullopt;
}

}  // namespace deltascape::engine
