// Fuzzes a SentencePiece model beside a tokenizer_config.json; the first byte chooses the class that it names.
#include "encode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape::fuzz;
  static constexpr const char* kClasses[] = {"LlamaTokenizer", "T5Tokenizer", "XLMRobertaTokenizer", "GemmaTokenizer",
                                             ""};
  static std::size_t last = std::size(kClasses);
  if (size == 0) return 0;
  const std::size_t chosen = data[0] % std::size(kClasses);
  if (chosen != last)
    folder().put("tokenizer_config.json", R"({"tokenizer_class": ")" + std::string(kClasses[chosen]) + "\"}");
  last = chosen;
  folder().put("tokenizer.model", text_of(data + 1, size - 1));
  return encode();
}
