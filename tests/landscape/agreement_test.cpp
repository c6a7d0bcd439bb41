// Specifies how far labels and vectors agree, against scikit-learn; and who stands among others' labels.
#include "landscape/agreement.h"

#include <gmock/gmock.h>

#include "deltascape/cluster.h"
#include "landscape/landscape_goldens.h"

namespace deltascape::landscape {
namespace {

using testing::ElementsAre;

class AgreementGolden : public LandscapeGolden {};

TEST_P(AgreementGolden, EqualsSklearn) {
  for (const auto& [k, expected] : golden_["agreement"].items()) {
    const Clustering c = cluster(records_, {.method = ClusterMethod::kAgglomerative, .k = std::stoul(k)});
    ASSERT_TRUE(c.agreement);
    EXPECT_EQ(c.agreement->clusters.members, records_.size());
    EXPECT_NEAR(c.agreement->clusters.adjusted_rand, expected["adjusted_rand"].get<double>(), 1e-12) << k;
    EXPECT_NEAR(c.agreement->clusters.mutual_information, expected["mutual_information"].get<double>(), 1e-12) << k;
    EXPECT_NEAR(c.agreement->clusters.purity, expected["purity"].get<double>(), 1e-12) << k;
  }
}

TEST_P(AgreementGolden, NearestNeighboursOfTheSameLabel) {
  std::map<std::string, int> sizes;
  for (const auto& r : records_) ++sizes[r.label];
  double same = 0, counted = 0;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (sizes[records_[i].label] < 2) continue;
    ++counted;
    same += records_[golden_["nearest"][i].get<std::size_t>()].label == records_[i].label;
  }
  EXPECT_NEAR(cluster(records_).agreement->nearest.value(), same / counted, 1e-12);
}
INSTANTIATE_TEST_SUITE_P(Cases, AgreementGolden, testing::ValuesIn(kCases));

TEST(Agreement, OfGroupingsThatSayNothing) {
  const std::vector<std::size_t> one = {0, 0, 0, 0}, each = {0, 1, 2, 3}, halves = {0, 0, 1, 1};
  // As sklearn.metrics says.
  EXPECT_EQ(agreement(one, one).adjusted_rand, 1);
  EXPECT_EQ(agreement(one, one).mutual_information, 1);
  EXPECT_EQ(agreement(each, each).adjusted_rand, 1);
  EXPECT_EQ(agreement(one, each).adjusted_rand, 0);
  EXPECT_EQ(agreement(one, each).mutual_information, 0);
  EXPECT_EQ(agreement(one, halves).mutual_information, 0);
  EXPECT_EQ(agreement(halves, one).purity, 0.5);
  EXPECT_NEAR(agreement(halves, each).mutual_information, 2.0 / 3, 1e-12);
  EXPECT_EQ(agreement({}, {}).members, 0u);
  const std::vector<std::size_t> single = {7};
  EXPECT_EQ(agreement(single, single).adjusted_rand, 1);
}

TEST(LabelAgreement, NamesThoseAmongOtherLabels) {
  const std::vector<store::Record> records = {record("a1", "a", {1, 0}),      record("a2", "a", {1, 0.1f}),
                                              record("a3", "a", {0.1f, 1}),   record("b1", "b", {0, 1}),
                                              record("b2", "b", {0.03f, 1}),  record("lone", "c", {-0.01f, 1}),
                                              record("none", "", {1, 0.05f}), record("zero", "a", {0, 0})};
  const Clustering c = cluster(records, {.k = 2});
  ASSERT_TRUE(c.agreement);
  EXPECT_EQ(c.agreement->clusters.members, 6u);  // labelled, with an effect
  ASSERT_EQ(c.agreement->strays.size(), 2u);
  const Surroundings& stray = c.agreement->strays[0];
  EXPECT_EQ(records[stray.record].name, "a3");
  EXPECT_EQ(records[stray.nearest].name, "b2");
  EXPECT_THAT(stray.of_cluster, ElementsAre("b"));
  EXPECT_EQ(records[c.agreement->strays[1].record].name, "b1");  // nearest to the one that is alone in its class
  EXPECT_FALSE(c.assignment[7]);
  EXPECT_EQ(c.assignment[0], c.assignment[6]);
}

TEST(LabelAgreement, NeedsLabels) {
  const std::vector<store::Record> records = {record("a", "", {1, 0}), record("b", "", {0, 1}),
                                              record("c", "x", {0, 0})};
  EXPECT_FALSE(cluster(records).agreement);
}

}  // namespace
}  // namespace deltascape::landscape
