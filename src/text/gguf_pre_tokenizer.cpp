// Owns the table of tokenizer.ggml.pre names (llama.cpp, src/llama-vocab.cpp). A text is split by each pattern in turn.
#include "text/gguf_pre_tokenizer.h"

#include <algorithm>
#include <array>

#include "deltascape/error.h"
#include "text/pre_tokenizer.h"

namespace deltascape::text {
namespace {

// The contractions in either case, without Unicode's foldings.
#define DELTASCAPE_CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define DELTASCAPE_WORDS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define DELTASCAPE_REST " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

// Without GPT-2's last alternative: what no pattern takes is a piece of its own.
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";
constexpr const char* kLlama3 = DELTASCAPE_CONTRACTIONS "|" DELTASCAPE_WORDS "|\\p{N}{1,3}|" DELTASCAPE_REST;
constexpr const char* kQwen2 = DELTASCAPE_CONTRACTIONS "|" DELTASCAPE_WORDS "|\\p{N}|" DELTASCAPE_REST;
constexpr const char* kTekken =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
    "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kDigit = "\\p{N}";

#undef DELTASCAPE_CONTRACTIONS
#undef DELTASCAPE_WORDS
#undef DELTASCAPE_REST

struct Row {
  std::string_view names;  // separated and surrounded by spaces
  std::array<const char*, 4> patterns;
  bool ignore_merges;
  bool add_bos;
};
constexpr std::array kRows = {
    Row{" default ", {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}, false, false},
    Row{" gpt-2 phi-2 mpt olmo jais ", {kGpt2}, false, false},
    Row{" smollm starcoder refact command-r codeshell ", {kDigit, kGpt2}, false, false},
    Row{" qwen2 stablelm2 deepseek-r1-qwen ", {kQwen2}, false, false},
    Row{" llama3 llama-v3 llama-bpe falcon3 ", {kLlama3}, true, true},
    Row{" dbrx smaug-bpe ", {kLlama3}, false, false},
    Row{" tekken ", {kTekken}, true, true},
};

}  // namespace

GgufPreTokenizer gguf_pre_tokenizer(std::string_view name, const std::string& where) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) {
    return candidate.names.find(' ' + std::string(name) + ' ') != std::string_view::npos;
  });
  if (name.empty() || name.find(' ') != std::string_view::npos || row == kRows.end()) {
    throw Error(ErrorCode::kUnsupported, "the pre-tokenizer of this GGUF file is not supported",
                {.path = where,
                 .field = "tokenizer.ggml.pre",
                 .expected = "smollm, llama-bpe, qwen2, gpt-2, …",
                 .found = std::string(name)});
  }
  io::Json parts = io::Json::array();
  for (const char* pattern : row->patterns) {
    if (!pattern) break;
    parts.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  parts.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  return {{{"type", "Sequence"}, {"pretokenizers", parts}}, row->ignore_merges, row->add_bos};
}

}  // namespace deltascape::text
