// Owns the rate at which a model's files can be read, warm or cold as they are.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "deltascape/error.h"
#include "io/file.h"
#include "measure/rates.h"

namespace deltascape::measure {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kWindow = std::size_t{8} << 20;
constexpr std::size_t kSample = 128;  // windows: 1 GiB

// The weight files of a model: itself, or the files of its folder in the first format that is there.
std::vector<fs::path> weight_files(const fs::path& model) {
  if (io::is_regular_file(model)) return {model};
  for (const char* kind : {".safetensors", ".bin", ".gguf"}) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(model))
      if (entry.path().extension() == kind && io::is_regular_file(entry.path())) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    if (!found.empty()) return found;
  }
  throw Error(ErrorCode::kNotFound, "there are no weight files here", {.path = model.string()});
}

// A stretch of one file, and how much of it was in memory.
struct Window {
  std::size_t file = 0, offset = 0, size = 0, pages = 0, resident = 0;
};

std::vector<Window> windows_of(const std::vector<std::shared_ptr<const io::MappedFile>>& files) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<Window> out;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const auto bytes = files[f]->bytes();
    std::vector<unsigned char> resident((bytes.size() + page - 1) / page);
    if (!resident.empty() && ::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), resident.data()) != 0)
      std::fill(resident.begin(), resident.end(), 0);
    for (std::size_t offset = 0; offset < bytes.size(); offset += kWindow) {
      Window w{.file = f, .offset = offset, .size = std::min(kWindow, bytes.size() - offset)};
      w.pages = (w.size + page - 1) / page;
      for (std::size_t p = 0; p < w.pages; ++p) w.resident += resident[offset / page + p] & 1;
      out.push_back(w);
    }
  }
  return out;
}

class Descriptor {
 public:
  explicit Descriptor(const fs::path& file) : path_(file), number_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) throw Error(ErrorCode::kIo, "cannot open", {.path = file.string()});
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void read(const Window& w, std::vector<std::byte>& into) const {
    for (std::size_t done = 0; done < w.size;) {
      const ssize_t got = ::pread(number_, into.data() + done, w.size - done, static_cast<off_t>(w.offset + done));
      if (got <= 0) throw Error(ErrorCode::kIo, "cannot read", {.path = path_.string()});
      done += static_cast<std::size_t>(got);
    }
  }
  void forget(const Window& w) const {
    ::posix_fadvise(number_, static_cast<off_t>(w.offset), static_cast<off_t>(w.size), POSIX_FADV_DONTNEED);
  }

 private:
  fs::path path_;
  int number_;
};

}  // namespace

DiskRate disk_rate(const fs::path& model, Progress& progress) {
  std::vector<std::shared_ptr<const io::MappedFile>> files;
  for (const fs::path& file : weight_files(model)) files.push_back(io::MappedFile::open(file));
  const std::vector<Window> windows = windows_of(files);
  std::size_t pages = 0, resident = 0;
  for (const Window& w : windows) pages += w.pages, resident += w.resident;

  const std::size_t count = std::min(windows.size(), kSample);
  progress.begin("reading the base", static_cast<std::int64_t>(count));
  std::vector<std::byte> buffer(kWindow);  // touched once, so that its own page faults are not measured
  double bytes = 0, seconds = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Window& w = windows[i * windows.size() / count];
    const Descriptor descriptor(files[w.file]->path());
    const auto start = std::chrono::steady_clock::now();
    descriptor.read(w, buffer);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    bytes += static_cast<double>(w.size);
    if (2 * w.resident < w.pages) descriptor.forget(w);
    advance(progress, 1);
  }
  return {seconds > 0 ? bytes / seconds : 0,
          pages > 0 ? static_cast<double>(resident) / static_cast<double>(pages) : 0};
}

}  // namespace deltascape::measure
