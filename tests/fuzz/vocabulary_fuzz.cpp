// Fuzzes vocabularies in files of their own (vocab.json with merges.txt, vocab.txt) and tokenizer_config.json. An input
// is three files with a NUL between: the vocabulary, the merges, the settings.
#include "encode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape::fuzz;
  std::string_view rest = text_of(data, size), parts[3];
  for (std::string_view& part : parts) {
    part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  folder().put("vocab.json", parts[0]);
  folder().put("vocab.txt", parts[0]);
  folder().put("merges.txt", parts[1]);
  if (parts[2].empty()) folder().remove("tokenizer_config.json");
  else folder().put("tokenizer_config.json", parts[2]);
  return encode();
}
