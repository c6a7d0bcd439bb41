// Specifies how variants are ranked by a task: scores, error bars, calibration.
#include "landscape/ranking.h"

#include <gmock/gmock.h>

#include <cmath>

#include "deltascape/error.h"
#include "landscape/landscape_goldens.h"

namespace deltascape::landscape {
namespace {

using testing::HasSubstr;

std::vector<store::Record> all_of(const Json& rows, const std::string& prefix) {
  std::vector<store::Record> out;
  for (std::size_t i = 0; i < rows.size(); ++i)
    out.push_back(probed(prefix + std::to_string(i), "", rows[i].get<std::vector<std::vector<float>>>()));
  return out;
}

class RankingGolden : public testing::TestWithParam<const char*> {};

// The stored mean is rounded to float32: scores differ by some of its epsilons.
TEST_P(RankingGolden, EqualsNumpy) {
  const Json g = golden(GetParam());
  ASSERT_TRUE(g.contains("scores"));
  const std::vector<store::Record> members = all_of(g["members"], "m");
  const auto ranking = rank(members, {.runs = all_of(g["runs"], "r"), .controls = all_of(g["controls"], "c")});
  ASSERT_EQ(ranking.size(), members.size());
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const std::size_t member = std::stoul(ranking[i].name.substr(1));
    const double score = g["scores"][member], error = g["errors"][member];
    EXPECT_NEAR(ranking[i].score.value(), score, 1e-6) << ranking[i].name;
    EXPECT_NEAR(ranking[i].low.value(), score - 2 * error, 4e-6) << ranking[i].name;
    EXPECT_NEAR(ranking[i].high.value(), score + 2 * error, 4e-6) << ranking[i].name;
    if (i > 0) {
      EXPECT_LE(*ranking[i].score, *ranking[i - 1].score);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, RankingGolden,
                         testing::Values("ranking_plain", "ranking_repeated", "ranking_calibrated"));

// The runs' own shift points at the wrong variant; taken off, the right one is nearest.
TEST(Ranking, CalibrationTakesTheSharedShiftOff) {
  const std::vector<store::Record> members = {record("math", "math", {1, 0, 0.1F}),
                                              record("code", "code", {0, 1, 0.1F}),
                                              record("law", "law", {0.1F, 0.1F, 1})};
  const std::vector<store::Record> runs = {record("task", "", {0.5F, 0, 3})};
  EXPECT_EQ(rank(members, {.runs = runs, .controls = {}}).front().name, "law");
  const auto ranking = rank(members, {.runs = runs, .controls = {record("control", "", {0, 0, 3})}});
  EXPECT_EQ(ranking.front().name, "math");
  EXPECT_EQ(place_of(ranking, "math"), 0U);
  EXPECT_GT(margin_of(ranking, "math").value(), 0);
  EXPECT_LT(margin_of(ranking, "code").value(), 0);
}

TEST(Ranking, ReadsTheRowThatIsAsked) {
  auto layered = [](const std::string& name, std::vector<float> values) {
    store::Record r = record(name, "", std::move(values));
    r.layers = 2;
    r.dim = 2;
    return r;
  };
  const std::vector<store::Record> members = {layered("a", {1, 0, 0, 1}), layered("b", {0, 1, 1, 0})};
  const TaskRuns task{.runs = {layered("t", {2, 0, 2, 0})}, .controls = {}};
  EXPECT_EQ(rank(members, task, 0).front().name, "a");
  EXPECT_EQ(rank(members, task, 1).front().name, "b");
  EXPECT_EQ(rank(members, task).front().name, "b");
  EXPECT_FALSE(rank(members, task).front().low);
}

TEST(Ranking, VariantsWithoutEffectComeLastAndControlsWithoutEffectTakeNothingOff) {
  const std::vector<store::Record> members = {record("zero", "x", {0, 0}), record("a", "x", {1, 0.5F}),
                                              record("b", "y", {0, 1})};
  const auto ranking = rank(members, {.runs = {record("t", "", {1, 0})}, .controls = {record("c", "", {0, 0})}});
  EXPECT_EQ(ranking.back().name, "zero");
  EXPECT_FALSE(ranking.back().score);
  EXPECT_EQ(place_of(ranking, "x"), 0U);
  EXPECT_NEAR(*ranking[0].score, 2 / std::sqrt(5.0), 1e-12);
}

// As at the embeddings, which adapters of the blocks leave alone.
TEST(Ranking, WhereNothingHasAnEffectThereAreNoScores) {
  const std::vector<store::Record> members = {record("a", "x", {0, 0}), record("b", "y", {0, 0})};
  for (const auto& controls : {std::vector<store::Record>(), std::vector<store::Record>{record("c", "", {0, 0})}}) {
    const auto ranking = rank(members, {.runs = {record("t", "", {0, 0})}, .controls = controls});
    ASSERT_EQ(ranking.size(), 2U);
    EXPECT_FALSE(ranking[0].score);
    EXPECT_FALSE(place_of(ranking, "x"));
    EXPECT_FALSE(margin_of(ranking, "x"));
  }
}

TEST(Ranking, ChanceIsTheBestScoreOfEachControl) {
  const std::vector<store::Record> members = {record("a", "", {1, 0, 0}), record("b", "", {0, 1, 0}),
                                              record("zero", "", {0, 0, 0})};
  const std::vector<store::Record> controls = {record("c", "", {3, 0, 4}), record("d", "", {0, 1, 1}),
                                               record("none", "", {0, 0, 0})};
  const auto plain = chance_scores(members, controls);
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_NEAR(plain[0], 0.6, 1e-7);
  EXPECT_NEAR(plain[1], std::sqrt(0.5), 1e-7);
  EXPECT_TRUE(chance_scores(members, {}).empty());
}

// scipy: stats.t.sf((arctanh(s) - z.mean()) / (z.std(ddof=1) * sqrt(1 + 1/n)), n - 1).
TEST(Ranking, ChanceIsAPredictionFromFewScores) {
  const std::vector<double> chance = {0.643, 0.803, 0.718, 0.760};
  EXPECT_NEAR(chance_of(0.95, chance).value(), 0.006026054088220104, 1e-12);
  EXPECT_NEAR(chance_of(0.787, chance).value(), 0.2555894464888957, 1e-12);
  EXPECT_NEAR(chance_of(0.7, chance).value(), 0.6622295765804527, 1e-12);
  EXPECT_LT(chance_of(1, chance).value(), 1e-3);
  EXPECT_FALSE(chance_of(0.9, {0.5, 0.6}));
  EXPECT_FALSE(chance_of(0.9, {0.5, 0.5, 0.5}));
}

TEST(Ranking, Refusals) {
  const auto message = [](const std::vector<store::Record>& members, const TaskRuns& task) {
    try {
      rank(members, task);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  store::Record elsewhere = record("t", "", {1, 0});
  elsewhere.space.parameters["layer"] = "12";
  EXPECT_THAT(message({record("a", "", {1, 0})}, {.runs = {elsewhere}, .controls = {}}), HasSubstr("layer"));
  EXPECT_THAT(message({record("a", "", {1, 0})}, {.runs = {record("t", "", {1, 0})}, .controls = {elsewhere}}),
              HasSubstr("layer"));
  EXPECT_TRUE(rank({}, {.runs = {record("t", "", {1, 0})}, .controls = {}}).empty());
}

}  // namespace
}  // namespace deltascape::landscape
