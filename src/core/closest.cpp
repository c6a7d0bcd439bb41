#include "core/closest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace deltascape {

std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);  // of the distances between beginnings
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last.swap(row);
  }
  return last.back();
}

std::string closest(const std::string& typed, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 100;  // nobody means a name by a text
  std::string best;
  std::size_t fewest = std::max<std::size_t>(1, typed.size() / 3) + 1;
  if (typed.empty() || typed.size() > kLongest) return best;
  for (const std::string& name : known)
    if (const std::size_t count = edits(typed, name); count < fewest) fewest = count, best = name;
  return best;
}

std::vector<std::string> near_names(const std::string& typed, const std::vector<std::string>& known, std::size_t most) {
  constexpr std::size_t kLongest = 200;  // letters that are compared
  const std::string wanted = typed.substr(0, kLongest);
  std::vector<std::pair<std::size_t, std::string>> scored;
  for (const std::string& name : known) {
    const bool holds = name.find(wanted) != std::string::npos;
    const std::string other = name.substr(0, kLongest);
    const std::size_t longer = std::max(wanted.size(), other.size()), shorter = std::min(wanted.size(), other.size());
    if (!holds && longer - shorter > most) continue;
    if (const std::size_t count = holds ? 1 : edits(wanted, other); count <= most) scored.emplace_back(count, name);
  }
  std::sort(scored.begin(), scored.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < scored.size() && i < 3; ++i) out.push_back(scored[i].second);
  return out;
}

std::vector<std::string> near_names(const std::string& typed, const std::vector<std::string>& known) {
  return near_names(typed, known, std::max<std::size_t>(2, std::min<std::size_t>(typed.size(), 200) / 3));
}

}  // namespace deltascape
