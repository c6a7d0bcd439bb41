// Fuzzes a safetensors file, header and data.
#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape::fuzz;
  return run(
      [&] { read_all(*deltascape::io::open_safetensors(folder().put("model.safetensors", text_of(data, size)))); });
}
