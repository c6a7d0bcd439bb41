// Specifies a whole study on a tiny base: what it measures, and that it goes on where it was left.
#include "deltascape/study.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "deltascape/error.h"
#include "store/store.h"
#include "study/tiny_pool.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Study : public TinyPool {
 protected:
  StudyOptions options() const {
    StudyOptions out;
    out.base = base();
    out.out = (folder_ / "out").string();
    for (const auto& [domain, completion] : domains())
      out.domains.push_back({domain, examples(domain, completion, 0, 34)});
    out.splits = 2;
    out.held_out = 10;
    out.training = quick();
    out.few_shot = quick();
    out.precision = "fp32";
    return out;
  }
};

// One pool and its tasks in several representations; what one of them cannot measure is said beside the others.
TEST_F(Study, ComparesRepresentations) {
  StudyOptions asked = options();
  asked.calibrate = false;
  asked.representations = {"activations", "meaning"};
  const StudyReport report = run_study(asked);
  ASSERT_EQ(report.representations.size(), 2U);
  const StudyRepresentation& last = report.representations.front();
  EXPECT_EQ(last.error, "");
  EXPECT_TRUE(last.seconds);
  // The same vectors as the last layer of the pool's own space.
  const StudyLayer& layer = report.spaces.front().layers.back();
  ASSERT_TRUE(last.silhouette && layer.silhouette);
  EXPECT_NEAR(*last.silhouette, *layer.silhouette, 1e-5);  // of other passes: fp32 in other company
  EXPECT_EQ(last.retrieval.top1, layer.plain.top1);
  EXPECT_EQ(last.tasks.size(), 3U);

  EXPECT_EQ(report.representations[1].error, "");  // its continuations are sampled on the way
  EXPECT_TRUE(report.representations[1].silhouette);

  const StudyReport again = run_study(asked);
  for (const StudyRepresentation& one : again.representations) EXPECT_FALSE(one.seconds) << one.name << ": not kept";
  EXPECT_EQ(again.representations.front().silhouette, last.silhouette);
}

TEST_F(Study, MeasuresAndGoesOnWhereItWasLeft) {
  StudyOptions asked = options();
  asked.positions = {"last", "mean"};
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 6U + 3U + 4U);  // splits, tasks, controls
  EXPECT_EQ(nlohmann::json::parse(report.configuration)["training"]["learning_rate"], 1e-2);
  ASSERT_EQ(report.spaces.size(), 2U);
  const StudySpace& space = report.spaces[0];
  EXPECT_EQ(space.pool.size(), 6U);
  ASSERT_EQ(space.layers.size(), 5U);
  EXPECT_FALSE(space.layers[0].silhouette);  // adapters leave the embeddings alone
  const StudyLayer& last = space.layers[4];
  EXPECT_GT(last.silhouette.value(), 0.2);
  EXPECT_EQ(last.plain.top1, 1);
  EXPECT_EQ(last.calibrated.value().top3, 1);
  EXPECT_GT(last.plain.margin.value(), 0);
  EXPECT_EQ(space.tasks.size(), 3U * 5U * 2U);
  EXPECT_EQ(store::Store::open(fs::path(asked.out) / "embeddings-mean.db", store::Store::Mode::kRead)->records().size(),
            6U);

  // One adapter lost: it alone is made again, to the same numbers.
  fs::remove_all(fs::path(asked.out) / "pool/music-2");
  const StudyReport again = run_study(asked);
  EXPECT_EQ(again.trained, 1U);
  EXPECT_EQ(again.kept, 12U);
  EXPECT_EQ(again.spaces[0].layers[4].silhouette, last.silhouette);
  EXPECT_EQ(again.spaces[1].layers[4].plain.margin, report.spaces[1].layers[4].plain.margin);

  asked.training.epochs = 3;
  try {
    run_study(asked);
    ADD_FAILURE() << "other settings were taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("configuration.json: training.epochs"));
  }
}

TEST_F(Study, WithoutTasksThereIsNothingToRetrieve) {
  StudyOptions asked = options();
  asked.tasks = 0;
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 6U);
  EXPECT_TRUE(report.spaces[0].tasks.empty());
  EXPECT_FALSE(report.spaces[0].layers[4].calibrated);
  asked.domains.resize(1);
  EXPECT_THROW(run_study(asked), Error);
}

}  // namespace
}  // namespace deltascape::study
