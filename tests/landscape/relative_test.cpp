// Specifies embeddings as cosines with anchors.
#include "landscape/relative.h"

#include <gmock/gmock.h>

#include <random>

#include "deltascape/error.h"
#include "landscape/landscape_goldens.h"
#include "message_of.h"

namespace deltascape::landscape {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kAnchors = 4;

class RelativeGolden : public testing::TestWithParam<const char*> {};

TEST_P(RelativeGolden, EqualsSklearn) {
  const Json g = golden(GetParam());
  const std::vector<store::Record> records = records_of(g);
  ASSERT_GT(records.size(), kAnchors);
  for (const bool centred : {false, true}) {
    const Anchors anchors({records.begin(), records.begin() + kAnchors}, {}, centred);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::vector<float> own = anchors.cosines(records[i]);
      ASSERT_EQ(own.size(), kAnchors);
      for (std::size_t k = 0; k < kAnchors; ++k)
        EXPECT_NEAR(own[k], g["relative"][centred ? "yes" : "no"][i][k].get<double>(), 1e-6) << i << "," << k;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, RelativeGolden, testing::ValuesIn(kCases));

// Why bases may share the space: a base whose directions lie otherwise, in more dimensions, gives the same numbers.
TEST(Relative, IsTheSameInTurnedAxes) {
  std::mt19937 random(0);
  std::normal_distribution<float> normal;
  std::vector<store::Record> narrow, wide;
  for (int i = 0; i < 6; ++i) {
    std::vector<float> a(3);
    for (float& value : a) value = normal(random);
    // Turned by 3/5 and 4/5, reflected, three times as long, with two dimensions of nothing.
    narrow.push_back(record("n", "", a));
    wide.push_back(record("w", "", {0, 1.8F * a[0] - 2.4F * a[1], -3 * a[2], 0, 2.4F * a[0] + 1.8F * a[1]}));
  }
  for (const bool centred : {false, true}) {
    const Anchors in_narrow({narrow.begin(), narrow.begin() + 4}, {}, centred);
    const Anchors in_wide({wide.begin(), wide.begin() + 4}, {}, centred);
    for (std::size_t i = 0; i < narrow.size(); ++i) {
      const std::vector<float> a = in_narrow.cosines(narrow[i]), b = in_wide.cosines(wide[i]);
      for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-6);
    }
  }
}

TEST(Relative, ReadsOneRowOfAllLayers) {
  std::vector<store::Record> all;
  for (const std::vector<float>& values : {std::vector<float>{1, 0, 9, 9}, {0, 1, 9, 9}, {3, 4, 9, 9}}) {
    all.push_back(record("a", "", values));
    all.back().layers = 2;
    all.back().dim = 2;
  }
  const Anchors anchors({all[0], all[1]}, 0, false);
  EXPECT_THAT(anchors.cosines(all[2]), ElementsAre(0.6F, 0.8F));
}

TEST(Relative, WithoutADirectionThereIsNone) {
  const store::Record a = record("a", "", {1, 2}), b = record("b", "", {2, 1}), zero = record("z", "", {0, 0});
  EXPECT_THAT(Anchors({a, b}, {}, true).cosines(zero), Each(0.0F));
  EXPECT_THAT(Anchors({a, b}, {}, true).cosines(record("m", "", {3, 3})), Each(0.0F));  // where all point
  EXPECT_THAT(message_of([&] { Anchors({a, zero}, {}, false); }), HasSubstr("no effect"));
  EXPECT_THAT(message_of([&] { Anchors({a, a, a}, {}, true); }), HasSubstr("points where all do"));
  EXPECT_THAT(message_of([&] {
                Anchors({a, b}, {}, false).cosines(record("c", "", {1, 2, 3}));
              }),
              HasSubstr("expected 2, found 3"));
}

TEST(AcrossBases, CountsTheNearestOfAnotherBase) {
  const auto of = [](const std::string& base, const std::string& label, std::vector<float> values) {
    store::Record r = record(base + label, label, std::move(values));
    r.space.base.clear();
    r.space.base_name = base;
    return r;
  };
  // Each is nearest to a neighbour of its own base, which does not count; "law" is known to one base alone.
  const Across across = across_bases({of("x", "math", {1, 0.1F}), of("x", "code", {1, 0.2F}), of("x", "law", {0, -1}),
                                      of("y", "math", {1, 0}), of("y", "code", {0.1F, 1}), of("y", "", {-1, 0})});
  EXPECT_EQ(across.labelled, 4);
  EXPECT_EQ(across.matched, 3);  // all but code of x, which is nearest to math of y
}

}  // namespace
}  // namespace deltascape::landscape
