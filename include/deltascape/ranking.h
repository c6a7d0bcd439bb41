// What a ranking of variants says of each.
#pragma once

#include <optional>
#include <string>

namespace deltascape {

struct RankedVariant {
  std::string name, label, path;    // path: where it was embedded from
  std::optional<double> score;      // cosine with the task's embedding; empty for a variant without effect
  std::optional<double> low, high;  // score -/+ 2 standard errors; empty where nothing says how far it moves
  std::optional<double> p;          // how likely chance gives a best score as high: landscape::Chance, where asked for
};

}  // namespace deltascape
