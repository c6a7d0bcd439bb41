// Owns average linkage by nearest-neighbour chains (Murtagh 1983; Müllner 2011), and how well partitions fit.
#include <algorithm>
#include <numeric>

#include "landscape/partition.h"
#include "landscape/silhouette_of.h"

namespace deltascape::landscape {
namespace {

// Distances of all pairs, each once.
class Distances {
 public:
  explicit Distances(const EmbeddingRows& rows) : count_(rows.count), values_(rows.count * (rows.count - 1) / 2) {
    for_each_product_row(rows, [this](std::size_t i, std::span<const double> cosines) {
      for (std::size_t j = 0; j < i; ++j) at(i, j) = cosine_distance(cosines[j]);
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

std::vector<Merge> average_linkage(const EmbeddingRows& rows) {
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

std::vector<std::optional<double>> fits(const EmbeddingRows& rows, const std::vector<Partition>& partitions) {
  std::vector<std::vector<std::size_t>> sizes(partitions.size());
  for (std::size_t p = 0; p < partitions.size(); ++p)
    for (const std::size_t group : partitions[p]) {
      if (group >= sizes[p].size()) sizes[p].resize(group + 1);
      ++sizes[p][group];
    }
  std::vector<double> samples(partitions.size() * rows.count);  // [partition, row]
  for_each_product_row(rows, [&](std::size_t i, std::span<const double> cosines) {
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      std::vector<double> sums(sizes[p].size());
      for (std::size_t j = 0; j < cosines.size(); ++j)
        if (j != i) sums[partitions[p][j]] += cosine_distance(cosines[j]);
      samples[p * rows.count + i] = silhouette_sample(sums, sizes[p], partitions[p][i]);
    }
  });
  std::vector<std::optional<double>> out(partitions.size());
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    if (sizes[p].size() < 2 || sizes[p].size() >= rows.count) continue;
    const auto start = samples.begin() + static_cast<std::ptrdiff_t>(p * rows.count);
    out[p] =
        std::accumulate(start, start + static_cast<std::ptrdiff_t>(rows.count), 0.0) / static_cast<double>(rows.count);
  }
  return out;
}

}  // namespace deltascape::landscape
