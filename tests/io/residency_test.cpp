// Owns the tests of what of a file is in memory: page by page, as the kernel tells it, for every format.
#include "io/residency.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "io/gguf.h"
#include "io/io_files.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kElements = 1'300'000;  // of every tensor: 5.2 MB, so that huge pages cannot hide an error
constexpr const char* kNames[] = {"a", "b", "c", "d"};

// Whole pages of `bytes` that this process has mapped (bit 63 of an entry of /proc/self/pagemap).
std::size_t pages_in_memory(Bytes bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page;
  const auto last = (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size()) / page;
  if (first >= last) return 0;
  std::vector<std::uint64_t> entries(last - first);
  const int map = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  const auto length = entries.size() * sizeof(std::uint64_t);
  EXPECT_EQ(::pread(map, entries.data(), length, static_cast<off_t>(first * sizeof(std::uint64_t))),
            static_cast<ssize_t>(length))
      << "/proc/self/pagemap cannot be read";
  ::close(map);
  return static_cast<std::size_t>(std::ranges::count_if(entries, [](std::uint64_t e) { return (e >> 63) != 0; }));
}

std::size_t whole_pages(Bytes bytes) { return bytes.size() / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) - 1; }

// The content of tensor `name`: no two places are alike.
std::string content(char name) {
  std::string out(kElements * 4, '\0');
  for (std::uint32_t i = 0; i < kElements; ++i) {
    const std::uint32_t value = (i + static_cast<std::uint32_t>(name) * 7919u) * 2654435761u & 0x7F7FFFFFu;
    std::memcpy(out.data() + std::size_t{4} * i, &value, sizeof value);
  }
  return out;
}

bool holds(const TensorFile& file, const std::string& name) {
  const std::string wanted = content(name[0]);
  const Bytes bytes = file.bytes(*file.find(name));
  return bytes.size() == wanted.size() && std::memcmp(bytes.data(), wanted.data(), wanted.size()) == 0;
}

std::string safetensors(const std::string& names) {
  std::string header = "{", data;
  for (const char name : names) {
    header += (header.size() > 1 ? ",\"" : "\"") + std::string(1, name) + R"(":{"dtype":"F32","shape":[)" +
              std::to_string(kElements) + R"(],"data_offsets":[)" + std::to_string(data.size()) + ',' +
              std::to_string(data.size() + kElements * 4) + "]}";
    data += content(name);
  }
  header += "}";
  return packed(static_cast<std::uint64_t>(header.size())) + header + data;
}

std::string gguf() {
  std::string out = "GGUF" + packed(std::uint32_t{3}, std::uint64_t{4}, std::uint64_t{0}), data;
  for (const char* name : kNames) {
    out += packed(std::uint64_t{1}) + name +
           packed(std::uint32_t{1}, kElements, std::uint32_t{0}, static_cast<std::uint64_t>(data.size()));
    data += content(name[0]);  // 5.2 MB are whole units of alignment
  }
  out.resize((out.size() + 31) / 32 * 32);
  return out + data;
}

// A state dict of tensors with a storage each; `columns` > 1 makes them transposed views, which are gathered.
std::string pickle(std::int64_t columns) {
  const auto text = [](const std::string& s) { return "X" + packed(static_cast<std::uint32_t>(s.size())) + s; };
  const auto integer = [](std::int64_t value) { return "\x8a\x08" + packed(value); };
  const auto rows = static_cast<std::int64_t>(kElements) / columns;
  std::string out = "\x80\x02}";
  for (const char* name : kNames) {
    out += text(name) + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
           text(name) + text("cpu") + integer(static_cast<std::int64_t>(kElements)) + "tQ" + integer(0);
    out += columns == 1 ? "(" + integer(rows) + "t(" + integer(1) + "t"
                        : "(" + integer(rows) + integer(columns) + "t(" + integer(1) + integer(rows) + "t";
    out +=
        "\x89"
        "ccollections\nOrderedDict\n)RtRs";
  }
  return out + ".";
}

class Residency : public Scratch, public ::testing::WithParamInterface<const char*> {
 protected:
  std::unique_ptr<TensorFile> open() const {
    const std::string format = GetParam();
    if (format == "safetensors") return open_safetensors(put("m.safetensors", safetensors("abcd")));
    if (format == "gguf") return GgufFile::open(put("m.gguf", gguf()));
    if (format == "pickle") return open_torch_pickle(put_pickle(1));
    put("one.safetensors", safetensors("ab"));
    put("two.safetensors", safetensors("cd"));
    return open_sharded(put("index.json", R"({"weight_map": {"a": "one.safetensors", "b": "one.safetensors",
      "c": "two.safetensors", "d": "two.safetensors"}})"));
  }
  std::filesystem::path put_pickle(std::int64_t columns) const {
    const auto file = folder_ / "m.bin";
    put_zip(file, {{"m/data.pkl", pickle(columns)},
                   {"m/data/a", content('a')},
                   {"m/data/b", content('b')},
                   {"m/data/c", content('c')},
                   {"m/data/d", content('d')}});
    return file;
  }
};

TEST_P(Residency, ComesAndGoes) {
  const auto file = open();
  release(*file);
  const auto bytes = [&](const char* name) { return file->bytes(*file->find(name)); };
  for (const char* name : kNames) EXPECT_EQ(pages_in_memory(bytes(name)), 0u) << name;

  const TensorInfo* const middle[] = {file->find("c"), file->find("b")};  // in any order
  prefetch(*file, middle);
  EXPECT_GE(pages_in_memory(bytes("b")), whole_pages(bytes("b")));
  EXPECT_GE(pages_in_memory(bytes("c")), whole_pages(bytes("c")));
  EXPECT_EQ(pages_in_memory(bytes("a").first(std::size_t{2} << 20)), 0u) << "a neighbour came with it";
  EXPECT_EQ(pages_in_memory(bytes("d").last(std::size_t{2} << 20)), 0u) << "a neighbour came with it";
  EXPECT_TRUE(holds(*file, "b"));
  EXPECT_TRUE(holds(*file, "c"));

  release(*file, middle);
  EXPECT_EQ(pages_in_memory(bytes("b")), 0u);
  EXPECT_EQ(pages_in_memory(bytes("c")), 0u);
  for (const char* name : kNames) EXPECT_TRUE(holds(*file, name)) << name << " after its release";
  release(*file, PageCache::kDrop);
  for (const char* name : kNames) EXPECT_EQ(pages_in_memory(bytes(name)), 0u) << name;
  for (const char* name : kNames) EXPECT_TRUE(holds(*file, name)) << name << " after the cache was dropped";
}

// One tensor at a time in file order leaves nothing but the page in which the next begins.
TEST_P(Residency, ALayerAfterTheOtherLeavesNothing) {
  const auto file = open();
  release(*file);
  for (const char* name : kNames) {
    const TensorInfo* const one[] = {file->find(name)};
    prefetch(*file, one);
    EXPECT_TRUE(holds(*file, name));
    release(*file, one);
  }
  for (const char* name : kNames) EXPECT_LE(pages_in_memory(file->bytes(*file->find(name))), 16u) << name;
}

TEST_P(Residency, IsSafeBesideReaders) {
  const auto file = open();
  std::atomic<bool> wrong{false}, done{false};
  std::thread reader([&] {
    for (int round = 0; round < 6; ++round)
      for (const char* name : kNames)
        if (!holds(*file, name)) wrong = true;
    done = true;
  });
  std::thread other([&] {
    const TensorInfo* const some[] = {file->find("a"), file->find("d")};
    while (!done) prefetch(*file, some), release(*file, some, PageCache::kDrop);
  });
  const TensorInfo* const all[] = {file->find("a"), file->find("b"), file->find("c"), file->find("d")};
  while (!done) prefetch(*file, all), release(*file, std::span(all).subspan(1, 2)), release(*file);
  reader.join();
  other.join();
  EXPECT_FALSE(wrong);
}

TEST_P(Residency, APassKeepsLittle) {
  const auto file = open();
  release(*file);
  std::size_t read = 0, scattered = 0;
  {
    BoundedPass pass(*file);
    std::string got;
    for (int round = 0; round < 4; ++round)  // out of file order
      for (const char* name : {"d", "a", "c", "b"}) {
        got.clear();
        pass.read(file->bytes(*file->find(name)),
                  [&](Bytes piece) { got.append(reinterpret_cast<const char*>(piece.data()), piece.size()); });
        read += got.size();
        EXPECT_TRUE(got == content(name[0])) << name;
      }
    std::vector<Bytes> windows;
    for (std::size_t at = 0; at + kPage <= kElements * 4; at += 20 * kPage)
      windows.push_back(file->bytes(*file->find("c")).subspan(at, kPage));
    const std::string wanted = content('c');
    pass.read_scattered(windows, [&](Bytes window) {
      EXPECT_EQ(std::memcmp(window.data(), wanted.data() + 20 * kPage * scattered++, kPage), 0);
    });
    EXPECT_EQ(scattered, windows.size());
  }
  EXPECT_EQ(read, 16 * kElements * 4);
  for (const char* name : kNames) EXPECT_EQ(pages_in_memory(file->bytes(*file->find(name))), 0u) << name;
}

INSTANTIATE_TEST_SUITE_P(Formats, Residency, ::testing::Values("safetensors", "gguf", "pickle", "sharded"),
                         [](const auto& one) { return std::string(one.param); });

class Owned : public Residency {};

// Views that were gathered lie in memory of their own: to give that back would lose them.
TEST_P(Owned, BytesAreLeftAlone) {
  const auto file = open_torch_pickle(put_pickle(1000));
  const std::string storage = content('a');
  const auto right = [&] {
    const Bytes bytes = file->bytes(*file->find("a"));
    for (std::size_t i = 0; i < kElements; ++i)  // [1300, 1000] of a transposed storage
      if (std::memcmp(bytes.data() + 4 * i, storage.data() + 4 * (i / 1000 + i % 1000 * (kElements / 1000)), 4) != 0)
        return false;
    return true;
  };
  ASSERT_TRUE(right());
  const TensorInfo* const one[] = {file->find("a")};
  prefetch(*file, one);
  release(*file, one, PageCache::kDrop);
  release(*file);
  BoundedPass(*file).read(file->bytes(*one[0]), [](Bytes) {});
  EXPECT_TRUE(right());
}

INSTANTIATE_TEST_SUITE_P(Formats, Owned, ::testing::Values("pickle"));

// On a disk (a file in memory has nowhere else to be) a dropped file leaves the page cache, a kept one stays.
TEST(PageCaches, AreDroppedWhenAsked) {
  std::string name = (std::filesystem::temp_directory_path() / "deltascape-cache-XXXXXX").string();
  const int descriptor = ::mkstemp(name.data());
  ASSERT_GE(descriptor, 0);
  const std::string bytes = safetensors("ab");
  ASSERT_EQ(::write(descriptor, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(::fsync(descriptor), 0);
  struct statfs system {};
  ASSERT_EQ(::fstatfs(descriptor, &system), 0);
  ::close(descriptor);
  const auto file = open_safetensors(name);
  const MappedFile& map = *file->maps().at(0);
  const auto cached = [&] {
    std::vector<unsigned char> pages((map.bytes().size() + kPage - 1) / kPage);
    EXPECT_EQ(::mincore(const_cast<std::byte*>(map.bytes().data()), map.bytes().size(), pages.data()), 0);
    return std::ranges::count_if(pages, [](unsigned char p) { return (p & 1) != 0; });
  };
  const auto all = static_cast<std::ptrdiff_t>((map.bytes().size() + kPage - 1) / kPage);
  const TensorInfo* const both[] = {file->find("a"), file->find("b")};
  prefetch(*file, both);
  EXPECT_GE(cached(), all - 1);
  release(*file, both);
  EXPECT_GE(cached(), all - 1);
  release(*file, both, PageCache::kDrop);
  constexpr auto kTmpfs = 0x01021994;
  if (system.f_type != kTmpfs) {
    EXPECT_LE(cached(), 1024);  // a folio may hold neighbours
  }
  EXPECT_TRUE(holds(*file, "a") && holds(*file, "b"));
  std::filesystem::remove(name);
}

}  // namespace
}  // namespace deltascape::io
