// Specifies the questions that a study asks of its pool, on a tiny base.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adapter/adapter.h"
#include "deltascape/error.h"
#include "deltascape/study_report.h"
#include "message_of.h"
#include "study/head_reading.h"
#include "study/made_adapters.h"
#include "study/retrieval_figures.h"
#include "study/study_data.h"
#include "study/tiny_pool.h"
#include "train/rows.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Cell = StudyTable::Cell;

class Questions : public TinyPool {
 protected:
  StudyOptions options() const {
    StudyOptions out;
    out.base = base();
    out.out = (folder_ / "out").string();
    // Completions that differ, so that there is one to reject.
    for (const auto& [domain, completion] : domains()) {
      const fs::path file = folder_ / (domain + ".jsonl");
      std::ofstream stream(file);
      for (int i = 0; i < 34; ++i)
        stream << R"({"prompt": "Question )" << i << R"(:", "completion": ")" << completion << (i / 2 % 2 ? "!" : ".")
               << "\"}\n";
      out.domains.push_back({domain, file.string()});
    }
    out.splits = 2;
    out.held_out = 10;
    out.calibrate = false;
    out.training = quick();
    out.few_shot = quick();
    out.precision = "fp32";
    return out;
  }
};

const StudyTable& table(const StudyReport& report, const std::string& name) {
  for (const StudyTable& one : report.tables)
    if (one.name == name) return one;
  throw std::runtime_error("no table " + name);
}

std::size_t column(const StudyTable& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name);
  if (found == table.columns.end()) throw std::runtime_error("no column " + name);
  return static_cast<std::size_t>(found - table.columns.begin());
}
double number(const StudyTable& table, std::size_t row, const std::string& name) {
  return std::get<double>(table.rows.at(row).at(column(table, name)));
}
std::string words(const StudyTable& table, std::size_t row, const std::string& name) {
  return std::get<std::string>(table.rows.at(row).at(column(table, name)));
}

TEST_F(Questions, OtherSettingsAreFoundByTheirDomain) {
  StudyOptions asked = options();
  asked.tasks = 0;
  StudyTraining ranked{.name = "rank 2", .training = quick()}, preferences{.name = "dpo", .training = quick()};
  ranked.training.rank = 2;
  ranked.examples = 8;
  preferences.training.loss = "dpo";
  asked.questions.variations = {ranked, preferences};
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 6U + 2U * 3U);
  const StudyTable& found = table(report, "variations");
  ASSERT_EQ(found.rows.size(), 3U);
  for (std::size_t row = 0; row < 3; ++row) ASSERT_EQ(found.rows[row].size(), found.columns.size());
  EXPECT_EQ(words(found, 0, "settings"), "the pool's own");
  EXPECT_NEAR(number(found, 0, "same examples"), 1, 1e-6);
  EXPECT_NEAR(number(found, 0, "norm"), 1, 1e-6);
  EXPECT_NEAR(number(found, 0, "silhouette"), report.spaces[0].layers.back().silhouette.value(), 1e-4);
  EXPECT_EQ(number(found, 1, "right"), 1);
  EXPECT_GT(number(found, 1, "margin"), 0);
  EXPECT_EQ(words(found, 2, "settings"), "dpo");

  // The same again trains nothing; other settings under the same name are trained anew and not taken for these.
  EXPECT_EQ(run_study(asked).trained, 0U);
  asked.questions.variations[0].training.rank = 4;
  EXPECT_EQ(run_study(asked).trained, 3U);
}

TEST_F(Questions, StudiesShareTheirAdapters) {
  StudyOptions asked = options();
  asked.adapters = (folder_ / "shared").string();
  EXPECT_EQ(run_study(asked).trained, 9U);
  asked.out = (folder_ / "another").string();
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 0U);
  EXPECT_EQ(report.kept, 9U);
  EXPECT_TRUE(fs::exists(folder_ / "shared/configuration.json"));
  EXPECT_FALSE(fs::exists(folder_ / "another/configuration.json"));
}

TEST_F(Questions, FewShotTasksOfOtherSizes) {
  StudyOptions asked = options();
  asked.questions.few_shot = {{.name = "3 examples", .training = quick(), .examples = 3},
                              {.name = "one step", .training = quick()}};
  asked.questions.few_shot[1].training.max_steps = 1;
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 9U + 6U);
  const StudyTable& found = table(report, "few_shot");
  ASSERT_EQ(found.rows.size(), 4U);  // each at the last layer and where `task` looks
  EXPECT_EQ(found.rows[0][column(found, "examples")], Cell(std::int64_t{3}));
  EXPECT_EQ(found.rows[1][column(found, "steps")], Cell(std::int64_t{1}));
  EXPECT_EQ(words(found, 0, "layer"), "last");
  EXPECT_EQ(words(found, 2, "layer"), std::to_string(usual_task_layer(4)));
  EXPECT_GT(number(found, 0, "seconds"), 0);
  asked.questions.few_shot[0].examples = 11;
  EXPECT_THAT(message_of([&] { run_study(asked); }), HasSubstr("more examples are asked for"));
}

// What the tables say of each pair is what `add` says of these adapters.
TEST_F(Questions, AdditivityAsksAllPairs) {
  StudyOptions asked = options();
  asked.tasks = 0;
  asked.questions.additivity = {{.name = "lora", .training = quick(), .examples = 8}};
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 6U + 3U + 3U);
  const StudyTable& pairs = table(report, "additivity");
  ASSERT_EQ(pairs.rows.size(), 3U);
  EXPECT_EQ(words(pairs, 1, "first"), "music");
  EXPECT_EQ(words(pairs, 1, "second"), "shouting");
  std::vector<ModelRef> models;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "out/questions/additivity"))
    if (entry.path().filename() == "music" || entry.path().filename() == "shouting" ||
        entry.path().filename() == "music+shouting")
      models.push_back({.path = entry.path().string(), .name = entry.path().filename().string()});
  ASSERT_EQ(models.size(), 3U);
  std::ranges::sort(models, {}, &ModelRef::name);  // music, music+shouting, shouting
  const std::vector<store::Record> records = embedded(models, "last");
  const auto record = [&](const std::string& name) { return *std::ranges::find(records, name, &store::Record::name); };
  const store::Record a = record("music"), b = record("shouting"), both = record("music+shouting");
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.mean.size(); ++i) {
    const double sum = static_cast<double>(a.mean[i]) + b.mean[i];
    ab += sum * both.mean[i];
    aa += sum * sum;
    bb += static_cast<double>(both.mean[i]) * both.mean[i];
  }
  EXPECT_NEAR(number(pairs, 1, "sum"), ab / std::sqrt(aa * bb), 1e-4);  // of other passes: fp32 in other company
  EXPECT_NEAR(number(pairs, 1, "gain"),
              number(pairs, 1, "sum") - std::max(number(pairs, 1, "first alone"), number(pairs, 1, "second alone")),
              1e-9);
  const StudyTable& methods = table(report, "additivity_methods");
  ASSERT_EQ(methods.rows.size(), 1U);
  EXPECT_EQ(methods.rows[0][column(methods, "pairs")], Cell(std::int64_t{3}));
  std::int64_t nearer = 0;
  for (std::size_t row = 0; row < 3; ++row) nearer += number(pairs, row, "gain") > 0 ? 1 : 0;
  EXPECT_EQ(methods.rows[0][column(methods, "nearer")], Cell(nearer));
}

TEST_F(Questions, ProbesBasesSizesAndLayers) {
  StudyOptions asked = options();
  std::ofstream(folder_ / "one.txt") << "Tell me.\n";
  asked.questions.probes = {{"one", (folder_ / "one.txt").string()}};
  asked.questions.leave_one_out = true;
  asked.questions.bases = {{"itself", base()}};
  asked.questions.pool_sizes = {3, 6};
  asked.questions.layers = true;
  const StudyReport report = run_study(asked);
  const StudyTable& probes = table(report, "probes");
  ASSERT_EQ(probes.rows.size(), 1U + 5U + 1U);
  EXPECT_EQ(words(probes, 5, "probes"), "without probe 5");
  EXPECT_EQ(probes.rows[5][column(probes, "count")], Cell(std::int64_t{4}));
  EXPECT_EQ(probes.rows[6][column(probes, "count")], Cell(std::int64_t{1}));
  EXPECT_NEAR(number(probes, 0, "cosine"), 1, 1e-6);
  EXPECT_LT(number(probes, 6, "cosine"), 1);

  const StudyTable& bases = table(report, "bases");
  EXPECT_NEAR(number(bases, 1, "cosine"), 1, 1e-6);
  EXPECT_NEAR(number(bases, 1, "norm"), 1, 1e-4);

  const StudyTable& sizes = table(report, "pool_sizes");
  ASSERT_EQ(sizes.rows.size(), 2U);
  EXPECT_EQ(sizes.rows[0][column(sizes, "draws")], Cell(std::int64_t{20}));
  EXPECT_EQ(sizes.rows[0][column(sizes, "silhouette")], Cell());  // one variant a domain
  EXPECT_EQ(sizes.rows[1][column(sizes, "draws")], Cell(std::int64_t{1}));
  EXPECT_NEAR(number(sizes, 1, "silhouette"), report.spaces[0].layers.back().silhouette.value(), 1e-4);

  const StudyTable& parts = table(report, "parts");
  ASSERT_EQ(parts.rows.size(), 5U);
  EXPECT_EQ(parts.rows[0][column(parts, "common")], Cell());  // adapters leave the embeddings alone
  for (std::size_t row = 1; row < 5; ++row) {
    EXPECT_NEAR(number(parts, row, "common") + number(parts, row, "domain") + number(parts, row, "own"), 1, 1e-12);
    EXPECT_GT(number(parts, row, "read"), 0);
    EXPECT_LE(number(parts, row, "inside"), 1 + 1e-12);
  }
}

TEST_F(Questions, WhatCannotBeAskedIsRefusedBeforeItCosts) {
  const auto message = [&](const std::function<void(StudyOptions&)>& change) {
    StudyOptions asked = options();
    change(asked);
    return message_of([&] { run_study(asked); });
  };
  EXPECT_THAT(message([](StudyOptions& o) { o.questions.pool_sizes = {7}; }), HasSubstr("pool_sizes"));
  EXPECT_THAT(message([](StudyOptions& o) { o.questions.layer = "all"; }), HasSubstr("questions.layer"));
  EXPECT_THAT(message([](StudyOptions& o) { o.questions.additivity = {{.name = "a/b", .training = quick()}}; }),
              HasSubstr("questions"));
  EXPECT_THAT(message([](StudyOptions& o) {
                o.questions.variations = {{.name = "rank 0", .training = quick()}};
                o.questions.variations[0].training.rank = 0;
              }),
              HasSubstr("rank"));
  EXPECT_THAT(message([](StudyOptions& o) {
                o.tasks = 0;
                o.questions.few_shot = {{.name = "few", .training = quick()}};
              }),
              HasSubstr("no tasks"));
}

TEST_F(Questions, TheBenchmarkKnowsDomainsKinAndControls) {
  StudyOptions asked = options();
  asked.tasks = 2;
  asked.held_out = 5;
  asked.training.schedule = "constant";
  asked.training.warmup = 0;
  StudyBenchmark benchmark{.members = {{.name = "rank 2", .training = asked.training}},
                           .checkpoints = {2},
                           .continued = true,
                           .merged = true,
                           .copies = true,
                           .random = true,
                           .representations = {"activations", "flattened"},
                           .regret = true};
  benchmark.members[0].training.rank = 2;
  asked.questions.benchmark = benchmark;
  const StudyReport report = run_study(asked);
  EXPECT_EQ(report.trained, 6U + 6U + 3U * 3U);
  const StudyTable& found = table(report, "benchmark");
  ASSERT_EQ(found.rows.size(), 3U);  // two representations, and chance
  EXPECT_EQ(words(found, 0, "representation"), "activations");
  EXPECT_EQ(number(found, 0, "recall@1"), 1);
  EXPECT_GT(number(found, 0, "recall@5"), 0.6);
  EXPECT_GE(number(found, 0, "regret"), 0);
  EXPECT_LT(number(found, 0, "regret"), number(found, 2, "regret"));
  EXPECT_EQ(words(found, 2, "representation"), "a variant by chance");
  // In weights kin are near, whatever they were trained on; 0.5 is chance.
  EXPECT_GT(number(found, 1, "kin AUC"), 0.8);
  EXPECT_EQ(found.rows[0][column(found, "bytes")], Cell(std::int64_t{4 * 64}));
  EXPECT_EQ(found.rows[1][column(found, "bytes")], Cell(std::int64_t{8 * (6 + 3 * 6)}));
  EXPECT_EQ(run_study(asked).trained, 0U);

  asked.training.schedule = "linear";
  EXPECT_THAT(message_of([&] { run_study(asked); }), HasSubstr("questions.benchmark.checkpoints"));
}

// Beside the adapters themselves, on what they make of a module.
TEST_F(Questions, MadeAdaptersAreWhatTheySay) {
  const auto base_model = model::Checkpoint::open(base());
  const std::vector<ModelRef> pool = train_pool();
  const auto delta = [&](const fs::path& path) {
    const auto opened = adapter::Adapter::open(path, *base_model);
    const adapter::LowRank pair = opened->lora(opened->lora_sites().front());
    return at::mm(pair.b.to(at::kDouble), pair.a.to(at::kDouble)) * pair.scale;
  };
  const at::Tensor one = delta(pool[0].path), other = delta(pool[2].path);
  write_random_like(pool[0].path, *base_model, 1, folder_ / "random");
  const at::Tensor random = delta(folder_ / "random");
  EXPECT_NEAR((random.norm() / one.norm()).item<double>(), 1, 1e-5);  // written in float32
  EXPECT_LT(std::abs((random * one).sum().item<double>()), 0.5 * (one * one).sum().item<double>());
  write_mean_of(pool[0].path, pool[2].path, *base_model, folder_ / "mean");
  EXPECT_LT((delta(folder_ / "mean") - (one + other) / 2).norm().item<double>(), 1e-6 * one.norm().item<double>());
  write_resaved(pool[0].path, *base_model, folder_ / "copy");
  EXPECT_LT((delta(folder_ / "copy") - one).norm().item<double>(), 2e-3 * one.norm().item<double>());  // float16
}

TEST(RetrievalFigures, AreTheirDefinitions) {
  const std::vector<Candidate> candidates = {{0.9, true}, {0.1, true}, {0.5, false}, {{}, true}, {0.4, true}};
  EXPECT_EQ(recall_at(candidates, 1), 1);
  EXPECT_EQ(recall_at(candidates, 2), 0.5);
  EXPECT_EQ(recall_at(candidates, 5), 0.75);  // three of four: one has no score
  EXPECT_FALSE(recall_at(std::vector<Candidate>{{0.5, false}}, 1));
  // sklearn.metrics.roc_auc_score([1, 0, 1, 0, 1, 0], [0.9, 0.9, 0.4, 0.3, 0.2, 0.1]) is 0.6111…: 5.5 of 9 pairs
  const std::vector<Candidate> pairs = {{0.9, true},  {0.9, false}, {0.4, true},
                                        {0.3, false}, {0.2, true},  {0.1, false}};
  EXPECT_NEAR(auc(pairs).value(), 5.5 / 9, 1e-12);
  EXPECT_FALSE(auc(std::vector<Candidate>{{0.5, true}}));
}

// The completion that is rejected is the next example's which differs.
TEST_F(Questions, PreferencesAreMadeOfCompletions) {
  const Part part{"p", "p", (folder_ / "p.jsonl").string()};
  std::ofstream(part.file) << R"({"prompt": "1", "completion": "a"}
{"prompt": "2", "completion": "a"}
{"prompt": "3", "completion": "b"}
)";
  std::vector<std::string> rejected;
  for (const auto& row : training::read_rows(write_preferences(part, 0), training::RowKind::kPreference)) {
    EXPECT_NE(row.completions[0], row.completions[1]);
    rejected.push_back(row.completions[1]);
  }
  EXPECT_THAT(rejected, ElementsAre("b", "b", "a"));
  EXPECT_THAT(message_of([&] { write_preferences(part, 2); }), HasSubstr("none to reject"));
}

// Beside the logits themselves: with x of every direction the gain is 1, and a row's is that of its logits.
TEST_F(Questions, TheHeadReadsWhatMovesItsLogits) {
  const auto model = model::Checkpoint::open(base());
  const HeadReading end(*model, true), stream(*model, false);
  const std::int64_t hidden = model->spec().hidden;
  EXPECT_NEAR(end.gain(at::eye(hidden, at::kDouble)), 1, 1e-12);
  EXPECT_NEAR(stream.inside(at::eye(hidden, at::kDouble)), stream.chance(), 1e-12);
  const model::Module table = model->spec().tied_head ? model::Module::kEmbed : model::Module::kHead;
  const at::Tensor weight = model->load({table}, model::Param::kWeight, at::kDouble);
  const at::Tensor centred = weight - weight.mean(0, true);
  const at::Tensor norm = model->load({model::Module::kFinalNorm}, model::Param::kWeight, at::kDouble);
  const at::Tensor x = at::arange(1, hidden + 1, at::kDouble).sin().unsqueeze(0);
  const auto gain = [&](const at::Tensor& w) {
    const at::Tensor logits = at::mm(x, w.t());
    return (logits.square().sum() / x.square().sum() / (w.square().sum() / static_cast<double>(hidden))).item<double>();
  };
  EXPECT_NEAR(end.gain(x), gain(centred), 1e-9);
  EXPECT_NEAR(stream.gain(x), gain(centred * norm), 1e-9);
}

}  // namespace
}  // namespace deltascape::study
