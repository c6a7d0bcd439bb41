// What a ranking of variants says of each.
#pragma once

#include <optional>
#include <string>

namespace deltascape {

struct RankedVariant {
  std::string name, label;
  std::optional<double> score;      // cosine with the task's embedding; empty for a variant without effect
  std::optional<double> low, high;  // score -/+ 2 standard errors; empty where nothing says how far it moves
};

}  // namespace deltascape
