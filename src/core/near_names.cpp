#include "core/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace deltascape {
namespace {

constexpr std::size_t kLongest = 200;  // of a name, that is compared

// Levenshtein distance.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> near_names(const std::string& name, const std::vector<std::string>& names, std::size_t edits) {
  std::vector<std::pair<std::size_t, std::string>> scored;
  const std::string wanted = name.substr(0, kLongest);
  for (const std::string& other : names) {
    const bool holds = other.find(wanted) != std::string::npos;
    const std::size_t longer = std::max(wanted.size(), other.size()), shorter = std::min(wanted.size(), other.size());
    if (!holds && longer - shorter > edits) continue;
    const std::size_t d = holds ? 1 : distance(wanted, other.substr(0, kLongest));
    if (d <= edits) scored.emplace_back(d, other);
  }
  std::sort(scored.begin(), scored.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < scored.size() && i < 3; ++i) out.push_back(scored[i].second);
  return out;
}

std::vector<std::string> near_names(const std::string& name, const std::vector<std::string>& names) {
  return near_names(name, names, std::max<std::size_t>(2, name.substr(0, kLongest).size() / 3));
}

}  // namespace deltascape
