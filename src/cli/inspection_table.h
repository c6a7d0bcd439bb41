// Owns how inspections are shown: as JSON, as rows of a table, and summed up.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"
#include "deltascape/inspect.h"

namespace deltascape::cli {

Json inspection_json(const Inspection& row);
report::Table inspection_table(const std::vector<Inspection>& rows);
// "verdict  exact 2990, refused 10": how many there are of each verdict, kind, family, base and fit.
std::vector<std::string> inspection_summary(const std::vector<Inspection>& rows);

}  // namespace deltascape::cli
