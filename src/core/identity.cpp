#include "core/identity.h"

#include <utility>

#include "core/hash.h"
#include "deltascape/error.h"

namespace deltascape {
namespace {
constexpr std::string_view kRules = "v2-";
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): try_emplace() takes both over.
void Identity::add(std::string name, std::string content) {
  const auto [at, added] = parts_.try_emplace(std::move(name), std::move(content));
  if (!added) throw Error(ErrorCode::kInternal, "two parts of one identity have the same name", {.field = at->first});
}

std::string Identity::text() const {
  Hasher hasher;
  hasher.update(std::string_view(kind_));
  for (const auto& [name, content] : parts_) hasher.update(std::string_view(name)).update(std::string_view(content));
  return std::string(kRules) + hasher.hex();
}

bool Identity::is_current(std::string_view text) { return text.starts_with(kRules); }

}  // namespace deltascape
