#include "exec/buffers.h"

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

namespace deltascape::engine {
namespace {

constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr std::size_t kStep = std::size_t{1} << 18;      // sizes are rounded up to whole steps
constexpr std::size_t kHugePage = std::size_t{2} << 20;  // buffers of several get them where the kernel has some

class Pool final : public c10::Allocator {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool();  // tensors may outlive everything static
    return *pool;
  }

  void enter(std::size_t limit) {
    const std::lock_guard lock(mutex_);
    if (scopes_++ > 0) return;
    limit_ = limit;
    if (previous_ != nullptr) return;
    // For good: oneDNN frees its scratch through whatever allocator is set then.
    previous_ = c10::GetCPUAllocator();
    c10::SetCPUAllocator(this);
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    if (--scopes_ == 0) drop_resting(0);
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes < kLarge) return previous_->allocate(bytes);
    const std::lock_guard lock(mutex_);
    if (scopes_ == 0) return previous_->allocate(bytes);
    void* buffer = take((bytes + kStep - 1) / kStep * kStep);
    return {buffer, buffer, &give_back, c10::Device(c10::DeviceType::CPU)};
  }

  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }

 private:
  static void give_back(void* buffer) {
    Pool& pool = instance();
    const std::lock_guard lock(pool.mutex_);
    const auto it = pool.used_.find(buffer);
    if (it == pool.used_.end()) return pool.previous_->raw_deallocate(buffer);
    const std::size_t size = it->second;
    pool.used_.erase(it);
    pool.used_bytes_ -= size;
    if (pool.scopes_ == 0) return std::free(buffer);
    pool.resting_.emplace(size, buffer);
    pool.resting_bytes_ += size;
  }

  // The smallest resting buffer that is not much too large, else a new one.
  void* take(std::size_t size) {
    void* buffer = nullptr;
    std::size_t taken = size;
    if (const auto it = resting_.lower_bound(size); it != resting_.end() && it->first <= size + size / 4) {
      taken = it->first;
      buffer = it->second;
      resting_.erase(it);
      resting_bytes_ -= taken;
    } else {
      const std::size_t left = limit_ > used_bytes_ + size ? limit_ - used_bytes_ - size : 0;
      drop_resting(left);
      const std::size_t alignment = size >= 4 * kHugePage ? kHugePage : 4096;
      if (posix_memalign(&buffer, alignment, size) != 0) throw std::bad_alloc();
      if (alignment == kHugePage) madvise(buffer, size, MADV_HUGEPAGE);
    }
    used_.emplace(buffer, taken);
    used_bytes_ += taken;
    return buffer;
  }

  // Until at most `most` bytes rest, the largest first.
  void drop_resting(std::size_t most) {
    while (resting_bytes_ > most) {
      const auto largest = std::prev(resting_.end());
      resting_bytes_ -= largest->first;
      std::free(largest->second);
      resting_.erase(largest);
    }
  }

  std::mutex mutex_;
  int scopes_ = 0;
  std::size_t limit_ = 0, used_bytes_ = 0, resting_bytes_ = 0;
  c10::Allocator* previous_ = nullptr;
  std::multimap<std::size_t, void*> resting_;
  std::unordered_map<void*, std::size_t> used_;
};

}  // namespace

BufferScope::BufferScope(std::size_t limit) { Pool::instance().enter(limit); }
BufferScope::~BufferScope() { Pool::instance().leave(); }

}  // namespace deltascape::engine
