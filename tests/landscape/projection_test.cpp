// Specifies the way to the plane: PCA by values, t-SNE by how well it keeps neighbourhoods.
#include "landscape/projection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "deltascape/error.h"
#include "landscape/landscape_goldens.h"

namespace deltascape::landscape {
namespace {

double distance(const store::Record& a, const store::Record& b, Metric metric) {
  if (metric == Metric::kCosine) return 1 - cosine(a.mean, b.mean).value_or(0);
  double squares = 0;
  for (std::size_t k = 0; k < a.mean.size(); ++k) squares += std::pow(double{a.mean[k]} - b.mean[k], 2);
  return squares;
}

// As sklearn.manifold.trustworthiness defines it.
double trustworthiness(const std::vector<store::Record>& records, const std::vector<Point>& points, std::size_t k,
                       Metric metric) {
  const std::size_t n = records.size();
  double penalty = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::size_t> before(n), after(n), rank(n);
    std::iota(before.begin(), before.end(), std::size_t{0});
    after = before;
    const auto far = [&](std::size_t j) { return j == i ? -1 : distance(records[i], records[j], metric); };
    const auto seen = [&](std::size_t j) {
      return j == i ? -1 : std::hypot(points[i].x - points[j].x, points[i].y - points[j].y);
    };
    std::sort(before.begin(), before.end(), [&](auto a, auto b) { return far(a) < far(b); });
    std::sort(after.begin(), after.end(), [&](auto a, auto b) { return seen(a) < seen(b); });
    for (std::size_t r = 0; r < n; ++r) rank[before[r]] = r;
    for (std::size_t r = 1; r <= k; ++r)
      if (rank[after[r]] > k) penalty += static_cast<double>(rank[after[r]] - k);
  }
  const double size = static_cast<double>(n), near = static_cast<double>(k);
  return 1 - penalty * 2 / (size * near * (2 * size - 3 * near - 1));
}

void expect_normalised(const std::vector<Point>& points) {
  double most = 0;
  for (const Point& p : points) {
    ASSERT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
    most = std::max({most, std::fabs(p.x), std::fabs(p.y)});
  }
  EXPECT_NEAR(most, 1, 1e-9);
}

class ProjectionGolden : public LandscapeGolden {};

TEST_P(ProjectionGolden, PcaEqualsSklearnUpToPlaceScaleAndSign) {
  const Layout layout = project(records_, {.method = ProjectionMethod::kPca});
  ASSERT_EQ(layout.points.size(), records_.size());
  expect_normalised(layout.points);
  ASSERT_EQ(layout.explained.size(), 2u);
  for (std::size_t a = 0; a < 2; ++a) EXPECT_NEAR(layout.explained[a], golden_["pca_explained"][a].get<double>(), 1e-9);

  // Undo the placing: both axes share one scale, each may be mirrored.
  std::vector<double> ours[2], theirs[2];
  for (std::size_t i = 0; i < records_.size(); ++i)
    for (std::size_t a = 0; a < 2; ++a) {
      ours[a].push_back(a == 0 ? layout.points[i].x : layout.points[i].y);
      theirs[a].push_back(golden_["pca"][i][a].get<double>());
    }
  const auto spread = [](const std::vector<double>& v) {
    return *std::max_element(v.begin(), v.end()) - *std::min_element(v.begin(), v.end());
  };
  const double scale = std::max(spread(theirs[0]), spread(theirs[1])) / 2;
  for (std::size_t a = 0; a < 2; ++a) {
    double product = 0;
    const double mean = std::accumulate(ours[a].begin(), ours[a].end(), 0.0) / static_cast<double>(ours[a].size());
    for (std::size_t i = 0; i < ours[a].size(); ++i) product += (ours[a][i] - mean) * theirs[a][i];
    for (std::size_t i = 0; i < ours[a].size(); ++i)
      EXPECT_NEAR((ours[a][i] - mean) * scale * (product < 0 ? -1 : 1), theirs[a][i], 1e-6 * scale) << a << "," << i;
  }
}

TEST_P(ProjectionGolden, TsneKeepsNeighbourhoodsAsWellAsSklearn) {
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean}) {
    const Json& oracle = golden_[metric == Metric::kCosine ? "tsne_cosine" : "tsne_euclidean"];
    const Layout layout = project(records_, {.metric = metric});
    expect_normalised(layout.points);
    EXPECT_EQ(layout.method, ProjectionMethod::kTsne);
    EXPECT_DOUBLE_EQ(layout.perplexity, std::min(30.0, static_cast<double>(records_.size() - 1) / 3));
    const double ours = trustworthiness(records_, layout.points, oracle["neighbours"].get<std::size_t>(), metric);
    EXPECT_GE(ours, oracle["trustworthiness"].get<double>() - 0.02);
    RecordProperty(metric == Metric::kCosine ? "cosine" : "euclidean", std::to_string(ours));
  }
}

TEST_P(ProjectionGolden, UmapKeepsNeighbourhoods) {
  if (records_.size() <= 15) GTEST_SKIP() << "all are neighbours of all";
  const Layout layout = project(records_, {.method = ProjectionMethod::kUmap});
  expect_normalised(layout.points);
  EXPECT_EQ(layout.neighbours.each, std::min<std::size_t>(15, records_.size() - 1));
  const Json& oracle = golden_["tsne_cosine"];
  EXPECT_GE(trustworthiness(records_, layout.points, oracle["neighbours"].get<std::size_t>(), Metric::kCosine),
            oracle["trustworthiness"].get<double>() - 0.1);  // UMAP keeps groups before neighbours
}
INSTANTIATE_TEST_SUITE_P(Cases, ProjectionGolden, testing::ValuesIn(kCases));

// Rows of `rank` dimensions, more rows and columns than that.
std::vector<store::Record> records_of_rank(std::size_t rank, float size) {
  std::vector<store::Record> records;
  for (std::size_t i = 0; i < 90; ++i) {
    std::vector<float> values(70, 0.5f * size);
    values[i % rank] += size * static_cast<float>(1 + i % rank);
    records.push_back(record("r" + std::to_string(i), "", values));
  }
  return records;
}

TEST(Pca, OfAnyRankAndSize) {
  for (const float size : {1e-12f, 1.0f, 1e9f})
    for (std::size_t rank = 1; rank <= 30; ++rank) {
      const Layout layout = project(records_of_rank(rank, size), {.method = ProjectionMethod::kPca});
      const double shown = layout.explained[0] + layout.explained[1];
      if (rank == 1) {
        EXPECT_EQ(shown, 0);
        continue;
      }
      EXPECT_LE(shown, 1 + 1e-9) << rank;
      if (rank <= 3) {  // the mean takes one dimension
        EXPECT_NEAR(shown, 1, 1e-9) << rank;
      }
      expect_normalised(layout.points);
    }
}

TEST(Tsne, IsTheSameEveryTime) {
  const std::vector<store::Record> records = records_of(golden("clear"));
  ASSERT_FALSE(records.empty());
  const Layout a = project(records), b = project(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(a.points[i].x, b.points[i].x);
    EXPECT_EQ(a.points[i].y, b.points[i].y);
  }
}

TEST(Project, AnyNumberOfRecords) {
  std::vector<store::Record> records;
  EXPECT_TRUE(project(records).points.empty());
  for (int n = 1; n <= 12; ++n) {
    std::vector<float> values(12, 0.1f);
    values[static_cast<std::size_t>(n - 1)] = 1;
    records.push_back(record("r" + std::to_string(n), "", values));
    for (const ProjectionMethod method : {ProjectionMethod::kTsne, ProjectionMethod::kUmap, ProjectionMethod::kPca}) {
      const Layout layout = project(records, {.method = method});
      ASSERT_EQ(layout.points.size(), records.size());
      if (n == 1) {
        EXPECT_EQ(layout.points[0].x, 0);
        EXPECT_EQ(layout.points[0].y, 0);
      } else {
        expect_normalised(layout.points);
      }
    }
  }
}

TEST(Project, TwoLieLeftAndRight) {
  const Layout layout = project({record("a", "", {1, 2, 0}), record("b", "", {0, 1, 5})});
  EXPECT_NEAR(std::fabs(layout.points[0].x), 1, 1e-12);
  EXPECT_NEAR(layout.points[0].x, -layout.points[1].x, 1e-12);
  EXPECT_NEAR(layout.points[0].y, 0, 1e-9);
}

TEST(Project, EqualAndZeroEmbeddingsStayFinite) {
  std::vector<store::Record> records;
  for (int i = 0; i < 7; ++i) records.push_back(record("same" + std::to_string(i), "", {1, 2}));
  for (const ProjectionMethod method : {ProjectionMethod::kTsne, ProjectionMethod::kUmap})
    for (const Point& p : project(records, {.method = method}).points)
      EXPECT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
  for (const Point& p : project(records, {.method = ProjectionMethod::kPca}).points) EXPECT_EQ(p.x, 0);
  for (store::Record& r : records) r.mean = {0, 0};
  for (const Point& p : project(records).points) EXPECT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
  records[0].mean = {3, 4};
  for (const Point& p : project(records).points) EXPECT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
}

}  // namespace
}  // namespace deltascape::landscape
