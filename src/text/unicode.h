// Owns code points: UTF-8 in and out, repair of broken UTF-8, the character classes and foldings the tokenizers use.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deltascape::text {

// `text` with every ill-formed sequence replaced as Python's bytes.decode("utf-8", errors="replace") does: one U+FFFD
// for each maximal prefix of a well-formed sequence, one for each other byte.
std::string repair_utf8(std::string_view text);
bool is_valid_utf8(std::string_view text);

// The code point at `position` of well-formed UTF-8; `position` moves behind it.
char32_t next_code_point(std::string_view text, std::size_t& position);
void append_utf8(std::string& out, char32_t code_point);
// Bytes of the sequence that starts with `lead` (1 to 4).
std::size_t utf8_length(char lead);

bool is_white_space(char32_t code_point);     // the property White_Space
bool is_numeric(char32_t code_point);         // Rust's char::is_numeric
bool is_punctuation(char32_t code_point);     // what the pre-tokenizer Punctuation splits at
bool is_combining_mark(char32_t code_point);  // what the normaliser StripAccents drops

bool is_removed_by_bert(char32_t code_point);  // control, format and private characters, as BertNormalizer has them
bool is_mark_nonspacing(char32_t code_point);  // what BertNormalizer drops as an accent
bool is_chinese(char32_t code_point);          // BERT's blocks of ideographs
// The end of the extended grapheme cluster that starts at `begin`.
std::size_t grapheme_end(std::string_view text, std::size_t begin);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize(std::string_view text, NormalForm form);
std::string lower_case(std::string_view text);  // code point by code point, no context (Rust's char::to_lowercase)

}  // namespace deltascape::text
