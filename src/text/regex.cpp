// Owns compiling and running patterns with PCRE2: UTF, Unicode classes, JIT, limits.
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

#include "deltascape/error.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxPattern = std::size_t{64} << 10;
constexpr std::uint32_t kMatchLimit = 20'000'000;   // steps a match attempt; a 1 MB line needs a few million
constexpr std::uint32_t kHeapLimitKiB = 256 << 10;  // for the interpreter where there is no JIT
constexpr std::size_t kJitStackStart = std::size_t{32} << 10;
constexpr std::size_t kJitStackMax = std::size_t{16} << 20;  // reserved, not used, by ordinary patterns

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using CompileContext = std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>>;

std::string message_of(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

// Every thread has its own match stack and context.
pcre2_match_context* thread_context() {
  struct Scratch {
    JitStack stack{pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr)};
    MatchContext context{pcre2_match_context_create(nullptr)};
    Scratch() {
      pcre2_set_match_limit(context.get(), kMatchLimit);
      pcre2_set_heap_limit(context.get(), kHeapLimitKiB);
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    }
  };
  thread_local const Scratch scratch;
  return scratch.context.get();
}

const StandIn* stand_in_for(char32_t code_point) {
  const auto table = newer_code_points();
  if (code_point < table.front().first) return nullptr;
  const auto after = std::upper_bound(table.begin(), table.end(), code_point,
                                      [](char32_t value, const StandIn& range) { return value < range.first; });
  if (after == table.begin()) return nullptr;
  return code_point <= (after - 1)->last ? &*(after - 1) : nullptr;
}

// PCRE2's tables may be older than the patterns expect. Only positions leave this file, so the text that is matched
// may hold an older code point of the same kind and length in a newer one's place.
std::string_view with_known_code_points(std::string_view text, std::string& storage) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0xE0) {  // nothing below U+0800 is newer
      ++i;
      continue;
    }
    const std::size_t at = i;
    const StandIn* range = stand_in_for(next_code_point(text, i));
    if (!range) continue;
    if (storage.empty()) storage = text;
    std::string replacement;
    append_utf8(replacement, range->stand_in);
    storage.replace(at, i - at, replacement);
  }
  return storage.empty() ? text : std::string_view(storage);
}

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, Freer<pcre2_code_free>> compiled;
  std::string where;
};

Regex::Regex(const std::string& pattern, Syntax syntax, std::string where) {
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorCode::kUnsupported, "the regular expression is longer than 64 KiB",
                {.path = where, .field = {}, .expected = {}, .found = std::to_string(pattern.size()) + " bytes"});
  }
  const std::string source = syntax == Syntax::kOniguruma ? oniguruma_to_pcre(pattern, where) : pattern;
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  if (syntax == Syntax::kLiteral) options = PCRE2_UTF | PCRE2_LITERAL;
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->where = std::move(where);
  code->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options, &error,
                                     &offset, context.get()));
  if (!code->compiled) {
    throw Error(ErrorCode::kUnsupported, "the regular expression does not compile: " + message_of(error),
                {.path = code->where, .field = {}, .expected = {}, .found = pattern});
  }
  pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);  // without JIT the interpreter runs it
  code_ = std::move(code);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::find_all(std::string_view original, std::vector<Match>& out) const {
  std::string storage;
  const std::string_view text = with_known_code_points(original, storage);
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(data.get());
  std::size_t from = 0;
  std::size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    const int result = pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                   PCRE2_NO_UTF_CHECK, data.get(), thread_context());
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result < 0) {
      throw Error(ErrorCode::kUnsupported, "a regular expression of the tokenizer gives up: " + message_of(result),
                  {.path = code_->where, .field = {}, .expected = "bounded work", .found = {}});
    }
    if (found[1] < found[0]) return;  // \K inside a look-around; nothing sensible to split at
    if (found[0] == found[1] && found[1] == last_end) {
      if (from >= text.size()) return;
      from += utf8_length(text[from]);
      continue;
    }
    out.push_back({found[0], found[1]});
    from = last_end = found[1];
  }
}

}  // namespace deltascape::text
