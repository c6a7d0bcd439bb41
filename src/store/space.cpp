// What a space is in one text, and the rule which rows may be compared (docs/design.md §7.2).
#include "deltascape/space.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/hash.h"
#include "deltascape/error.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

constexpr int kForm = 1;  // of canonical()

// Identities are hashes; the base's name says more to a person.
std::string base_of(const Space& space) {
  return space.base_name.empty() ? space.base : space.base_name + " " + space.base;
}

[[noreturn]] void refuse(const Record& a, const Record& b, const std::string& what, std::string of_a,
                         std::string of_b) {
  throw Error(ErrorCode::kMismatch,
              "\"" + one_line(a.name, 60) + "\" and \"" + one_line(b.name, 60) + "\" differ in their " + what +
                  " and cannot be compared; select rows that agree (" + option("where") + " base=NAME, " +
                  option("where") + " layer=N …), or embed them alike",
              {.path = {}, .field = {}, .expected = std::move(of_a), .found = std::move(of_b)});
}

void require_one_space(const Record& a, const Record& b) {
  const Space &x = a.space, &y = b.space;
  if (x.base != y.base) refuse(a, b, "base", base_of(x), base_of(y));
  if (x.tokenizer != y.tokenizer) refuse(a, b, "tokenizer", x.tokenizer, y.tokenizer);
  if (x.representation != y.representation) refuse(a, b, "representation", x.representation, y.representation);
  if (x.parameters == y.parameters) return;
  std::set<std::string> names;
  for (const auto* parameters : {&x.parameters, &y.parameters})
    for (const auto& [name, value] : *parameters) names.insert(name);
  for (const std::string& name : names)
    if (x.parameter(name) != y.parameter(name)) refuse(a, b, name, x.parameter(name), y.parameter(name));
}

void require_comparable(const Record& a, const Record& b) {
  require_one_space(a, b);
  // fp64, fp32 and delta agree within the bounds of docs/design.md §6.2; bf16 rounds too coarsely to mix.
  if ((a.precision == "bf16") != (b.precision == "bf16")) refuse(a, b, "precision", a.precision, b.precision);
  if (a.layers != b.layers) refuse(a, b, "layers", std::to_string(a.layers), std::to_string(b.layers));
  if (a.dim != b.dim) refuse(a, b, "width", std::to_string(a.dim), std::to_string(b.dim));
}

}  // namespace

std::string Space::canonical() const {
  const nlohmann::json form = {{"base", base},
                               {"parameters", parameters},
                               {"representation", representation},
                               {"tokenizer", tokenizer},
                               {"version", kForm}};
  return form.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Space::hash() const { return Hasher().update(canonical()).hex(); }

std::string representation_of(const Space& space) {
  std::string out = space.representation;
  const std::set<std::string> elsewhere = {"layer", "position", "probes", "similarity"};
  const auto is_hash = [](const std::string& value) {
    return value.size() >= 16 && value.find_first_not_of("0123456789abcdefv-") == std::string::npos;
  };
  for (const auto& [name, value] : space.parameters)
    if (!elsewhere.contains(name) && !is_hash(value)) out.append(",").append(name).append("=").append(value);
  return out;
}

void require_comparable(const std::vector<Record>& records) {
  for (std::size_t i = 1; i < records.size(); ++i) require_comparable(records.front(), records[i]);
}

bool comparable(const Record& a, const Record& b) {
  try {
    require_comparable(a, b);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace deltascape::store
