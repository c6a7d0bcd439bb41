// Owns which of a file's mapped bytes are in this process's memory: bringing them in with large reads before they are
// used, and giving the memory back after. Bytes that a TensorFile owns itself (gathered views) are left alone.
// Everything here is safe beside readers in other threads: a released byte that is read again is read from the file
// again.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "io/tensor_file.h"

namespace deltascape::io {

using Bytes = std::span<const std::byte>;

// What becomes of the kernel's cache of the file when pages leave this process: a small model stays there for the next
// run; a model that would push everything else out goes.
enum class PageCache { kKeep, kDrop };

// Returns when the tensors' bytes are in memory. Neighbours in the file are read together.
void prefetch(const TensorFile& file, std::span<const TensorInfo* const> tensors);
// The tensors' pages leave memory. The page in which a tensor ends stays, since the next tensor's first bytes are
// there; the one in which it begins goes: released in file order, nothing stays.
void release(const TensorFile& file, std::span<const TensorInfo* const> tensors, PageCache after = PageCache::kKeep);
// The whole file.
void release(const TensorFile& file, PageCache after = PageCache::kKeep);

// Reads as much of a file as it likes, in any order, while little of it is in memory at a time: what has been read
// leaves again. For one thread.
class BoundedPass {
 public:
  explicit BoundedPass(const TensorFile& file, PageCache after = PageCache::kKeep);
  ~BoundedPass() { flush(); }
  BoundedPass(const BoundedPass&) = delete;
  BoundedPass& operator=(const BoundedPass&) = delete;

  // Front to back in pieces of some MiB, each in memory when `use` gets it.
  void read(Bytes range, const std::function<void(Bytes)>& use);
  // Small ranges far from each other: the disk is asked for all at once, and for no more than them.
  void read_scattered(std::span<const Bytes> ranges, const std::function<void(Bytes)>& use);

 private:
  void used(Bytes range);
  void flush();

  const TensorFile& file_;
  PageCache after_;
  std::vector<Bytes> used_;
  std::size_t resident_ = 0;  // at most
  bool small_ = true;         // the file as a whole is within the bound
};

}  // namespace deltascape::io
