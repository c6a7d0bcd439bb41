// Average linkage by nearest-neighbour chains (Murtagh 1983; Müllner 2011).
#include <algorithm>
#include <numeric>

#include "landscape/partition.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

// Distances of all pairs, each once.
class Distances {
 public:
  explicit Distances(const Rows& rows) : count_(rows.count), values_(rows.count * (rows.count - 1) / 2) {
    for_each_lower_tile(rows, [this](const Tile& tile) {
      for (std::size_t i = tile.first_row; i < tile.first_row + tile.rows; ++i)
        for (std::size_t j = tile.first_column; j < std::min(i, tile.first_column + tile.columns); ++j)
          at(i, j) = cosine_distance(tile.row(i - tile.first_row)[j - tile.first_column]);
    });
  }
  double& at(std::size_t i, std::size_t j) {
    return i > j ? values_[i * (i - 1) / 2 + j] : values_[j * (j - 1) / 2 + i];
  }
  std::size_t count() const { return count_; }

 private:
  std::size_t count_;
  std::vector<double> values_;
};

// The nearest of the groups that still stand; `previous` wins a tie, so that chains end.
std::size_t nearest(Distances& distances, const std::vector<std::size_t>& sizes, std::size_t from,
                    std::size_t previous) {
  std::size_t best = previous;
  double least = previous < sizes.size() ? distances.at(from, previous) : 0;
  for (std::size_t j = 0; j < sizes.size(); ++j) {
    if (sizes[j] == 0 || j == from || j == previous) continue;
    const double d = distances.at(from, j);
    if (best >= sizes.size() || d < least) {
      best = j;
      least = d;
    }
  }
  return best;
}

// b's group joins a's; distances to it are averages over all members.
void join(Distances& distances, std::vector<std::size_t>& sizes, std::size_t a, std::size_t b) {
  const double na = static_cast<double>(sizes[a]), nb = static_cast<double>(sizes[b]);
  for (std::size_t j = 0; j < sizes.size(); ++j)
    if (sizes[j] > 0 && j != a && j != b)
      distances.at(a, j) = (na * distances.at(a, j) + nb * distances.at(b, j)) / (na + nb);
  sizes[a] += sizes[b];
  sizes[b] = 0;
}

std::size_t root_of(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

}  // namespace

std::vector<Merge> average_linkage(const Rows& rows) {
  std::vector<Merge> tree;
  if (rows.count < 2) return tree;
  Distances distances(rows);
  std::vector<std::size_t> sizes(rows.count, 1), chain;
  while (tree.size() + 1 < rows.count) {
    if (chain.empty())
      chain.push_back(static_cast<std::size_t>(std::find_if(sizes.begin(), sizes.end(), [](auto n) { return n > 0; }) -
                                               sizes.begin()));
    const std::size_t top = chain.back();
    const std::size_t previous = chain.size() > 1 ? chain[chain.size() - 2] : rows.count;
    const std::size_t next = nearest(distances, sizes, top, previous);
    if (next != previous) {
      chain.push_back(next);
      continue;
    }
    chain.resize(chain.size() - 2);
    tree.push_back({std::min(top, next), std::max(top, next), distances.at(top, next)});
    join(distances, sizes, std::min(top, next), std::max(top, next));
  }
  std::stable_sort(tree.begin(), tree.end(), [](const Merge& x, const Merge& y) { return x.height < y.height; });
  return tree;
}

Partition cut(const std::vector<Merge>& tree, std::size_t count, std::size_t k) {
  std::vector<std::size_t> parent(count);
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  for (std::size_t m = 0; m + k < count; ++m) parent[root_of(parent, tree[m].b)] = root_of(parent, tree[m].a);
  Partition out(count);
  std::vector<std::size_t> group_of_root(count, count);
  std::size_t groups = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t& group = group_of_root[root_of(parent, i)];
    if (group == count) group = groups++;
    out[i] = group;
  }
  return out;
}

}  // namespace deltascape::landscape
