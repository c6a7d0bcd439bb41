// The rows of a CSV file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deltascape {

// RFC 4180 rows: quoted fields may hold commas, line ends and doubled quotes. Error(kBadFile) names the line.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& file);

}  // namespace deltascape
