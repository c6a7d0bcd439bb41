// Fuzzes tokenizer.json, and encodes with what it gives.
#include "encode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape::fuzz;
  folder().put("tokenizer.json", text_of(data, size));
  return encode();
}
