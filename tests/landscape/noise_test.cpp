// Specifies error bars against numpy and scipy, and how often they hold where the truth is known.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <random>

#include "deltascape/cluster.h"
#include "deltascape/compare.h"
#include "deltascape/decompose.h"
#include "landscape/difference.h"
#include "landscape/landscape_goldens.h"
#include "landscape/probes.h"

namespace deltascape::landscape {
namespace {

using Values = std::vector<std::vector<float>>;  // [probes, dim]

TEST(Comparison, IntervalsAndTestEqualScipys) {
  const Json cases = golden("comparison");
  ASSERT_EQ(cases.size(), 5u);
  for (const Json& one : cases) {
    const store::Record a = probed("a", "", one["pair"][0].get<Values>());
    const store::Record b = probed("b", "", one["pair"][1].get<Values>());
    const Comparison c = compare(a, b);
    const Json& bounds = one["bounds"];
    EXPECT_NEAR(c.similarity.cosine.value(), bounds["values"][0].get<double>(), 1e-6);
    EXPECT_NEAR(c.similarity.low.value(), std::max(-1.0, bounds["low"][0].get<double>()), 1e-6);
    EXPECT_NEAR(c.similarity.high.value(), std::min(1.0, bounds["high"][0].get<double>()), 1e-6);
    EXPECT_NEAR(c.difference->p.value(), one["p"].get<double>(), 1e-9);
    ASSERT_EQ(c.bootstrap_low.has_value(), a.probe_count > 5);
    if (!c.bootstrap_low) continue;
    // Other random numbers, of which there are 2000 here: a quantile's own error is some 5 % of the width.
    const double low = one["bootstrap"][0], high = std::min(1.0, one["bootstrap"][1].get<double>());
    EXPECT_NEAR(*c.bootstrap_low, low, 0.1 * (high - low));
    EXPECT_NEAR(*c.bootstrap_high, high, 0.1 * (high - low));
  }
}

TEST(Difference, IsNumericalErrorOrBeyondIt) {
  store::Record a = record("a", "", {3, 4}), b = record("b", "", {3, 4.001f});
  for (store::Record* r : {&a, &b}) {
    r->norm = 5;
    r->relative_norm = 0.01;  // ‖h‖ = 500
  }
  Difference d = *compare(a, b).difference;
  EXPECT_NEAR(d.distance, 0.001 / 5, 1e-6);
  EXPECT_NEAR(d.numeric, 2 * 4e-6 * 500 / 5, 1e-6);  // fp32's bound of both: more than there is
  EXPECT_EQ(d.differ, std::optional(false));
  a.numeric_error = b.numeric_error = 1e-6;
  d = *compare(a, b).difference;
  EXPECT_NEAR(d.numeric, 2e-6, 1e-9);
  EXPECT_FALSE(d.differ);  // no deltas by probe: open
  EXPECT_FALSE(d.p);
  EXPECT_FALSE(*compare(a, a).difference->differ);
  EXPECT_FALSE(compare(record("z", "", {0, 0}), record("y", "", {0, 0})).difference);
  EXPECT_EQ(compare(record("z", "", {0, 0}), a).difference->distance, 1);
}

TEST(Silhouette, IntervalEqualsNumpys) {
  for (const Json& one : golden("silhouette_interval")) {
    const std::vector<store::Record> records = records_of(one);
    const Silhouette s = *cluster(records).silhouette;
    const double half = one["half"];
    EXPECT_NEAR(s.average - s.low.value(), half, 0.15 * half);  // 500 draws beside 3000
    EXPECT_NEAR(s.high.value() - s.average, half, 0.15 * half);
    EXPECT_EQ(s.low, cluster(records).silhouette->low);
    EXPECT_NE(s.low, cluster(records, {.seed = 1}).silhouette->low);
    EXPECT_FALSE(silhouette(records)->low);
  }
}

TEST(Silhouette, PairsHaveNoInterval) {
  const std::vector<store::Record> pairs = {record("a", "x", {1, 0}), record("b", "x", {1, 0.1f}),
                                            record("c", "y", {0, 1}), record("d", "y", {0.2f, 1})};
  EXPECT_FALSE(cluster(pairs).silhouette->low);
}

// Above 1000 an even part of each class stands for all.
TEST(Silhouette, IntervalOfManyIsThatOfAPartScaled) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  std::vector<store::Record> many;
  for (int i = 0; i < 3000; ++i) {
    std::vector<float> values(16);
    for (float& value : values) value = normal(random);
    values[static_cast<std::size_t>(i % 3)] += 3;
    many.push_back(record("v" + std::to_string(i), "c" + std::to_string(i % 3), std::move(values)));
  }
  const std::vector<store::Record> few(many.begin(), many.begin() + 750);
  const Silhouette of_many = *cluster(many, {.method = ClusterMethod::kLabels, .k = 3}).silhouette;
  const Silhouette of_few = *cluster(few, {.k = 3}).silhouette;
  const double ratio = (*of_few.high - *of_few.low) / (*of_many.high - *of_many.low);
  EXPECT_NEAR(ratio, 2, 0.4);
}

// ---- how often intervals hold: docs/design.md §5.4 has what this finds ----

using Random = std::mt19937_64;
using Vector = std::vector<double>;

Vector drawn(std::size_t dim, Random& random) {
  std::normal_distribution<double> normal;
  Vector out(dim);
  for (double& value : out) value = normal(random) / std::sqrt(static_cast<double>(dim));
  return out;
}

// A probe's own effect, some of which both variants share.
struct Noise {
  double size = 0, shared = 0;
};

// Deltas of each probe around each truth.
std::vector<store::Record> observed(const std::vector<Vector>& truths, std::size_t probes, Noise noise,
                                    Random& random) {
  std::vector<Values> deltas(truths.size());
  for (std::size_t p = 0; p < probes; ++p) {
    const Vector both = drawn(truths[0].size(), random);
    for (std::size_t t = 0; t < truths.size(); ++t) {
      const Vector own = drawn(both.size(), random);
      std::vector<float> delta;
      for (std::size_t k = 0; k < both.size(); ++k)
        delta.push_back(static_cast<float>(
            truths[t][k] + noise.size * (std::sqrt(noise.shared) * both[k] + std::sqrt(1 - noise.shared) * own[k])));
      deltas[t].push_back(std::move(delta));
    }
  }
  std::vector<store::Record> out;
  for (std::size_t t = 0; t < truths.size(); ++t) out.push_back(probed("v" + std::to_string(t), "", deltas[t]));
  return out;
}

double share_of(int trials, const std::function<bool(Random&)>& holds) {
  Random random(17);
  int held = 0;
  for (int trial = 0; trial < trials; ++trial) held += holds(random);
  return static_cast<double>(held) / trials;
}

double cosine_of_truths(const Vector& a, const Vector& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t k = 0; k < a.size(); ++k) ab += a[k] * b[k], aa += a[k] * a[k], bb += b[k] * b[k];
  return ab / std::sqrt(aa * bb);
}

struct Setting {
  std::size_t probes, dim;
  Noise noise;
  double least = 0.92, most = 0.99;  // coverage of 95 % intervals
};

class Calibration : public testing::TestWithParam<Setting> {
 protected:
  // Two variants that have much in common, as they are seen, and their true cosine.
  struct Pair {
    std::vector<store::Record> records;
    double truth;
  };
  static Pair pair(Random& random) {
    const Setting& s = GetParam();
    const Vector a = drawn(s.dim, random);
    Vector b = drawn(s.dim, random);
    for (std::size_t k = 0; k < s.dim; ++k) b[k] = 2 * a[k] + b[k];
    return {observed({a, b}, s.probes, s.noise, random), cosine_of_truths(a, b)};
  }
};

TEST_P(Calibration, CosinesLieInTheirIntervals) {
  const Setting& s = GetParam();
  const double held = share_of(1000, [&](Random& random) {
    const auto [records, truth] = pair(random);
    const Similarity found = similarity(records[0], records[1]);
    return *found.low <= truth && truth <= *found.high;
  });
  RecordProperty("held", std::to_string(held));
  EXPECT_GE(held, s.least);
  EXPECT_LE(held, s.most);
}

TEST_P(Calibration, BootstrapsHoldWhereThereAreManyProbes) {
  const Setting& s = GetParam();
  if (s.probes < 20) GTEST_SKIP() << "they are few: the jackknife alone is held to its word";
  const double held = share_of(300, [&](Random& random) {
    const auto [records, truth] = pair(random);
    const Comparison found = compare(records[0], records[1]);
    return *found.bootstrap_low <= truth && truth <= *found.bootstrap_high;
  });
  RecordProperty("held", std::to_string(held));
  EXPECT_GE(held, 0.88);
}

TEST_P(Calibration, WeightsLieInTheirIntervals) {
  const Setting& s = GetParam();
  const double held = share_of(1000, [&](Random& random) {
    const Vector a = drawn(s.dim, random), b = drawn(s.dim, random);
    Vector sum(s.dim);
    for (std::size_t k = 0; k < s.dim; ++k) sum[k] = 0.6 * a[k] + 0.4 * b[k];
    const auto records = observed({sum, a, b}, s.probes, s.noise, random);
    const Decomposition d = decompose(records[0], {records[1], records[2]});
    if (d.parts.size() != 2) return false;
    const Part& of_a = d.parts[0].name == "v1" ? d.parts[0] : d.parts[1];
    return *of_a.low <= 0.6 && 0.6 <= *of_a.high;
  });
  RecordProperty("held", std::to_string(held));
  EXPECT_GE(held, s.least - 0.02);
  EXPECT_LE(held, s.most);
}

// Of pairs that do not differ few are said to.
TEST_P(Calibration, TheTestKeepsItsLevel) {
  const Setting& s = GetParam();
  const double wrong = share_of(1000, [&](Random& random) {
    const Vector a = drawn(s.dim, random);
    const auto records = observed({a, a}, s.probes, s.noise, random);
    return *difference(records[0], records[1], {})->differ;
  });
  RecordProperty("wrong", std::to_string(wrong));
  EXPECT_LE(wrong, 0.08);
  const double seen = share_of(200, [&](Random& random) {
    const Vector a = drawn(s.dim, random);
    Vector b = drawn(s.dim, random);
    for (std::size_t k = 0; k < s.dim; ++k) b[k] = a[k] + b[k];
    const auto records = observed({a, b}, s.probes, s.noise, random);
    return *difference(records[0], records[1], {})->differ;
  });
  RecordProperty("seen", std::to_string(seen));
  EXPECT_GE(seen, 0.9);
}
INSTANTIATE_TEST_SUITE_P(Settings, Calibration,
                         testing::Values(Setting{5, 64, {0.3, 0.5}}, Setting{5, 64, {0.5, 0.9}},
                                         Setting{5, 12, {0.3, 0.5}}, Setting{20, 64, {0.7, 0.5}},
                                         Setting{20, 12, {0.5, 0.9}}));

// Against the silhouette of 150 of each class.
TEST(SilhouetteCalibration, LieInTheirIntervals) {
  const double held = share_of(60, [&](Random& random) {
    std::vector<Vector> centres;
    for (int c = 0; c < 3; ++c) centres.push_back(drawn(20, random));
    const auto variants = [&](int of_each) {
      std::vector<store::Record> out;
      for (int i = 0; i < 3 * of_each; ++i) {
        const Vector own = drawn(20, random);
        std::vector<float> values;
        for (std::size_t k = 0; k < own.size(); ++k)
          values.push_back(static_cast<float>(centres[static_cast<std::size_t>(i % 3)][k] + own[k]));
        out.push_back(record("v" + std::to_string(i), "c" + std::to_string(i % 3), std::move(values)));
      }
      return out;
    };
    const double truth = silhouette(variants(150))->average;
    const Silhouette found = *cluster(variants(6)).silhouette;
    return *found.low <= truth && truth <= *found.high;
  });
  RecordProperty("held", std::to_string(held));
  EXPECT_GE(held, 0.87);
}

}  // namespace
}  // namespace deltascape::landscape
