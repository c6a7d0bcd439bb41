// Which fields of adapter_config.json PEFT knows, by type of adapter, and which of them would change the result in a
// way that is not computed here (PEFT 0.21, the config classes).
#pragma once

#include <cstdint>
#include <string_view>

namespace deltascape::adapter {

enum class OptionKind : std::uint8_t {
  kKnown,        // computed, or without a part in the result
  kNotComputed,  // PEFT knows it; with a value it selects another computation
  kUnknown,      // PEFT ignores it
};

bool is_computed_type(std::string_view peft_type);
// Of a type that is_computed_type().
OptionKind known_option(std::string_view peft_type, std::string_view key);

// Whether `word` is one of `words`, which are between spaces.
bool has_word(std::string_view words, std::string_view word);

}  // namespace deltascape::adapter
