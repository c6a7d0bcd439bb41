// Owns reading one metadata value of a GGUF file.
#pragma once

#include "io/byte_reader.h"
#include "io/gguf.h"

namespace deltascape::io {

// `key` is for messages. Arrays of arrays are refused.
GgufValue read_gguf_value(ByteReader& bytes, const std::filesystem::path& file, const std::string& key);

}  // namespace deltascape::io
