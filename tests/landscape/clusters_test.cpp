// Specifies silhouettes and clusters against scikit-learn.
#include "deltascape/cluster.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "deltascape/error.h"
#include "landscape/landscape_goldens.h"

namespace deltascape::landscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Groups = std::set<std::set<std::string>>;

Groups groups_of(const Clustering& clustering) {
  Groups out;
  for (const Cluster& c : clustering.clusters) out.insert({c.members.begin(), c.members.end()});
  return out;
}

Groups groups_of(const Json& assignment, const std::vector<store::Record>& records) {
  std::map<int, std::set<std::string>> groups;
  for (std::size_t i = 0; i < records.size(); ++i) groups[assignment[i].get<int>()].insert(records[i].name);
  Groups out;
  for (const auto& [id, names] : groups) out.insert(names);
  return out;
}

class ClustersGolden : public LandscapeGolden {};

TEST_P(ClustersGolden, SilhouetteEqualsSklearn) {
  const std::optional<Silhouette> s = silhouette(records_);
  ASSERT_TRUE(s);
  EXPECT_NEAR(s->average, golden_["silhouette"]["average"].get<double>(), 1e-9);
  double weighted = 0, members = 0;
  for (const SilhouetteClass& c : s->classes) {
    weighted += c.average * static_cast<double>(c.members);
    members += static_cast<double>(c.members);
  }
  EXPECT_NEAR(weighted / members, s->average, 1e-12);
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Json& expected = golden_["silhouette"]["samples"][i];
    ASSERT_EQ(s->samples[i].has_value(), !expected.is_null()) << i;
    if (s->samples[i]) {
      EXPECT_NEAR(*s->samples[i], expected.get<double>(), 1e-9) << i;
    }
  }
}

TEST_P(ClustersGolden, AgglomerativeEqualsSklearn) {
  for (const auto& [k, assignment] : golden_["agglomerative"].items()) {
    const Clustering found = cluster(records_, {.method = ClusterMethod::kAgglomerative, .k = std::stoul(k)});
    EXPECT_EQ(groups_of(found), groups_of(assignment, records_)) << "k = " << k;
  }
}

TEST_P(ClustersGolden, ChoosesTheNumberOfClustersThatFitsBest) {
  const Clustering found = cluster(records_, {.method = ClusterMethod::kAgglomerative});
  EXPECT_EQ(found.clusters.size(), golden_["agglomerative_k"].get<std::size_t>());
  ASSERT_TRUE(found.fit);
  EXPECT_NEAR(*found.fit, golden_["agglomerative_fit"].get<double>(), 1e-9);
}
INSTANTIATE_TEST_SUITE_P(Cases, ClustersGolden, testing::ValuesIn(kCases));

TEST(Methods, HaveNames) {
  for (const char* name : {"auto", "labels", "kmeans", "agglomerative"}) EXPECT_EQ(name_of(cluster_method(name)), name);
  EXPECT_THROW(cluster_method("dbscan"), Error);
}

TEST(KMeans, FindsTheGroupsThatSklearnFinds) {
  for (const char* name : {"clear", "few", "many"}) {
    const Json g = golden(name);
    const std::vector<store::Record> records = records_of(g);
    ASSERT_FALSE(records.empty());
    const std::set<std::string> labels(g["labels"].begin(), g["labels"].end());
    const Clustering found = cluster(records, {.method = ClusterMethod::kKMeans, .k = labels.size()});
    EXPECT_EQ(groups_of(found), groups_of(g["kmeans"], records)) << name;
    EXPECT_EQ(cluster(records, {.method = ClusterMethod::kKMeans}).clusters.size(), labels.size()) << name;
  }
}

TEST(KMeans, IsTheSameEveryTimeAndLeavesNoGroupEmpty) {
  std::vector<store::Record> records;
  for (int i = 0; i < 6; ++i) records.push_back(record("same-" + std::to_string(i), "", {1, 2, 3}));
  const Clustering found = cluster(records, {.method = ClusterMethod::kKMeans, .k = 3});
  EXPECT_EQ(found.clusters.size(), 3u);
  EXPECT_EQ(groups_of(found), groups_of(cluster(records, {.method = ClusterMethod::kKMeans, .k = 3})));
}

TEST(Silhouette, IsAbsentWithoutTwoClassesOfTwo) {
  std::vector<store::Record> records = {record("a", "x", {1, 0}), record("b", "x", {1, 0.1f}), record("c", "y", {0, 1}),
                                        record("d", "", {0, 1}), record("zero", "y", {0, 0})};
  EXPECT_FALSE(silhouette(records));  // y has one member with an effect
  EXPECT_FALSE(silhouette({}));
  records.push_back(record("e", "y", {0.1f, 1}));
  const std::optional<Silhouette> s = silhouette(records);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->no_effect, 1u);
  EXPECT_EQ(s->unlabelled, 1u);
  EXPECT_EQ(s->lone, 0u);
  EXPECT_FALSE(s->samples[3]);
  EXPECT_FALSE(s->samples[4]);
  EXPECT_GT(s->average, 0.9);
}

TEST(Silhouette, OppositeDirectionsAreNoFartherThanOrthogonalOnes) {
  const std::vector<store::Record> records = {record("a", "x", {1, 0}), record("b", "x", {0, 1}),
                                              record("c", "y", {-1, 0}), record("d", "y", {0, -1})};
  EXPECT_DOUBLE_EQ(silhouette(records)->average, 0);  // every distance is clipped to 1
}

TEST(Cluster, ByLabelWhenThereAreLabels) {
  const std::vector<store::Record> records = {record("d", "y", {0, 1}), record("b", "x", {1, 0.1f}),
                                              record("a", "x", {1, 0}), record("n", "", {1, 1}),
                                              record("zero", "y", {0, 0})};
  const Clustering c = cluster(records);
  EXPECT_EQ(c.method, ClusterMethod::kLabels);
  ASSERT_EQ(c.clusters.size(), 3u);
  EXPECT_EQ(c.clusters[0].name, "x");
  EXPECT_THAT(c.clusters[0].members, ElementsAre("a", "b"));
  EXPECT_EQ(c.clusters[1].id, 1u);
  EXPECT_THAT(c.clusters[1].members, ElementsAre("d", "zero"));
  EXPECT_EQ(c.clusters[2].name, "");
  EXPECT_THAT(c.no_effect, ElementsAre("zero"));
  EXPECT_FALSE(c.silhouette);
  EXPECT_EQ(cluster(records, {.k = 2}).method, ClusterMethod::kAgglomerative);
}

TEST(Cluster, ALabelOrTwoDoNotMakeItByLabels) {
  std::vector<store::Record> records;
  for (int i = 0; i < 10; ++i)
    records.push_back(
        record("v" + std::to_string(i), "",
               {i < 5 ? 1.0f : 0.1f * static_cast<float>(i), i < 5 ? 0.1f * static_cast<float>(i) : 4.0f}));
  records[0].label = "math";
  EXPECT_EQ(cluster(records).method, ClusterMethod::kAgglomerative);
  EXPECT_EQ(cluster(records).agreement->clusters.members, 1u);
  for (store::Record& r : records) r.label = "math";  // one class says nothing
  EXPECT_EQ(cluster(records).method, ClusterMethod::kAgglomerative);
  for (int i = 0; i < 5; ++i) records[static_cast<std::size_t>(i)].label = "code";
  const Clustering c = cluster(records);
  EXPECT_EQ(c.method, ClusterMethod::kLabels);
  EXPECT_FALSE(c.fit);
  EXPECT_EQ(c.found.method, ClusterMethod::kAgglomerative);  // what the vectors say is there beside them
  ASSERT_EQ(c.found.clusters.size(), 2u);
  EXPECT_EQ(c.agreement->clusters.adjusted_rand, 1);
  EXPECT_TRUE(c.agreement->strays.empty());
}

// Too many for linkage, and for silhouettes of all.
TEST(Cluster, ManyVariantsGoToKMeans) {
  std::vector<store::Record> records;
  for (int i = 0; i < 20010; ++i) {
    const float small = 0.001f * static_cast<float>(i % 97);
    records.push_back(
        record("v" + std::to_string(i), "", i % 2 == 0 ? std::vector{1.0f, small} : std::vector{small, 1.0f}));
  }
  records[3].label = "the only one";
  const Clustering c = cluster(records);
  EXPECT_EQ(c.method, ClusterMethod::kKMeans);
  ASSERT_EQ(c.clusters.size(), 2u);
  EXPECT_EQ(c.clusters[0].members.size(), 10005u);
  EXPECT_GT(*c.fit, 0.9);
  EXPECT_EQ(cluster(records, {.k = 3}).clusters.size(), 3u);
}

TEST(Cluster, SmallPools) {
  EXPECT_TRUE(cluster({}).clusters.empty());
  const store::Record a = record("a", "", {1, 0}), b = record("b", "", {0, 1}), zero = record("z", "", {0, 0});
  EXPECT_THAT(cluster({a}).clusters.at(0).members, ElementsAre("a"));
  EXPECT_EQ(cluster({a, b}).clusters.size(), 1u);
  EXPECT_FALSE(cluster({a, b}).fit);
  EXPECT_EQ(cluster({a, b}, {.k = 2}).clusters.size(), 2u);
  EXPECT_TRUE(cluster({zero}).clusters.empty());
  EXPECT_THAT(cluster({zero}).no_effect, ElementsAre("z"));
  EXPECT_THAT(cluster({a, zero, b}, {.method = ClusterMethod::kKMeans, .k = 2}).clusters.size(), 2u);
  try {
    cluster({a, zero, b}, {.k = 3});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("expected at most 2, found 3"));
  }
}

TEST(Clusters, AreKeptByName) {
  std::vector<store::Record> records(3);
  for (std::size_t i = 0; i < 3; ++i) records[i].name = std::string(1, static_cast<char>('a' + i));
  Clustering clustering;
  clustering.found.clusters = {{0, "b", {"b", "c"}}};
  clustering.assignment = {std::nullopt, 0, 0};
  const auto kept = assignments_of(clustering, records);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].variant, "a");
  EXPECT_FALSE(kept[0].cluster);
  EXPECT_EQ(kept[0].cluster_name, "");
  EXPECT_EQ(kept[2].cluster, 0);
  EXPECT_EQ(kept[2].cluster_name, "b");
}

}  // namespace
}  // namespace deltascape::landscape
