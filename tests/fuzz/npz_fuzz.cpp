// Fuzzes an npz: its arrays, and the embeddings read from them.
#include "harness.h"
#include "io/npz.h"
#include "store/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  const auto file = fuzz::folder().put("e.npz", fuzz::text_of(data, size));
  fuzz::run([&] { io::read_npz(file); });
  return fuzz::run([&] { store::embeddings_of_npz(file)([](const store::Record&) {}); });
}
