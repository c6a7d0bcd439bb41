#include "core/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>

#include "deltascape/error.h"

namespace deltascape {
namespace {

constexpr std::uint32_t kMatchLimit = 1000000;

std::string message_of(int code) {
  PCRE2_UCHAR text[128];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Regex::Code {
  std::string pattern;
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
  ~Code() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

Regex::Regex(const std::string& pattern) : code_(std::make_unique<Code>()) {
  int error = 0;
  PCRE2_SIZE at = 0;
  code_->pattern = pattern;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                              &error, &at, nullptr);
  if (code_->code == nullptr)
    throw Error(ErrorCode::kUsage, "not a regular expression: " + message_of(error) + " at " + std::to_string(at),
                {.found = pattern});
  code_->context = pcre2_match_context_create(nullptr);
  if (code_->context == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(code_->context, kMatchLimit);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<std::string> Regex::search(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  if (!data) throw std::bad_alloc();
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(),
                                code_->context);
  if (found == PCRE2_ERROR_NOMATCH) return {};
  if (found < 0)
    throw Error(ErrorCode::kUsage, "this regular expression cannot be used: " + message_of(found),
                {.found = code_->pattern});
  const PCRE2_SIZE* span = pcre2_get_ovector_pointer(data.get());
  for (int group = 1; group < found; ++group)
    if (span[2 * group] != PCRE2_UNSET)
      return std::string(text.substr(span[2 * group], span[2 * group + 1] - span[2 * group]));
  return std::string(text.substr(span[0], span[1] - span[0]));
}

}  // namespace deltascape
