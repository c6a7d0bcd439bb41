#include "landscape/neighbour_lists.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "landscape/lloyd.h"
#include "landscape/parallel.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostExact = 20000;
constexpr std::size_t kSample = 256;       // rows that say how many neighbours were found
constexpr std::size_t kTrainingRows = 64;  // rows that place a cell
constexpr int kTrainingRounds = 8;
constexpr std::size_t kNearCells[] = {4, 16};  // that a row asks for: more where too few neighbours are found
constexpr double kFewVotes = 0.05;             // of the rows that search together: what fewer ask for is left out
constexpr double kEnough = 0.98;

struct Candidate {
  double nearness = 0, product = 0;
  std::uint32_t row = 0;
};
bool nearer(const Candidate& a, const Candidate& b) {
  return a.nearness != b.nearness ? a.nearness > b.nearness : a.row < b.row;
}

// Looks for the nearest of some rows among others.
class Search {
 public:
  Search(const Rows& rows, std::span<const double> squares, NeighbourLists& lists)
      : rows_(rows), squares_(squares), lists_(lists) {}

  // Fills in the lists of the rows `lefts`, on this thread.
  void run(Which lefts, Which rights) const {
    std::vector<std::vector<Candidate>> heaps(lefts.size());  // the farthest at the front
    for_each_tile_here(rows_, lefts, rights, [&](const Tile& tile) {
      for (std::size_t i = 0; i < tile.rows; ++i)
        look(heaps[tile.first_row + i], lefts[tile.first_row + i], rights, tile, i);
    });
    for (std::size_t n = 0; n < lefts.size(); ++n) {
      std::ranges::sort_heap(heaps[n], nearer);
      for (std::size_t r = 0; r < heaps[n].size(); ++r) {
        lists_.index[lefts[n] * lists_.each + r] = heaps[n][r].row;
        lists_.product[lefts[n] * lists_.each + r] = heaps[n][r].product;
      }
    }
  }

  double nearness(double product, std::size_t row) const {
    return squares_.empty() ? product : product - squares_[row] / 2;
  }

 private:
  void look(std::vector<Candidate>& heap, std::size_t self, Which rights, const Tile& tile, std::size_t i) const {
    const std::span<const double> values = tile.row(i);
    double least = heap.size() < lists_.each ? -std::numeric_limits<double>::infinity() : heap.front().nearness;
    for (std::size_t j = 0; j < values.size(); ++j) {
      const std::size_t row = rights[tile.first_column + j];
      const Candidate one{nearness(values[j], row), values[j], static_cast<std::uint32_t>(row)};
      if (one.nearness < least || row == self) continue;
      if (heap.size() == lists_.each && !nearer(one, heap.front())) continue;
      heap.push_back(one);
      std::ranges::push_heap(heap, nearer);
      if (heap.size() > lists_.each) {
        std::ranges::pop_heap(heap, nearer);
        heap.pop_back();
      }
      if (heap.size() == lists_.each) least = heap.front().nearness;
    }
  }

  const Rows& rows_;
  std::span<const double> squares_;
  NeighbourLists& lists_;
};

// Rows by the centre that they are nearest to.
class Cells {
 public:
  Cells(const Rows& rows, std::span<const double> squares) : rows_(rows), unit_(squares.empty()) {
    const auto count = static_cast<std::size_t>(std::sqrt(static_cast<double>(rows.count)));
    place(every_nth(rows.count, count), every_nth(rows.count, count * kTrainingRows));
    members_.resize(centres_.count);
    const std::vector<std::size_t> all = all_of(rows);
    const Assigned assigned = assign(rows, all, centres_);
    for (std::size_t i = 0; i < rows.count; ++i) members_[assigned.group[i]].push_back(i);
    panels_.pack(centres_.values, centres_.count, rows.width);
  }

  const std::vector<std::vector<std::size_t>>& members() const { return members_; }

  // All rows of the cells that are among the `near` nearest of enough of `rows`; of any cells where those hold too few.
  std::vector<std::size_t> around(Which rows, std::size_t near, std::size_t least) const {
    Panels left;
    std::vector<double> values;
    left.pack(rows_, rows);
    products(left, panels_, values);
    std::vector<std::size_t> order(centres_.count), votes(centres_.count), out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double* value = values.data() + i * panels_.padded();
      const auto nearness = [&](std::size_t c) { return value[c] - (unit_ ? 0 : centres_.offsets[c]); };
      std::iota(order.begin(), order.end(), std::size_t{0});
      const auto by_nearness = [&](std::size_t a, std::size_t b) {
        return nearness(a) != nearness(b) ? nearness(a) > nearness(b) : a < b;
      };
      std::ranges::nth_element(order, order.begin() + static_cast<std::ptrdiff_t>(near), by_nearness);
      for (std::size_t n = 0; n < near; ++n) ++votes[order[n]];
    }
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return votes[a] > votes[b]; });
    const double few = kFewVotes * static_cast<double>(rows.size());
    for (const std::size_t cell : order)
      if (static_cast<double>(votes[cell]) > few || out.size() < least)
        out.insert(out.end(), members_[cell].begin(), members_[cell].end());
    return out;
  }

 private:
  void place(const std::vector<std::size_t>& start, const std::vector<std::size_t>& training) {
    std::vector<std::size_t> own(start.size());
    std::iota(own.begin(), own.end(), std::size_t{0});
    centres_ = {.count = start.size(), .values = group_sums(rows_, start, own, start.size()), .offsets = {}};
    for (int round = 0; round < kTrainingRounds; ++round) {
      measure();
      const Assigned assigned = assign(rows_, training, centres_);
      const std::vector<double> sums = group_sums(rows_, training, assigned.group, centres_.count);
      std::vector<double> sizes(centres_.count);
      for (const std::size_t g : assigned.group) ++sizes[g];
      for (std::size_t n = 0; n < sums.size(); ++n)  // a cell that lost all its rows stays where it is
        if (sizes[n / rows_.width] > 0) centres_.values[n] = sums[n] / sizes[n / rows_.width];
    }
    measure();
  }

  // Unit rows go by the angle to a centre, others by the distance.
  void measure() {
    centres_.offsets.assign(unit_ ? 0 : centres_.count, 0);
    for (std::size_t c = 0; c < centres_.count; ++c) {
      const auto centre = std::span(centres_.values).subspan(c * rows_.width, rows_.width);
      const double squares = std::inner_product(centre.begin(), centre.end(), centre.begin(), 0.0);
      if (!unit_) centres_.offsets[c] = squares / 2;
      else if (squares > 0)
        for (double& value : centre) value /= std::sqrt(squares);
    }
  }

  const Rows& rows_;
  const bool unit_;
  Centres centres_;
  Panels panels_;
  std::vector<std::vector<std::size_t>> members_;
};

NeighbourLists empty_lists(std::size_t count, std::size_t each) {
  return {.each = each,
          .index = std::vector<std::uint32_t>(count * each),
          .product = std::vector<double>(count * each),
          .found = {}};
}

void search_all(const Rows& rows, std::span<const double> squares, Which lefts, NeighbourLists& lists) {
  const Search search(rows, squares, lists);
  const std::vector<std::size_t> all = all_of(rows);
  parallel_blocks(lefts.size(), kTileRows,
                  [&](std::size_t first, std::size_t last) { search.run(lefts.subspan(first, last - first), all); });
}

void search_cells(const Rows& rows, std::span<const double> squares, const Cells& cells, std::size_t near,
                  NeighbourLists& lists) {
  const Search search(rows, squares, lists);
  parallel_blocks(cells.members().size(), 1, [&](std::size_t cell, std::size_t) {
    const Which members = cells.members()[cell];
    for (std::size_t first = 0; first < members.size(); first += kTileRows) {
      const Which some = members.subspan(first, std::min(kTileRows, members.size() - first));
      search.run(some, cells.around(some, near, lists.each + 1));
    }
  });
}

// Of the sample's neighbours in `exact`, the share that `lists` has, or has others for that are as near.
double share_found(const Search& search, Which sample, const NeighbourLists& exact, const NeighbourLists& lists) {
  std::size_t found = 0;
  for (const std::size_t i : sample) {
    const std::size_t first = i * lists.each, last = first + lists.each - 1;
    const double least = search.nearness(exact.product[last], exact.index[last]) - 1e-12;
    for (std::size_t n = first; n <= last; ++n) found += search.nearness(lists.product[n], lists.index[n]) >= least;
  }
  return static_cast<double>(found) / static_cast<double>(sample.size() * lists.each);
}

}  // namespace

NeighbourLists nearest_rows(const Rows& rows, std::size_t k, std::span<const double> squares) {
  NeighbourLists lists = empty_lists(rows.count, std::min(k, rows.count > 0 ? rows.count - 1 : 0));
  if (lists.each == 0) return lists;
  if (rows.count <= kMostExact) {
    search_all(rows, squares, all_of(rows), lists);
    return lists;
  }
  const std::vector<std::size_t> sample = every_nth(rows.count, kSample);
  NeighbourLists exact = empty_lists(rows.count, lists.each);
  search_all(rows, squares, sample, exact);
  const Cells cells(rows, squares);
  for (const std::size_t near : kNearCells) {
    if (lists.found && *lists.found >= kEnough) break;
    search_cells(rows, squares, cells, near, lists);
    lists.found = share_found(Search(rows, squares, lists), sample, exact, lists);
  }
  return lists;
}

}  // namespace deltascape::landscape
