// Owns the "post_processor" of tokenizer.json for one sequence: which special ids stand around the text's own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"

namespace deltascape::text {

// The text's ids go where the template has its sequence; `before` and `after` are the special ids around them.
struct PostProcessor {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
};

// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (changes offsets alone) and a Sequence of them.
// null gives none. Throws Error(kUnsupported) with the name of another kind.
PostProcessor make_post_processor(const io::Json& json, const std::string& where);

}  // namespace deltascape::text
