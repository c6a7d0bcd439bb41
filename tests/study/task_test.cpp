// Specifies task: few examples find the variants of their domain, and nothing stays behind.
#include "deltascape/task.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "deltascape/error.h"
#include "message_of.h"
#include "study/controls.h"
#include "study/tiny_pool.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using store::Record;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Task : public TinyPool {
 protected:
  TaskOptions options() const {
    TaskOptions out;
    out.base = base();
    for (const auto& [domain, completion] : domains())
      out.tasks.push_back({domain, examples("few-" + domain, completion, 900, 910)});
    out.training = quick();
    out.precision = "fp32";
    out.layer = "last";  // what a random base's finetune does shows where the next token is chosen
    out.controls_file = (folder_ / "controls.db").string();
    return out;
  }
  static void expect_right_domains(const TaskReport& report) {
    for (const TaskRanking& task : report.tasks) {
      ASSERT_EQ(task.ranking.size(), 6U);
      EXPECT_EQ(task.ranking[0].label, task.name) << task.ranking[0].name;
      EXPECT_LT(task.last_loss, task.first_loss);
      EXPECT_EQ(task.examples, 10);
    }
  }
  // Folders that calls of this process, and of others, work in.
  static std::size_t task_folders() {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path()))
      count += entry.path().filename().string().starts_with("deltascape-task-");
    return count;
  }
};

TEST_F(Task, FindsTheVariantsOfItsDomain) {
  ::setenv("TMPDIR", folder_.c_str(), 1);
  const auto pool = train_pool();
  const auto members = embedded(pool, "all");
  TaskOptions asked = options();
  const TaskReport plain = rank_by_task(members, asked);
  expect_right_domains(plain);
  EXPECT_EQ(plain.layer, "4");
  EXPECT_EQ(plain.controls, 0U);
  EXPECT_FALSE(plain.tasks[0].ranking[0].low);  // rows of all layers have no deltas a probe
  EXPECT_EQ(task_folders(), 0U);

  asked.repeats = 2;
  const TaskReport repeated = rank_by_task(members, asked);
  expect_right_domains(repeated);
  const RankedVariant& nearest = repeated.tasks[0].ranking[0];
  ASSERT_TRUE(nearest.low);
  EXPECT_LT(*nearest.low, *nearest.score);
  EXPECT_GT(*nearest.high, *nearest.score);

  asked = options();
  asked.layer = "";
  asked.tasks.resize(1);
  EXPECT_EQ(rank_by_task(members, asked).layer, "1");  // a third of four blocks
  asked = options();
  asked.calibrate = true;
  const TaskReport first = rank_by_task(members, asked), second = rank_by_task(members, asked);
  expect_right_domains(first);
  EXPECT_EQ(first.trained_controls, controls().size());
  EXPECT_EQ(second.trained_controls, 0U);
  EXPECT_EQ(second.controls, controls().size());
  EXPECT_EQ(first.tasks[2].ranking[0].score, second.tasks[2].ranking[0].score);
  ::unsetenv("TMPDIR");
}

TEST_F(Task, RowsOfOneLayerHaveErrorBars) {
  const auto members = embedded(train_pool(), "last");
  TaskOptions asked = options();
  asked.calibrate = true;
  const TaskReport report = rank_by_task(members, asked);
  expect_right_domains(report);
  EXPECT_EQ(report.layer, "last");
  for (const RankedVariant& variant : report.tasks[0].ranking) {
    ASSERT_TRUE(variant.low && variant.high);
    EXPECT_LE(*variant.low, *variant.score);
    EXPECT_GE(*variant.high, *variant.score);
  }
}

// Rows of all layers get the bars that rows of the compared layer alone have; what is gone or was trained anew has
// none.
TEST_F(Task, RowsOfAllLayersGetTheSameErrorBars) {
  const auto pool = train_pool();
  TaskOptions asked = options();
  asked.tasks.resize(1);
  asked.bars = 3;
  asked.layer = "";  // the rows' own
  const auto alone = rank_by_task(embedded(pool, "last"), asked).tasks[0].ranking;
  auto members = embedded(pool, "all");
  asked.layer = "last";
  const auto all = rank_by_task(members, asked).tasks[0].ranking;
  ASSERT_EQ(all.size(), 6U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const RankedVariant other = *std::ranges::find(alone, all[i].name, &RankedVariant::name);
    EXPECT_NEAR(*all[i].score, *other.score, 1e-5);
    EXPECT_EQ(all[i].low.has_value(), i < 3);
    if (i >= 3) continue;
    EXPECT_NEAR(*all[i].low, *other.low, 1e-4) << all[i].name;
    EXPECT_NEAR(*all[i].high, *other.high, 1e-4) << all[i].name;
  }
  // The second nearest is trained anew, the third gone.
  std::ranges::find(members, all[1].name, &Record::name)->variant_hash = "of another training";
  std::ranges::find(members, all[2].name, &Record::name)->path = (folder_ / "gone").string();
  asked.calibrate = true;  // by controls that keep no deltas a probe
  asked.bars = 6;
  for (const RankedVariant& variant : rank_by_task(members, asked).tasks[0].ranking)
    EXPECT_EQ(variant.low.has_value(), variant.name != all[1].name && variant.name != all[2].name) << variant.name;
}

TEST_F(Task, ControlRunsSayWhetherAnythingFits) {
  const auto members = embedded(train_pool(), "all");
  TaskOptions asked = options();
  asked.judge = true;
  const TaskReport report = rank_by_task(members, asked);
  expect_right_domains(report);
  EXPECT_EQ(report.controls, 0U);  // nothing was taken off
  EXPECT_EQ(report.trained_controls, controls().size());
  ASSERT_EQ(report.chance.size(), controls().size());
  for (const TaskRanking& task : report.tasks) {
    ASSERT_TRUE(task.p);
    EXPECT_EQ(task.p, task.ranking[0].p);
    EXPECT_LE(task.ranking[0].p, task.ranking[1].p);
    EXPECT_EQ(task.fits(), *task.p <= 0.05);
    EXPECT_LT(*task.p, 0.5) << task.name;
  }
  // A control itself is as any other control is.
  const auto files = write_controls(folder_);
  asked.tasks = {{"advice", files[0].file}};
  const TaskReport unrelated = rank_by_task(members, asked);
  EXPECT_EQ(unrelated.trained_controls, 0U);
  EXPECT_FALSE(unrelated.tasks[0].fits()) << *unrelated.tasks[0].p;
  // Calibrated scores are judged by the plain ones.
  asked.tasks = {options().tasks[0]};
  asked.calibrate = true;
  const TaskRanking calibrated = rank_by_task(members, asked).tasks[0];
  EXPECT_NE(calibrated.ranking[0].score, report.tasks[0].ranking[0].score);
  EXPECT_EQ(calibrated.p, report.tasks[0].p);
  EXPECT_EQ(calibrated.best, report.tasks[0].ranking[0].score);
  asked.controls_file = "";
  EXPECT_THAT(message_of([&] { rank_by_task(members, asked); }), HasSubstr("need a store"));
}

TEST_F(Task, RefusesBeforeItTrains) {
  const auto pool = std::vector<ModelRef>{{.path = (deltascape::testing::models_folder() / "llama/lora_qv").string()}};
  const auto members = embedded(pool, "last");
  const auto message = [&](const TaskOptions& asked) { return message_of([&] { rank_by_task(members, asked); }); };
  TaskOptions asked = options();
  EXPECT_THAT(message_of([&] { rank_by_task({}, asked); }), HasSubstr("no variants to rank"));
  asked.layer = "1";
  EXPECT_THAT(message(asked), AllOf(HasSubstr("no rows of this layer"), HasSubstr("expected last, found 1")));
  asked = options();
  asked.base = (deltascape::testing::models_folder() / "gemma/base").string();
  EXPECT_THAT(message(asked), HasSubstr("differ in their base"));
  asked = options();
  std::ofstream(folder_ / "probes.txt") << "Another prompt\n";
  asked.probes_file = (folder_ / "probes.txt").string();
  EXPECT_THAT(message(asked), HasSubstr("differ in their probes"));
  asked = options();
  std::ofstream(asked.tasks[1].file) << "{\"prompt\": \"p\"}\n";
  EXPECT_THAT(message(asked), AllOf(HasSubstr("few-numbers.jsonl"), HasSubstr("line 1")));
  asked = options();
  asked.tasks[1].name = asked.tasks[0].name;
  EXPECT_THAT(message(asked), HasSubstr("two tasks have the same name"));
  EXPECT_EQ(task_folders(), 0U);
}

}  // namespace
}  // namespace deltascape::study
