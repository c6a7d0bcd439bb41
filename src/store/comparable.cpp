// Owns the rule which rows may be compared (docs/design.md §7.2).
#include <array>
#include <utility>

#include "deltascape/error.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

struct Field {
  const char* name;
  std::string Comparable::*value;
};

constexpr std::array<Field, 6> kFields = {{
    {"base", &Comparable::base},
    {"tokenizer", &Comparable::tokenizer},
    {"probes", &Comparable::probes},
    {"representation", &Comparable::representation},
    {"layer", &Comparable::layer},
    {"position", &Comparable::position},
}};

// Identities are hashes; the base's name says more to a person.
std::string shown(const Comparable& comparable, const Field& field) {
  const std::string& value = comparable.*field.value;
  if (field.value == &Comparable::base && !comparable.base_name.empty()) return comparable.base_name + " " + value;
  return value;
}

[[noreturn]] void refuse(const Record& a, const Record& b, const std::string& what, std::string of_a,
                         std::string of_b) {
  throw Error(
      ErrorCode::kMismatch,
      "\"" + one_line(a.name, 60) + "\" and \"" + one_line(b.name, 60) + "\" differ in their " + what +
          " and cannot be compared; select rows that agree (--where base=NAME, --where layer=N …), or embed them alike",
      {.path = {}, .field = {}, .expected = std::move(of_a), .found = std::move(of_b)});
}

}  // namespace

void require_comparable(const std::vector<Record>& records) {
  for (std::size_t i = 1; i < records.size(); ++i) {
    const Record& a = records.front();
    const Record& b = records[i];
    for (const Field& field : kFields)
      if (a.comparable.*field.value != b.comparable.*field.value)
        refuse(a, b, field.name, shown(a.comparable, field), shown(b.comparable, field));
    // fp64, fp32 and delta agree within the bounds of docs/design.md §6.2; bf16 rounds too coarsely to mix.
    if ((a.precision == "bf16") != (b.precision == "bf16")) refuse(a, b, "precision", a.precision, b.precision);
    if (a.layers != b.layers) refuse(a, b, "layers", std::to_string(a.layers), std::to_string(b.layers));
    if (a.dim != b.dim) refuse(a, b, "width", std::to_string(a.dim), std::to_string(b.dim));
  }
}

}  // namespace deltascape::store
