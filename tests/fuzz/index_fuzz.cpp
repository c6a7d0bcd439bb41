// Fuzzes the index of a model in shards; the one shard that is there is sound.
#include <cstring>

#include "harness.h"

namespace {

// "a", two floats; "b", one.
std::string shard() {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
  std::string out(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, sizeof length);
  return out + header + std::string(12, '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape::fuzz;
  static const std::filesystem::path kShard = folder().put("s", shard());
  return run([&] { read_all(*deltascape::io::open_sharded(folder().put("model.index.json", text_of(data, size)))); });
}
