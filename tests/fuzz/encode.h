// Owns what the tokenizer targets do with the files in the folder.
#pragma once

#include "harness.h"
#include "text/tokenizer.h"

namespace deltascape::fuzz {

inline int encode() {
  return run([] {
    const auto tokenizer = text::load_tokenizer(folder().path());
    for (const char* text :
         {"Hello, w\xc3\xb6rld  42\n<s>don't", "\xe4\xbd\xa0\xe5\xa5\xbd \xff\xf0\x9f\x98\x80", ""}) {
      tokenizer->encode(text);
      if (tokenizer->encode(text, {.max_length = 2}).size() > 2) std::abort();
    }
    tokenizer->identity();
    tokenizer->vocabulary_size();
  });
}

}  // namespace deltascape::fuzz
