// LoRA adapters from PEFT's layout to llama.cpp's GGUF and back (docs/design.md §4.4 `convert`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "deltascape/progress.h"

namespace deltascape {

struct ConvertOptions {
  std::string in;     // adapter: directory, .gguf file or hub id
  std::string out;    // a .gguf file, which is replaced, or a directory that is not there yet
  std::string to;     // peft | gguf; empty: the other form than the input's
  std::string base;   // says names and order of rows; empty: what the adapter names
  std::string dtype;  // F32 | F16 | BF16; empty: the input's where its values stay as they are, else F32
};

struct Converted {
  std::string form;       // peft | gguf
  std::size_t pairs = 0;  // A and B count as one
  std::int64_t rank = 0;  // the largest
  std::string dtype;
  bool folded = false;  // scales differ in a way that the form has no words for: they are in B now
};

// The scale of every pair stays what it was: rsLoRA, rank_pattern and alpha_pattern included. Throws Error:
// kUnsupported by name for what is not LoRA or has no place in the other form, kUsage for a bad option or an output
// that is in the way. The output is there as a whole or not at all.
Converted convert(const ConvertOptions& options, Progress& progress = silent_progress());

}  // namespace deltascape
