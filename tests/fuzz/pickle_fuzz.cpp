// Fuzzes torch.save files: zip archives, the older stream, and a pickle alone (what begins with its PROTO opcode).
#include <span>

#include "harness.h"
#include "io/unpickler.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  const std::filesystem::path path = "data.pkl";
  if (size > 0 && data[0] == 0x80) fuzz::run([&] { io::Unpickler(std::as_bytes(std::span(data, size)), path).load(); });
  return fuzz::run(
      [&] { fuzz::read_all(*io::open_torch_pickle(fuzz::folder().put("model.bin", fuzz::text_of(data, size)))); });
}
