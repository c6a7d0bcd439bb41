// Owns labels from a file: a CSV of name,label.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::cli {

// RFC 4180 rows: quoted fields may hold commas, line ends and doubled quotes. Error(kBadFile) names the line.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& file);

// Labels by name. A first row "name,label" is a title; blank rows are skipped; another number of columns than two is
// Error(kBadFile), as is a name with two different labels.
std::map<std::string, std::string> read_labels(const std::string& file);

}  // namespace deltascape::cli
