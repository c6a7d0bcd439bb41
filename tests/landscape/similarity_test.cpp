// Specifies cosines, their probe sensitivity, neighbours and comparisons.
#include "landscape/similarity.h"

#include <gmock/gmock.h>

#include <cmath>

#include "deltascape/compare.h"
#include "deltascape/error.h"
#include "deltascape/near.h"
#include "landscape/landscape_goldens.h"
#include "message_of.h"

namespace deltascape::landscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CosineMatrixGolden : public testing::TestWithParam<const char*> {};

TEST_P(CosineMatrixGolden, EqualsSklearn) {
  const Json g = golden(GetParam());
  const std::vector<store::Record> records = records_of(g);
  ASSERT_FALSE(records.empty());
  const CosineMatrix matrix = cosine_matrix(records);
  ASSERT_EQ(matrix.count, records.size());
  for (std::size_t i = 0; i < matrix.count; ++i)
    for (std::size_t j = 0; j < matrix.count; ++j) {
      ASSERT_TRUE(matrix.at(i, j));
      EXPECT_NEAR(*matrix.at(i, j), g["cosines"][i][j].get<double>(), 1e-12) << i << "," << j;
      EXPECT_NEAR(*cosine(records[i].mean, records[j].mean), *matrix.at(i, j), 1e-12);
    }
}
INSTANTIATE_TEST_SUITE_P(Cases, CosineMatrixGolden, testing::ValuesIn(kCases));

TEST(Cosine, OfAVariantWithoutEffectIsNull) {
  const std::vector<store::Record> records = {record("a", "", {1, 2, 3}), record("zero", "", {0, 0, 0})};
  EXPECT_FALSE(cosine(records[0].mean, records[1].mean));
  const CosineMatrix matrix = cosine_matrix(records);
  EXPECT_EQ(matrix.at(0, 0), 1.0);
  EXPECT_FALSE(matrix.at(0, 1));
  EXPECT_FALSE(matrix.at(1, 1));
}

TEST(Cosine, ExtremeLengthsNeitherOverflowNorVanish) {
  EXPECT_NEAR(*cosine(std::vector<float>{1e38f, 1e38f}, std::vector<float>{1e-38f, 1e-38f}), 1.0, 1e-12);
  EXPECT_NEAR(*cosine(std::vector<float>{1e-40f, 0}, std::vector<float>{3e38f, 0}), 1.0, 1e-12);
}

TEST(Similarity, JackknifeOverProbes) {
  // Three probes in two dimensions; the oracle is the definition, computed by hand below.
  store::Record a = record("a", "", {2, 0}), b = record("b", "", {1, 1});
  a.probe_count = b.probe_count = 3;
  a.per_probe = {1, 0, 2, 1, 3, -1};
  b.per_probe = {1, 2, 0, 1, 2, 0};
  double left_out[3], mean = 0, squares = 0;
  for (int p = 0; p < 3; ++p) {
    double ax = 0, ay = 0, bx = 0, by = 0;
    for (int q = 0; q < 3; ++q) {
      if (q == p) continue;
      ax += a.per_probe[2 * q], ay += a.per_probe[2 * q + 1], bx += b.per_probe[2 * q], by += b.per_probe[2 * q + 1];
    }
    left_out[p] = (ax * bx + ay * by) / std::hypot(ax, ay) / std::hypot(bx, by);
    mean += left_out[p] / 3;
  }
  for (const double c : left_out) squares += (c - mean) * (c - mean);
  const double error = std::sqrt(2.0 / 3 * squares), c = std::sqrt(0.5);
  const double centre = 3 * c - 2 * mean, t = 4.302652729749462;  // of two degrees of freedom

  const Similarity s = similarity(a, b);
  EXPECT_NEAR(*s.cosine, c, 1e-12);
  EXPECT_NEAR(*s.low, std::max(-1.0, centre - t * error), 1e-12);
  EXPECT_NEAR(*s.high, std::min(1.0, centre + t * error), 1e-12);
}

TEST(Similarity, HasNoErrorBarWithoutSeveralProbes) {
  store::Record a = record("a", "", {2, 0}), b = record("b", "", {1, 1});
  EXPECT_FALSE(similarity(a, b).low);
  a.probe_count = b.probe_count = 1;
  a.per_probe = {2, 0};
  b.per_probe = {1, 1};
  EXPECT_TRUE(similarity(a, b).cosine);
  EXPECT_FALSE(similarity(a, b).low);
  EXPECT_FALSE(similarity(a, b).high);
}

TEST(Near, SortsByCosineAndPutsNoEffectLast) {
  const std::vector<store::Record> records = {record("a", "x", {1, 0}), record("far", "y", {-1, 0.1f}),
                                              record("none", "", {0, 0}), record("close", "x", {1, 0.1f}),
                                              record("middle", "y", {1, 1})};
  std::vector<std::string> names;
  for (const Neighbour& n : near(records, "a", 0)) names.push_back(n.name);
  EXPECT_THAT(names, ElementsAre("close", "middle", "far", "none"));
  const std::vector<Neighbour> two = near(records, "a", 2);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].label, "x");
  EXPECT_NEAR(*two[1].cosine, std::sqrt(0.5), 1e-7);
  EXPECT_FALSE(near(records, "a", 9).back().cosine);
  EXPECT_EQ(near(records, "none", 0).size(), 4u);
  EXPECT_THAT(message_of([&] { near(records, "b", 1); }), HasSubstr("no variant has this name"));
}

TEST(Near, RefusesRowsOfAnotherProbeSet) {
  std::vector<store::Record> records = {record("a", "", {1, 0}), record("b", "", {1, 1})};
  records[1].space.parameters["probes"] = "other";
  EXPECT_THAT(message_of([&] { near(records, "a", 1); }), HasSubstr("differ in their probes"));
}

TEST(Compare, GivesNormsAndACosineALayer) {
  store::Record a = record("a", "", {3, 4}), b = record("b", "", {0, 2});
  a.relative_norm = 0.5;
  b.relative_norm = 0.25;
  Comparison one = compare(a, b);
  EXPECT_NEAR(*one.similarity.cosine, 0.8, 1e-12);
  EXPECT_DOUBLE_EQ(one.norm_a, 5);
  EXPECT_DOUBLE_EQ(*one.norm_ratio, 2.5);
  EXPECT_DOUBLE_EQ(*one.relative_norm_a, 0.5);
  EXPECT_TRUE(one.layers.empty());

  for (store::Record* r : {&a, &b}) {
    r->layers = 3;
    r->mean = {0, 0, 1, 0, 3, 4};
  }
  b.mean = {1, 0, 0, 1, 0, 2};
  const Comparison all = compare(a, b);
  ASSERT_EQ(all.layers.size(), 3u);
  EXPECT_FALSE(all.layers[0]);
  EXPECT_NEAR(*all.layers[1], 0, 1e-12);
  EXPECT_NEAR(*all.layers[2], 0.8, 1e-12);
  EXPECT_NEAR(*compare(a, b, 1).similarity.cosine, 0, 1e-12);
  EXPECT_FALSE(compare(a, b, 1).relative_norm_a);
  EXPECT_THAT(message_of([&] { compare(a, b, 3); }), HasSubstr("no such layer row (expected 0 to 2, found 3)"));
}

}  // namespace
}  // namespace deltascape::landscape
