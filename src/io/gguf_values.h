// Owns reading one metadata value of a GGUF file.
#pragma once

#include "io/byte_reader.h"
#include "io/gguf.h"

namespace deltascape::io {

// `key` is for messages. Arrays of arrays are refused, and what takes more than `memory` bytes, before it is read;
// what is read is taken off.
GgufValue read_gguf_value(ByteReader& bytes, const std::filesystem::path& file, const std::string& key,
                          std::uint64_t& memory);

}  // namespace deltascape::io
