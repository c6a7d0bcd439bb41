// Owns the one exception type of the library: what went wrong, in which file and field, what was expected.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace deltascape {

enum class ErrorCode {
  kUsage,        // the caller asked for something that makes no sense (exit 2)
  kNotFound,     // a file, a model, a name that is not there
  kBadFile,      // a file whose content breaks its format
  kUnsupported,  // well-formed, but a kind this program does not compute exactly
  kMismatch,     // two things that do not fit each other (shapes, bases, provenance)
  kIo,           // the operating system said no
  kNumeric,      // NaN or Inf where numbers are needed
  kBusy,         // another process holds what is needed: worth trying again
  kCancelled,    // Progress::cancelled() said so
  kInternal,     // our own bug
};

// Where an error was met. Empty fields are left out of the message.
struct ErrorContext {
  std::string path{};      // file or directory
  std::string field{};     // tensor, JSON field, metadata key, or option()
  std::string expected{};  // what the format or the caller's other input asks for
  std::string found{};     // what is there instead
};

// what() is one line: "PATH: FIELD: MESSAGE (expected E, found F)", control characters escaped, at most 390 bytes.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, const ErrorContext& context = {});
  ErrorCode code() const { return code_; }
  const ErrorContext& context() const { return context_; }

 private:
  ErrorCode code_;
  ErrorContext context_;
};

// An option in a message: the name of its field, as option("learning_rate"), behind a character that is not seen
// (U+2060). Errors, notes and failures name options so; each frontend spells them as its users write them.
std::string option(std::string_view field);
// `text` with spell("learning_rate") in the place of each option.
std::string worded(std::string_view text, const std::function<std::string(std::string_view)>& spell);

// One printable line of at most max_bytes: control characters and broken UTF-8 escaped, the middle elided.
std::string one_line(const std::string& text, std::size_t max_bytes);

}  // namespace deltascape
