// Specifies sums and decompositions against scipy's non-negative least squares, and against all subsets.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "deltascape/add.h"
#include "deltascape/decompose.h"
#include "deltascape/error.h"
#include "landscape/landscape_goldens.h"
#include "landscape/mixture.h"
#include "message_of.h"

namespace deltascape::landscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

using Values = std::vector<std::vector<float>>;  // [probes, dim], or [count, dim]

Rows rows_of(const Values& values) {
  Rows out = empty_rows(values.size(), values.front().size());
  for (std::size_t i = 0; i < values.size(); ++i)
    std::ranges::copy(values[i], out.values.begin() + static_cast<std::ptrdiff_t>(i * out.width));
  return out;
}

std::vector<double> padded(std::vector<double> values, std::size_t width) {
  values.resize(width);
  return values;
}

std::vector<store::Record> pool_of(const Json& g) {
  std::vector<store::Record> out;
  for (const Json& one : g["pool"])
    out.push_back(probed("v" + std::to_string(out.size()), "l" + std::to_string(out.size()), one.get<Values>()));
  return out;
}

std::vector<double> column(const Json& bounds, const char* name) { return bounds[name].get<std::vector<double>>(); }

// Names and numbers of the parts, by name.
std::map<std::string, Part> by_name(const Decomposition& d) {
  std::map<std::string, Part> out;
  for (const Part& part : d.parts) out[part.name] = part;
  return out;
}

// Weights that the conditions determine (rows inside a cone do not) equal scipy's; what is left always does.
TEST(NonNegativeLeastSquares, EqualsScipy) {
  const Json cases = golden("nnls");
  ASSERT_EQ(cases.size(), 4u);
  for (const Json& one : cases) {
    const Rows rows = rows_of(one["pool"].get<Values>());
    const auto target = one["target"].get<std::vector<double>>();
    double square = 0;
    for (const double value : target) square += value * value;
    const Mixture mixture = MixtureSearch(rows, {padded(target, rows.width), {}}).exact();
    const double left = one["left"];
    EXPECT_NEAR(mixture.left, left, 1e-10 * square);
    if (left < 1e-10 * square) continue;
    std::vector<double> weights(rows.count);
    for (std::size_t n = 0; n < mixture.rows.size(); ++n) weights[mixture.rows[n]] = mixture.weights[n];
    for (std::size_t i = 0; i < rows.count; ++i) EXPECT_NEAR(weights[i], one["weights"][i].get<double>(), 1e-6) << i;
  }
}

TEST(NonNegativeLeastSquares, FindsNothingOnTheOtherSide) {
  const Rows rows = rows_of({{1, 0}, {0, 1}});
  const Mixture mixture = MixtureSearch(rows, {padded({-1, -2}, rows.width), {}}).exact();
  EXPECT_TRUE(mixture.rows.empty());
  EXPECT_DOUBLE_EQ(mixture.left, 5);
}

// As little left as the best of all subsets of this size, found by looking at each.
TEST(SparseMixture, IsTheBestSubset) {
  const Json g = golden("decomposition");
  const std::vector<store::Record> pool = pool_of(g);
  const store::Record model = probed("model", "", g["model"].get<Values>());
  for (const bool without_common : {false, true})
    for (const auto& [k, best] : g[without_common ? "best_without_common" : "best"].items()) {
      const Decomposition d = decompose(model, pool, {.k = std::stoul(k), .without_common = without_common});
      EXPECT_NEAR(d.residual, best["left"].get<double>(), 1e-6) << k;
      EXPECT_EQ(d.without_common, without_common);
      std::vector<std::string> expected, found;
      for (const int row : best["rows"]) expected.push_back("v" + std::to_string(row));
      for (const Part& part : d.parts) found.push_back(part.name);
      EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected)) << k;
    }
}

TEST(Decompose, OverAllEqualsScipy) {
  const Json g = golden("decomposition");
  const std::vector<store::Record> pool = pool_of(g);
  const auto expected = g["all"].get<std::vector<double>>();
  for (const std::size_t k : {0u, 12u}) {
    const Decomposition d = decompose(probed("model", "", g["model"].get<Values>()), pool, {.k = k});
    EXPECT_NEAR(d.residual, expected.back(), 1e-6);
    EXPECT_EQ(d.candidates, 12u);
    const auto parts = by_name(d);
    for (std::size_t i = 0; i < pool.size(); ++i) {
      const auto found = parts.find(pool[i].name);
      EXPECT_NEAR(found == parts.end() ? 0 : found->second.weight, expected[i], 1e-6) << i;
    }
    for (std::size_t n = 1; n < d.parts.size(); ++n) EXPECT_GE(d.parts[n - 1].weight, d.parts[n].weight);
  }
}

TEST(Decompose, IntervalsEqualNumpys) {
  const Json g = golden("decomposition");
  const store::Record model = probed("model", "", g["model"].get<Values>());
  const Json& bounds = g["few_bounds"];
  const std::vector<store::Record> pool = pool_of(g);
  std::vector<store::Record> few;
  for (const std::size_t i : g["few"].get<std::vector<std::size_t>>()) few.push_back(pool[i]);
  const Decomposition d = decompose(model, few);
  const auto parts = by_name(d);
  for (std::size_t n = 0; n < few.size(); ++n) {
    const Part& part = parts.at(few[n].name);
    EXPECT_EQ(part.label, few[n].label);
    EXPECT_NEAR(part.weight, column(bounds, "values")[n], 1e-6);
    EXPECT_NEAR(part.low.value(), std::max(0.0, column(bounds, "low")[n]), 1e-6);
    EXPECT_NEAR(part.high.value(), column(bounds, "high")[n], 1e-6);
  }
  EXPECT_NEAR(d.low.value(), std::max(0.0, column(bounds, "low").back()), 1e-6);
  EXPECT_NEAR(d.high.value(), column(bounds, "high").back(), 1e-6);

  // The same three, found among all; the pool's mean is that of all of them and the model.
  const Json& beside = g["few_bounds_without_common"];
  const Decomposition off = decompose(model, pool, {.k = 3, .without_common = true});
  ASSERT_EQ(off.parts.size(), 3u);
  EXPECT_GT(off.common_share, 0.05);
  for (std::size_t n = 0; n < few.size(); ++n) {
    const Part part = by_name(off).at(few[n].name);
    EXPECT_NEAR(part.weight, column(beside, "values")[n], 1e-5);
    EXPECT_NEAR(part.low.value(), std::max(0.0, column(beside, "low")[n]), 1e-4);
    EXPECT_NEAR(part.high.value(), column(beside, "high")[n], 1e-4);
  }
}

TEST(Decompose, SaysWhatEachPartIsWorth) {
  const std::vector<store::Record> pool = {record("a", "x", {1, 0, 0}), record("b", "y", {0, 2, 0}),
                                           record("c", "z", {0, -1, 0})};
  const Decomposition d = decompose(record("m", "", {0.6f, 0.8f, 1}), pool);
  ASSERT_EQ(d.parts.size(), 2u);
  EXPECT_EQ(d.parts[0].name, "a");
  EXPECT_NEAR(d.parts[0].weight, 0.6, 1e-7);
  EXPECT_NEAR(*d.parts[0].share, 0.36 / 2, 1e-7);
  EXPECT_NEAR(d.parts[1].weight, 0.4, 1e-7);
  EXPECT_NEAR(*d.parts[1].share, 0.64 / 2, 1e-7);
  EXPECT_NEAR(d.residual, 0.5, 1e-7);
  EXPECT_NEAR(*d.parts[0].parallel, 0, 1e-7);
  EXPECT_TRUE(*d.unique);
  EXPECT_FALSE(d.parts[0].low);
}

TEST(Decompose, NamesWhatCouldStandInAPartsPlace) {
  std::vector<store::Record> pool = {record("a", "", {1, 0, 0}), record("b", "", {0, 1, 0}),
                                     record("twin", "", {1, 0.02f, 0}), record("far", "", {0.5f, 0.5f, 0.9f})};
  const store::Record model = record("m", "", {1, 1, 0.1f});
  const Decomposition d = decompose(model, pool, {.k = 2});
  EXPECT_FALSE(*d.unique);
  const auto parts = by_name(d);
  ASSERT_TRUE(parts.contains("b"));
  const std::string other = parts.contains("a") ? "twin" : "a";
  EXPECT_THAT(parts.at(other == "twin" ? "a" : "twin").instead, ElementsAre(other));
  EXPECT_EQ(parts.at("b").instead_count, 0u);

  pool.erase(pool.begin() + 2);
  EXPECT_TRUE(*decompose(model, pool, {.k = 2}).unique);
}

TEST(Decompose, SaysWhenWeightsTradeOff) {
  const std::vector<store::Record> pool = {record("a", "", {1, 0.1f, 0}), record("b", "", {1, -0.1f, 0}),
                                           record("c", "", {0, 0, 1})};
  const Decomposition d = decompose(record("m", "", {2, 0.05f, 1}), pool);
  ASSERT_EQ(d.parts.size(), 3u);
  EXPECT_FALSE(*d.unique);
  const auto parts = by_name(d);
  const double cosine = (1 - 0.01) / (1 + 0.01);
  EXPECT_NEAR(*parts.at("a").parallel, cosine * cosine, 1e-6);
  EXPECT_NEAR(*parts.at("c").parallel, 0, 1e-6);
  EXPECT_NEAR(parts.at("a").weight + parts.at("b").weight, 2, 1e-6);
}

TEST(Decompose, LeavesOutTheModelAndWhatHasNoEffect) {
  std::vector<store::Record> pool = {record("m", "", {1, 1}), record("again", "", {1, 1}), record("zero", "", {0, 0}),
                                     record("a", "", {1, 0})};
  store::Record model = pool.front();
  model.variant_hash = pool[1].variant_hash = "same";
  const Decomposition d = decompose(model, pool);
  EXPECT_EQ(d.candidates, 1u);
  EXPECT_EQ(d.parts.at(0).name, "a");
  pool.pop_back();
  EXPECT_THAT(message_of([&] { decompose(model, pool); }), HasSubstr("no other variant with an effect"));
  EXPECT_THAT(message_of([&] {
                decompose(record("z", "", {0, 0}), {record("a", "", {1, 0})});
              }),
              HasSubstr("no effect: there is nothing to decompose"));
  EXPECT_THAT(message_of([&] {
                decompose(record("b", "", {1, 0}), {record("a", "", {1, 0})}, {.without_common = true});
              }),
              HasSubstr("b: nothing of this variant lies beside the common direction"));
}

TEST(Decompose, CanGiveNothing) {
  const Decomposition d = decompose(record("m", "", {-1, 0}), {record("a", "", {1, 0})});
  EXPECT_TRUE(d.parts.empty());
  EXPECT_DOUBLE_EQ(d.residual, 1);
}

// Ten thousand candidates: members that are there are found, in bounded work.
TEST(Decompose, FindsMembersAmongMany) {
  constexpr std::size_t kCount = 10000, kDim = 64;
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  std::vector<store::Record> pool;
  for (std::size_t i = 0; i < kCount; ++i) {
    std::vector<float> values(kDim);
    for (float& value : values) value = normal(random);
    pool.push_back(record("v" + std::to_string(i), "", std::move(values)));
  }
  std::vector<float> sum(kDim);
  for (std::size_t k = 0; k < kDim; ++k)
    sum[k] = 0.6f * pool[17].mean[k] + 0.4f * pool[4711].mean[k] + 0.5f * pool[9999].mean[k] + 0.05f * normal(random);
  const Decomposition d = decompose(record("m", "", sum), pool, {.k = 3});
  std::vector<std::string> names;
  for (const Part& part : d.parts) names.push_back(part.name);
  EXPECT_THAT(names, UnorderedElementsAre("v17", "v4711", "v9999"));
  EXPECT_LT(d.residual, 0.02);
  EXPECT_LT(decompose(record("m", "", sum), pool, {.k = 0}).residual, 1e-10);  // inside the cone of so many
}

class AdditionGolden : public testing::TestWithParam<bool> {};

TEST_P(AdditionGolden, EqualsNumpy) {
  const Json g = golden("addition");
  const std::vector<store::Record> pool = pool_of(g);
  const Json& expected = g[GetParam() ? "without_common" : "plain"];
  const Json& bounds = expected["bounds"];
  const AddOptions options{.k = 3, .without_common = GetParam()};
  const std::vector<store::Record> parts = {pool[0], pool[1]};
  const Addition a = add(parts, &pool[2], pool, options);
  const auto check = [&](const Similarity& s, std::size_t n) {
    EXPECT_NEAR(s.cosine.value(), column(bounds, "values")[n], 1e-6) << n;
    EXPECT_NEAR(s.low.value(), std::max(-1.0, column(bounds, "low")[n]), 1e-5) << n;
    EXPECT_NEAR(s.high.value(), std::min(1.0, column(bounds, "high")[n]), 1e-5) << n;
  };
  ASSERT_EQ(a.each.size(), 2u);
  check(a.each[0].with, 0);
  check(a.each[1].with, 1);
  check(a.is->with, 2);
  EXPECT_EQ(a.gain->over, pool[expected["best"].get<std::size_t>()].name);
  EXPECT_NEAR(a.gain->value, column(bounds, "values")[3], 1e-6);
  EXPECT_NEAR(a.gain->low.value(), column(bounds, "low")[3], 1e-5);
  EXPECT_NEAR(a.gain->high.value(), column(bounds, "high")[3], 1e-5);
  EXPECT_NEAR(*a.distance, expected["distance"].get<double>(), 1e-6);
  const auto norms = expected["norms"].get<std::vector<double>>();
  EXPECT_NEAR(a.each[0].norm, norms[0], 1e-5);
  EXPECT_NEAR(a.each[1].norm, norms[1], 1e-5);
  EXPECT_NEAR(a.is->norm, norms[2], 1e-5);
  EXPECT_NEAR(a.norm, norms[3], 1e-5);
  EXPECT_EQ(a.without_common, GetParam());
  EXPECT_TRUE(a.nearest.empty());

  const Addition open = add(parts, nullptr, pool, options);
  ASSERT_EQ(open.nearest.size(), 3u);
  EXPECT_FALSE(open.is);
  EXPECT_FALSE(open.gain);
  for (std::size_t n = 0; n < 3; ++n) {
    EXPECT_EQ(open.nearest[n].name, pool[expected["nearest"][n].get<std::size_t>()].name);
    EXPECT_NEAR(open.nearest[n].cosine.value(), expected["with_sum"][n].get<double>(), 1e-6);
    EXPECT_LE(open.nearest[n].low.value(), *open.nearest[n].cosine);
    EXPECT_GE(open.nearest[n].high.value(), *open.nearest[n].cosine);
  }
  check(a.is->with, 2);
}
INSTANTIATE_TEST_SUITE_P(Common, AdditionGolden, testing::Bool());

TEST(Add, AnExactSumIsOne) {
  const store::Record a = record("a", "", {1, 2, 0}), b = record("b", "", {0, -1, 3}), c = record("c", "", {1, 1, 3});
  const Addition sum = add({a, b}, &c, {});
  EXPECT_NEAR(*sum.is->with.cosine, 1, 1e-12);
  EXPECT_NEAR(*sum.distance, 0, 1e-7);
  EXPECT_FALSE(sum.is->with.low);
  EXPECT_EQ(add({a, a}, nullptr, {a, b, c}, {.k = 1}).nearest.at(0).name, "c");
}

TEST(Add, WithoutEffectThereIsNoCosine) {
  const store::Record a = record("a", "", {1, 2}), less = record("b", "", {-1, -2}), zero = record("z", "", {0, 0});
  const Addition nothing = add({a, less}, &a, {});
  EXPECT_FALSE(nothing.is->with.cosine);
  EXPECT_FALSE(nothing.gain);
  EXPECT_FALSE(add({a, a}, &zero, {}).distance);
  EXPECT_FALSE(add({a, less}, nullptr, {a, less, zero}).nearest.at(0).cosine);
  EXPECT_THAT(message_of([&] { add({a}, nullptr, {}); }), HasSubstr("a sum has two variants or more"));
}

}  // namespace
}  // namespace deltascape::landscape
