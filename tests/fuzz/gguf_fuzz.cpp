// Fuzzes a GGUF file: metadata, tensors of every block type, the model's numbers and the vocabulary in it.
#include "harness.h"
#include "io/gguf.h"
#include "model/spec.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  std::unique_ptr<io::GgufFile> file;
  fuzz::run([&] {
    file = io::GgufFile::open(fuzz::folder().put("model.gguf", fuzz::text_of(data, size)));
    fuzz::read_all(*file);
  });
  if (!file) return 0;
  fuzz::run([&] {
    const model::ModelSpec spec = model::spec_from_gguf(*file);
    spec.fingerprint();
    spec.linears(0);
  });
  return fuzz::run([&] { text::load_tokenizer(*file)->encode("Hello, w\xc3\xb6rld  42\n<s>"); });
}
