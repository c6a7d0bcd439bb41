// Owns which of a file's mapped bytes are in this process's memory: madvise on page-aligned ranges of the maps.
#include "io/residency.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "io/file.h"

namespace deltascape::io {
namespace {

#ifdef MADV_POPULATE_READ
constexpr int kPopulateRead = MADV_POPULATE_READ;
#else
constexpr int kPopulateRead = 22;  // Linux 5.14; older headers lack the name, older kernels answer EINVAL
#endif

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kFaultAround = std::size_t{64} << 10;  // what the kernel maps around a page that is touched
// The rate is flat from 2 MiB up; the piece is how long another thread may wait for the map's lock.
constexpr std::size_t kPiece = std::size_t{8} << 20;
constexpr std::size_t kHole = std::size_t{256} << 10;      // smaller holes between tensors are read with them
constexpr std::size_t kBound = std::size_t{24} << 20;      // what a BoundedPass lets stay
constexpr std::size_t kSmallRead = std::size_t{64} << 10;  // below this a touch is as good as a system call

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// A range of one map, in bytes from its start.
struct Range {
  const MappedFile* map;
  std::size_t begin, end;
  std::byte* at(std::size_t offset) const { return const_cast<std::byte*>(map->bytes().data()) + offset; }
};

std::size_t down(std::size_t value, std::size_t step) { return value / step * step; }
std::size_t up(std::size_t value, std::size_t step) { return down(value + step - 1, step); }

// The bytes as ranges of the maps they lie in, in order; those less than `hole` apart are one.
std::vector<Range> ranges_of(const TensorFile& file, std::span<const Bytes> all, std::size_t hole) {
  std::vector<Range> out;
  const auto maps = file.maps();
  for (const Bytes& bytes : all) {
    if (bytes.empty()) continue;
    for (const MappedFile* map : maps) {
      const auto start = reinterpret_cast<std::uintptr_t>(map->bytes().data());
      const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
      if (first < start || first - start >= map->bytes().size()) continue;
      out.push_back({map, first - start, first - start + bytes.size()});
      break;
    }
  }
  std::sort(out.begin(), out.end(), [](const Range& a, const Range& b) {
    return a.map != b.map ? std::less<>()(a.map, b.map) : a.begin < b.begin;
  });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < out.size(); ++i) {
    Range& last = out[kept];
    if (out[i].map == last.map && (hole == SIZE_MAX || out[i].begin <= last.end + hole))
      last.end = std::max(last.end, out[i].end);
    else out[++kept] = out[i];
  }
  if (!out.empty()) out.resize(kept + 1);
  return out;
}

std::vector<Bytes> bytes_of(const TensorFile& file, std::span<const TensorInfo* const> tensors) {
  std::vector<Bytes> out;
  for (const TensorInfo* t : tensors) out.push_back(file.bytes(*t));
  return out;
}

// Kernels without MADV_POPULATE_READ: ask for all, then touch every page.
void touch(const std::byte* from, std::size_t length) {
  ::madvise(const_cast<std::byte*>(from), length, MADV_WILLNEED);
  for (std::size_t i = 0; i < length; i += page_size())
    static_cast<void>(*static_cast<const volatile std::byte*>(from + i));
}

void populate(const Range& r) {
  const std::size_t end = std::min(up(r.end, page_size()), up(r.map->bytes().size(), page_size()));
  for (std::size_t at = down(r.begin, page_size()); at < end; at += kPiece) {
    const std::size_t length = std::min(kPiece, end - at);
    if (::madvise(r.at(at), length, kPopulateRead) == 0) continue;
    if (errno != EINVAL) return;  // the file has shrunk, or memory is short: the read itself will tell
    touch(r.at(at), length);
  }
}

void evict(const Range& r, PageCache after) {
  const std::size_t size = r.map->bytes().size();
  // Reading the first page has mapped what lies before it in its window, which is a matter of addresses.
  const std::size_t window = reinterpret_cast<std::uintptr_t>(r.at(r.begin)) % kFaultAround;
  const std::size_t begin = r.begin - std::min(r.begin, window);
  const std::size_t end = r.end == size ? up(size, page_size()) : down(r.end, page_size());
  if (begin >= end) return;
  ::madvise(r.at(begin), end - begin, MADV_DONTNEED);
  if (after == PageCache::kDrop) {
    // A folio goes only as a whole, so the one that the range before shared with this one goes with this one.
    const std::size_t from = down(r.begin, kHugePage);
    r.map->drop_cached(from, end - from);
  }
}

}  // namespace

void prefetch(const TensorFile& file, std::span<const TensorInfo* const> tensors) {
  for (const Range& r : ranges_of(file, bytes_of(file, tensors), kHole)) populate(r);
}

void release(const TensorFile& file, std::span<const TensorInfo* const> tensors, PageCache after) {
  for (const Range& r : ranges_of(file, bytes_of(file, tensors), kHole)) evict(r, after);
}

void release(const TensorFile& file, PageCache after) {
  for (const MappedFile* map : file.maps())
    if (!map->bytes().empty()) evict({map, 0, map->bytes().size()}, after);
}

BoundedPass::BoundedPass(const TensorFile& file, PageCache after) : file_(file), after_(after) {
  std::size_t size = 0;
  for (const MappedFile* map : file.maps()) size += map->bytes().size();
  small_ = size <= kBound;
}

void BoundedPass::read(Bytes range, const std::function<void(Bytes)>& use) {
  for (std::size_t done = 0; done < range.size(); done += kPiece) {
    const Bytes piece = range.subspan(done, std::min(kPiece, range.size() - done));
    if (piece.size() >= kSmallRead)
      for (const Range& r : ranges_of(file_, std::span(&piece, 1), 0)) populate(r);
    use(piece);
    used(piece);
  }
}

void BoundedPass::read_scattered(std::span<const Bytes> ranges, const std::function<void(Bytes)>& use) {
  // MADV_WILLNEED reads these pages alone and returns at once; a fault would read megabytes around each.
  for (const Range& r : ranges_of(file_, ranges, page_size()))
    ::madvise(r.at(down(r.begin, page_size())), r.end - down(r.begin, page_size()), MADV_WILLNEED);
  for (const Bytes& range : ranges) {
    use(range);
    used(range);
  }
}

void BoundedPass::used(Bytes range) {
  used_.push_back(range);
  if (range.empty() || small_) return;
  // Where the cache holds huge pages, a touch maps the whole of one.
  const auto first = reinterpret_cast<std::uintptr_t>(range.data());
  resident_ += up(first + range.size(), kHugePage) - down(first, kHugePage);
  if (resident_ >= kBound) flush();
}

void BoundedPass::flush() {
  // Everything between the first and the last byte of each map: what a fault has mapped around them goes too.
  for (Range r : ranges_of(file_, used_, SIZE_MAX)) {
    r.end = std::min(r.map->bytes().size(), r.end + kFaultAround);
    evict(r, PageCache::kKeep);
  }
  if (after_ == PageCache::kDrop)
    for (const Range& r : ranges_of(file_, used_, page_size())) evict(r, after_);
  used_.clear();
  resident_ = 0;
}

}  // namespace deltascape::io
