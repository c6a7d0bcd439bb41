#include "core/closest.h"

#include <algorithm>
#include <cstddef>

namespace deltascape {
namespace {

// Optimal string alignment distance.
std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

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
