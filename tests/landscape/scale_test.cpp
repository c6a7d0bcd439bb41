// Specifies what changes with many rows: sums instead of distances, samples, cells, Barnes-Hut; and that none of it
// depends on the number of threads.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "landscape/neighbour_lists.h"
#include "landscape/partition.h"
#include "landscape/products.h"
#include "landscape/projection.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kDim = 12, kMany = 22400;  // more than are looked at pair by pair

// Unit rows around `groups` directions, each row `copies` times. `shared` adds a direction of this length to all.
struct Pool {
  Rows rows;
  Partition groups;
};
Pool pool(std::size_t count, std::size_t groups, float spread, float shared, std::size_t copies = 1) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> centres(groups * kDim);
  for (float& value : centres) value = normal(random);
  Pool out{empty_rows(count, kDim), Partition(count)};
  for (std::size_t i = 0; i < count / copies; ++i)
    for (std::size_t k = 0; k < kDim; ++k) {
      const float value = centres[i % groups * kDim + k] + spread * normal(random) + shared;
      for (std::size_t c = 0; c < copies; ++c) {
        out.rows.values[(i * copies + c) * out.rows.width + k] = value;
        out.groups[i * copies + c] = i % groups;
      }
    }
  make_unit(out.rows);
  return out;
}

double product(const Rows& rows, std::size_t i, std::size_t j) {
  double sum = 0;
  for (std::size_t k = 0; k < rows.width; ++k) sum += double{rows.row(i)[k]} * rows.row(j)[k];
  return sum * rows.scale[i] * rows.scale[j];
}

// The definition, for one row.
double silhouette_of_row(const Pool& p, std::size_t i, std::size_t groups) {
  std::vector<double> sums(groups), sizes(groups);
  for (std::size_t j = 0; j < p.rows.count; ++j) {
    ++sizes[p.groups[j]];
    if (j != i) sums[p.groups[j]] += std::clamp(1 - product(p.rows, i, j), 0.0, 1.0);
  }
  const std::size_t own = p.groups[i];
  double outside = 2;
  for (std::size_t g = 0; g < groups; ++g)
    if (g != own) outside = std::min(outside, sums[g] / sizes[g]);
  const double inside = sums[own] / (sizes[own] - 1);
  return (outside - inside) / std::max(outside, inside);
}

class OneCore {  // until the end of the scope
 public:
  OneCore() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core)
      if (CPU_ISSET(core, &before_)) CPU_SET(core, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OneCore() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

TEST(Products, AreThoseOfTheDefinition) {
  const Pool p = pool(301, 3, 1, 0);
  const std::vector<std::size_t> all = all_of(p.rows), some = {5, 0, 300};
  for_each_tile(p.rows, some, all, [&](const Tile& tile) {
    for (std::size_t i = 0; i < tile.rows; ++i)
      for (std::size_t j = 0; j < tile.columns; ++j)
        EXPECT_NEAR(tile.row(i)[j], product(p.rows, some[tile.first_row + i], tile.first_column + j), 1e-15);
  });
}

TEST(Fits, OfManyRowsWithoutNegativeCosinesAreExact) {
  const Pool p = pool(kMany, 4, 0.2F, 3);
  const Fit fit = fits(p.rows, {p.groups}).front().value();
  EXPECT_EQ(fit.sampled, 0u);
  EXPECT_EQ(fit.error, 0);
  for (std::size_t i = 0; i < kMany; i += 700) EXPECT_NEAR(fit.rows[i].value(), silhouette_of_row(p, i, 4), 1e-10) << i;
  const double mean = std::accumulate(fit.rows.begin(), fit.rows.end(), 0.0, [](double a, auto b) { return a + *b; });
  EXPECT_NEAR(fit.average, mean / kMany, 1e-12);
}

TEST(Fits, OfManyRowsAreElseSampledAndSaySo) {
  constexpr std::size_t kCopies = 7;
  const Pool p = pool(kMany, 4, 1.5F, 0, kCopies);
  const Fit fit = fits(p.rows, {p.groups}).front().value();
  EXPECT_EQ(fit.sampled, 500u);
  EXPECT_GT(fit.error, 0);
  EXPECT_LT(fit.error, 0.01);
  double exact = 0;  // copies have one silhouette
  for (std::size_t i = 0; i < kMany; i += kCopies) {
    const double own = silhouette_of_row(p, i, 4);
    exact += own * kCopies / kMany;
    if (fit.rows[i]) {
      EXPECT_NEAR(*fit.rows[i], own, 1e-10);
    }
  }
  EXPECT_NEAR(fit.average, exact, 2 * fit.error);
}

TEST(Fits, OfMoreGroupsThanCanBeSummedAreOfTheSampleAlone) {
  Pool p = pool(kMany, 4, 1, 0);
  for (std::size_t i = 0; i < kMany; ++i) p.groups[i] = i % (kMany / 2 - 1);
  const Fit fit = fits(p.rows, {p.groups}).front().value();
  EXPECT_EQ(fit.sampled, 500u);
  EXPECT_LT(fit.average, 0);  // groups of nothing
}

TEST(NearestRows, OfFewAreExact) {
  const Pool p = pool(400, 5, 0.5F, 0);
  const NeighbourLists lists = nearest_rows(p.rows, 3);
  ASSERT_EQ(lists.each, 3u);
  EXPECT_FALSE(lists.found);
  for (std::size_t i = 0; i < 400; ++i) {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t j = 0; j < 400; ++j)
      if (j != i) order.emplace_back(-product(p.rows, i, j), j);
    std::ranges::sort(order);
    for (std::size_t n = 0; n < 3; ++n) EXPECT_EQ(lists.index[3 * i + n], order[n].second) << i;
  }
  EXPECT_EQ(nearest_rows(pool(2, 1, 1, 0).rows, 3).each, 1u);
  EXPECT_EQ(nearest_rows(empty_rows(0, 3), 3).each, 0u);
}

TEST(NearestRows, OfManySayHowManyTheyFound) {
  const Pool p = pool(kMany, 50, 0.5F, 0);
  const NeighbourLists lists = nearest_rows(p.rows, 5);
  ASSERT_TRUE(lists.found);
  EXPECT_GE(*lists.found, 0.98);
  std::size_t found = 0, wanted = 0;
  for (std::size_t i = 0; i < kMany; i += 500) {
    std::vector<double> products;
    for (std::size_t j = 0; j < kMany; ++j)
      if (j != i) products.push_back(product(p.rows, i, j));
    std::ranges::nth_element(products, products.begin() + 4, std::greater());
    for (std::size_t n = 0; n < 5; ++n) {
      found += lists.product[5 * i + n] >= products[4] - 1e-12;
      EXPECT_NE(lists.index[5 * i + n], i);
    }
    wanted += 5;
  }
  EXPECT_NEAR(static_cast<double>(found) / static_cast<double>(wanted), *lists.found, 0.05);
}

// The share of points whose nearest point is of their group.
double purity(const std::vector<Point>& points, const Partition& groups) {
  double same = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::size_t best = i == 0 ? 1 : 0;
    const auto far = [&](std::size_t j) { return std::hypot(points[i].x - points[j].x, points[i].y - points[j].y); };
    for (std::size_t j = 0; j < points.size(); ++j)
      if (j != i && far(j) < far(best)) best = j;
    same += groups[i] == groups[best];
  }
  return same / static_cast<double>(points.size());
}

TEST(Project, ManyRowsKeepTheirGroupsWhateverTheMethod) {
  const Pool p = pool(2500, 12, 0.35F, 0);  // more than exact t-SNE takes
  for (const ProjectionMethod method : {ProjectionMethod::kTsne, ProjectionMethod::kUmap}) {
    const ProjectionOptions options{.method = method, .iterations = 500};
    const Layout layout = project(p.rows, options);
    EXPECT_EQ(layout.method, method);
    EXPECT_EQ(layout.neighbours.each, method == ProjectionMethod::kTsne ? 90u : 15u);
    EXPECT_GE(purity(layout.points, p.groups), 0.95);

    const OneCore here;
    const Layout again = project(p.rows, options);
    for (std::size_t i = 0; i < p.rows.count; ++i) {
      ASSERT_EQ(layout.points[i].x, again.points[i].x);
      ASSERT_EQ(layout.points[i].y, again.points[i].y);
    }
  }
}

TEST(Many, NothingDependsOnTheNumberOfThreads) {
  const Pool p = pool(kMany, 20, 1, 0);
  const Fit fit = fits(p.rows, {p.groups}).front().value();
  const NeighbourLists lists = nearest_rows(p.rows, 4);
  const Partition found = spherical_kmeans(p.rows, 20, 3);
  const Layout pca = project(p.rows, {.method = ProjectionMethod::kPca});

  const OneCore here;
  const Fit same_fit = fits(p.rows, {p.groups}).front().value();
  EXPECT_EQ(fit.average, same_fit.average);
  EXPECT_EQ(fit.error, same_fit.error);
  const NeighbourLists same_lists = nearest_rows(p.rows, 4);
  EXPECT_EQ(lists.index, same_lists.index);
  EXPECT_EQ(lists.product, same_lists.product);
  EXPECT_EQ(found, spherical_kmeans(p.rows, 20, 3));
  const Layout same_pca = project(p.rows, {.method = ProjectionMethod::kPca});
  for (std::size_t i = 0; i < kMany; ++i) ASSERT_EQ(pca.points[i].x, same_pca.points[i].x);
}

}  // namespace
}  // namespace deltascape::landscape
