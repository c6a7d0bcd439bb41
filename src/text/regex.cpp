// Compiling and running patterns with Oniguruma: syntax, limits, and text that is newer than its tables.
#include "text/regex.h"

#include <oniguruma.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "deltascape/error.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxPattern = std::size_t{64} << 10;
constexpr unsigned kMaxDepth = 500;  // of groups in groups; the parser recurses
// What `tokenizers` has too: a step back is counted, and a match from one place may take so many.
constexpr unsigned long kMaxRetries = 10'000'000;
// From all places that one search tries. \s+$ on a line of 20,000 spaces and a letter needs 2 * 10^8.
constexpr unsigned long kMaxRetriesInSearch = 500'000'000;
constexpr unsigned long kMaxCalls = 1'000'000;  // of groups by groups, \g<1>, in one search
constexpr unsigned kMaxStack = 8u << 20;        // places to go back to, 40 bytes each: a letter of \p{L}+ is one

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
void free_region(OnigRegion* region) { onig_region_free(region, 1); }
using Region = std::unique_ptr<OnigRegion, Freer<free_region>>;
using MatchParam = std::unique_ptr<OnigMatchParam, Freer<onig_free_match_param>>;
using Compiled = std::unique_ptr<OnigRegexType, Freer<onig_free>>;

const OnigUChar* bytes(const char* text) { return reinterpret_cast<const OnigUChar*>(text); }

// Compiling takes turns: the library's tables of names and properties are shared.
std::unique_lock<std::mutex> initialized() {
  static std::mutex mutex;
  std::unique_lock lock(mutex);
  static const bool done = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    onig_set_parse_depth_limit(kMaxDepth);
    onig_set_subexp_call_limit_in_search(kMaxCalls);
    onig_set_warn_func(onig_null_warn);
    onig_set_verb_warn_func(onig_null_warn);
    return true;
  }();
  static_cast<void>(done);
  return lock;
}

std::string message_of(int error, OnigErrorInfo* info = nullptr) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info == nullptr ? onig_error_code_to_str(text, error) : onig_error_code_to_str(text, error, info);
  return std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
}

MatchParam limits() {
  MatchParam param(onig_new_match_param());
  if (!param) throw std::bad_alloc();
  onig_initialize_match_param(param.get());
  onig_set_match_stack_limit_size_of_match_param(param.get(), kMaxStack);
  onig_set_retry_limit_in_match_of_match_param(param.get(), kMaxRetries);
  onig_set_retry_limit_in_search_of_match_param(param.get(), kMaxRetriesInSearch);
  return param;
}

const StandIn* stand_in_for(char32_t code_point) {
  const auto table = newer_code_points();
  if (code_point < table.front().first) return nullptr;
  const auto after = std::upper_bound(table.begin(), table.end(), code_point,
                                      [](char32_t value, const StandIn& range) { return value < range.first; });
  if (after == table.begin()) return nullptr;
  return code_point <= (after - 1)->last ? &*(after - 1) : nullptr;
}

// The library's tables may be older than the patterns expect. Only positions leave this file, so the text that is
// matched may hold an older code point of the same kind and length in a newer one's place.
std::string_view with_known_code_points(std::string_view text, std::string& storage) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0xE0 && lead != 0xCD) {  // nothing below U+0800 is newer, but for some marks' properties
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

// [[:punct:]] has symbols in it in the newer Oniguruma that `tokenizers` brings along.
std::string with_newer_classes(std::string_view pattern) {
  constexpr std::string_view kPunct = "[:punct:]", kNoPunct = "[:^punct:]";
  std::string out;
  int depth = 0;  // of classes
  for (std::size_t i = 0; i < pattern.size();) {
    const std::string_view rest = pattern.substr(i);
    std::size_t taken = 1;
    if (rest[0] == '\\') {
      taken = std::min<std::size_t>(2, rest.size());
    } else if (depth > 0 && (rest.starts_with(kPunct) || rest.starts_with(kNoPunct))) {
      const bool negative = rest.starts_with(kNoPunct);
      out += negative ? "[^\\p{P}\\p{S}]" : "\\p{P}\\p{S}";
      i += negative ? kNoPunct.size() : kPunct.size();
      continue;
    } else if (rest[0] == '[') {
      ++depth;
    } else if (rest[0] == ']' && depth > 0) {
      --depth;
    }
    out += rest.substr(0, taken);
    i += taken;
  }
  return out;
}

// Calls next(from, match) for the first match at or behind `from` until it gives false.
template <class Next>
void iterate(std::string_view text, std::vector<Match>& out, Next next) {
  std::size_t from = 0;
  std::size_t last_end = std::string_view::npos;
  for (Match match; from <= text.size() && next(from, match);) {
    if (match.begin == match.end && match.end == last_end) {
      if (from >= text.size()) return;
      from += utf8_length(text[from]);
      continue;
    }
    out.push_back(match);
    from = last_end = match.end;
  }
}

}  // namespace

struct Regex::Code {
  std::string literal;
  Compiled compiled;  // null for a literal
  std::string where;
};

Regex::Regex(std::unique_ptr<const Code> code) : code_(std::move(code)) {}

Regex::Regex(const std::string& pattern, std::string where) {
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorCode::kUnsupported, "the regular expression is longer than 64 KiB",
                {.path = where, .field = {}, .expected = {}, .found = std::to_string(pattern.size()) + " bytes"});
  }
  const std::string source = with_newer_classes(pattern);
  const auto lock = initialized();
  OnigRegex compiled = nullptr;
  OnigErrorInfo info{};
  const OnigUChar* begin = bytes(source.data());
  const int error = onig_new(&compiled, begin, begin + source.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                             ONIG_SYNTAX_ONIGURUMA, &info);
  if (error != ONIG_NORMAL) {
    throw Error(ErrorCode::kBadFile, "the regular expression does not compile: " + message_of(error, &info),
                {.path = where, .field = {}, .expected = {}, .found = one_line(pattern, 200)});
  }
  code_ = std::make_unique<const Code>(Code{{}, Compiled(compiled), std::move(where)});
}

Regex Regex::literal(std::string text) {
  return Regex(std::make_unique<const Code>(Code{std::move(text), nullptr, {}}));
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::find_all(std::string_view original, std::vector<Match>& out) const {
  if (!code_->compiled) {
    iterate(original, out, [&](std::size_t from, Match& match) {
      match.begin = original.find(code_->literal, from);
      match.end = match.begin + code_->literal.size();
      return match.begin != std::string_view::npos;
    });
    return;
  }
  std::string storage;
  const std::string_view text = with_known_code_points(original, storage);
  const Region region(onig_region_new());
  if (!region) throw std::bad_alloc();
  const MatchParam param = limits();
  const OnigUChar* begin = bytes(text.data());  // NOLINT(bugprone-suspicious-stringview-data-usage): its end follows
  const OnigUChar* end = begin + text.size();
  const auto give_up = [&](const std::string& why) {
    throw Error(ErrorCode::kUnsupported, "a regular expression of the tokenizer gives up: " + why,
                {.path = code_->where, .field = {}, .expected = "bounded work", .found = {}});
  };
  iterate(text, out, [&](std::size_t from, Match& match) {
    const int found = onig_search_with_param(code_->compiled.get(), begin, end, begin + from, end, region.get(),
                                             ONIG_OPTION_NONE, param.get());
    if (found == ONIG_MISMATCH) return false;
    if (found < 0) give_up(message_of(found));
    match = {static_cast<std::size_t>(region->beg[0]), static_cast<std::size_t>(region->end[0])};
    // \K inside a look-around
    if (match.begin < from || match.end < match.begin) give_up("a match begins before the one in front of it ends");
    return true;
  });
}

}  // namespace deltascape::text
