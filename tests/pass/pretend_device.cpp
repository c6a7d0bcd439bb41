#include "pretend_device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>

namespace deltascape::testing {
namespace {

constexpr auto kPretend = c10::DeviceType::PrivateUse1;

// A tensor's data pointer is an address that nobody may touch; its bytes are elsewhere.
struct Block {
  std::unique_ptr<std::byte[]> bytes;
};

void free_block(void* context) { delete static_cast<Block*>(context); }

// Addresses are handed out once.
void* untouchable(std::size_t bytes) {
  constexpr std::size_t kSpan = std::size_t{1} << 42, kAlignment = 64;
  static std::byte* const first = [] {
    void* start = ::mmap(nullptr, kSpan, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    return static_cast<std::byte*>(start);
  }();
  static std::atomic<std::size_t> used = 0;
  const std::size_t size = (bytes + kAlignment) / kAlignment * kAlignment, place = used.fetch_add(size);
  if (place + size > kSpan) throw std::bad_alloc();
  return first + place;
}

class Memory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    auto* block = new Block{std::make_unique<std::byte[]>(bytes + 1)};
    return {untouchable(bytes), block, free_block, c10::Device(kPretend, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void*, const void*, std::size_t) const override { throw std::logic_error("not by pointer"); }
};

// The same elements as the processor sees them.
at::Tensor seen(const at::Tensor& t) {
  if (!t.is_privateuseone()) return t;
  const auto* block = static_cast<const Block*>(t.storage().data_ptr().get_context());
  std::byte* data = block->bytes.get() + t.storage_offset() * static_cast<std::int64_t>(t.itemsize());
  return at::from_blob(data, t.sizes(), t.strides(), at::TensorOptions(t.scalar_type()));
}

at::Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  static Memory memory;
  return at::detail::empty_generic(size, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  static Memory memory;
  return at::detail::empty_strided_generic(size, stride, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  seen(to).copy_(seen(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (from.sizes() != to.sizes()) throw std::logic_error("a result of another size");
  return copy_from(from, to, false);
}

at::Scalar item(const at::Tensor& t) { return t.cpu().item(); }

at::Tensor as_strided(const at::Tensor& t, c10::IntArrayRef size, c10::IntArrayRef stride,
                      std::optional<std::int64_t> offset) {
  return at::native::as_strided_tensorimpl(t, size, stride, offset);
}

// The processor's tensors have no place beside a device's, but for single numbers.
void refuse_mixed(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto check = [&](const at::Tensor& t) {
    if (t.defined() && t.is_cpu() && t.dim() > 0)
      throw std::logic_error(op.schema().name() + ": tensors of two devices");
  };
  for (const c10::IValue& value : torch::jit::last(stack, op.schema().arguments().size())) {
    if (value.isTensor()) check(value.toTensor());
    else if (value.isTensorList())
      for (const at::Tensor& t : value.toTensorVector()) check(t);
  }
}

void on_the_processor(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  refuse_mixed(op, *stack);
  at::native::cpu_fallback(op, stack, /*error_on_views=*/true);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&on_the_processor>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("_copy_from", copy_from);
  library.impl("_copy_from_and_resize", copy_from_and_resize);
  library.impl("_local_scalar_dense", item);
  library.impl("as_strided", as_strided);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
}

// It is done with everything at once, so there is nothing to wait for.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<kPretend> {
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void synchronizeEvent(void*) const override {}
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return c10::GetAllocator(c10::kCPU); }
};

}  // namespace

c10::Device pretend_device() {
  static const bool registered = [] {
    c10::register_privateuse1_backend("pretend");
    static Hooks hooks;
    at::RegisterPrivateUse1HooksInterface(&hooks);
    return true;
  }();
  (void)registered;
  return {kPretend, 0};
}

}  // namespace deltascape::testing
