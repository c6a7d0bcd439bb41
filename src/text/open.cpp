#include "text/open.h"

#include "io/file.h"
#include "io/gguf.h"

namespace deltascape::text {

std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& model) {
  return io::is_directory(model) ? load_tokenizer(model) : load_tokenizer(*io::GgufFile::open(model));
}

Detokenizer open_detokenizer(const std::filesystem::path& model) {
  return io::is_directory(model) ? load_detokenizer(model) : load_detokenizer(*io::GgufFile::open(model));
}

}  // namespace deltascape::text
