// Owns the rows of families that are refused by what they need.
#include "model/missing_parts.h"

namespace deltascape::model {
namespace {

struct Missing {
  std::string_view model_type, parts;
};

constexpr std::string_view kGemma3n = "per-layer embeddings, AltUp and LAuReL";
constexpr std::string_view kGemma4 =
    "per-layer embeddings, heads of other widths in some layers and keys shared by layers";
constexpr Missing kMissing[] = {
    {"gemma3n_text", kGemma3n}, {"gemma3n", kGemma3n}, {"gemma4_text", kGemma4}, {"gemma4", kGemma4}};

}  // namespace

std::string_view missing_parts(std::string_view model_type) {
  for (const Missing& m : kMissing)
    if (m.model_type == model_type) return m.parts;
  return {};
}

}  // namespace deltascape::model
