// Owns the test program's operator new: readers of hostile files must not believe the sizes they are told.
#include <cstdlib>
#include <new>
#include <vector>

#include "io/io_files.h"
#include "sanitizers.h"

namespace {
thread_local std::size_t limit = SIZE_MAX;
}

// The sanitizers bring an operator new of their own, whose checks are worth more.
#if !defined(DELTASCAPE_ADDRESS_SANITIZER)
void* operator new(std::size_t size) {
  if (size > limit) throw std::bad_alloc();
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace deltascape::io {

NoLargeAllocations::NoLargeAllocations() { limit = std::size_t{32} << 20; }
NoLargeAllocations::~NoLargeAllocations() { limit = SIZE_MAX; }

TEST(NoLargeAllocations, Limits) {
#if !defined(DELTASCAPE_ADDRESS_SANITIZER)
  const NoLargeAllocations limits;
  EXPECT_THROW(std::vector<char>(std::size_t{33} << 20), std::bad_alloc);
#endif
  EXPECT_NO_THROW(std::vector<char>(1000));
}

}  // namespace deltascape::io
