#include "core/closest.h"

#include <algorithm>
#include <numeric>

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

}  // namespace deltascape
