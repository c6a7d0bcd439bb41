// Specifies a study's JSON file, its data, and the control examples that ship.
#include "study/study_file.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>

#include "deltascape/error.h"
#include "io/file.h"
#include "message_of.h"
#include "study/controls.h"
#include "study/study_data.h"
#include "temporary_folder.h"
#include "train/rows.h"
#include "train/settings.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class StudyFile : public deltascape::testing::FolderTest {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  void write_examples(const std::string& name, int count) const {
    std::string text = "\n";
    for (int i = 0; i < count; ++i) text += R"({"prompt": "p)" + std::to_string(i) + R"(", "completion": "c"})" + "\n";
    write(name, text);
  }
  StudyOptions two_domains() const {
    write_examples("a.jsonl", 11);
    write_examples("b.jsonl", 10);
    return read_study(write("study.json", R"({"base": "org/tiny", "domains": {"a": "a.jsonl", "b": "b.jsonl"},
      "splits": 2, "examples": 3, "tasks": 2, "held_out": 2, "out": "results",
      "training": {"learning_rate": 0.01, "targets": ["q_proj"], "epochs": 2, "max_steps": 5}})"));
  }
};

TEST_F(StudyFile, SaysWhatItDoesAndLeavesTheRest) {
  const StudyOptions options = two_domains();
  EXPECT_EQ(options.base, "org/tiny");
  EXPECT_EQ(options.out, (folder_ / "results").string());
  ASSERT_EQ(options.domains.size(), 2U);
  EXPECT_EQ(options.domains[0].file, (folder_ / "a.jsonl").string());
  EXPECT_EQ(options.training.learning_rate, 0.01);
  EXPECT_EQ(options.training.targets, std::vector<std::string>{"q_proj"});
  EXPECT_EQ(options.training.max_steps, 5);
  EXPECT_EQ(options.training.rank, TrainOptions().rank);
  EXPECT_EQ(options.few_shot.learning_rate, few_shot_training().learning_rate);
  EXPECT_TRUE(options.calibrate);
}

TEST_F(StudyFile, QuestionsStartFromTheStudysSettings) {
  write_examples("a.jsonl", 3);
  write("probes.txt", "One.\n");
  const StudyOptions options = read_study(write("study.json", R"({"base": "b", "domains": {"a": "a.jsonl"},
    "adapters": "shared", "training": {"rank": 3}, "few_shot": {"epochs": 7}, "questions": {"layer": "0.67",
    "variations": {"longer": {"training": {"epochs": 2}, "examples": 5}}, "few_shot": {"5": {"examples": 5}},
    "additivity": {"ia3": {"training": {"method": "ia3"}}}, "probes": {"mine": "probes.txt"}, "leave_one_out": true,
    "bases": {"org's": "org/other"}, "pool_sizes": [2, 4], "layers": true}})"));
  const StudyQuestions& asked = options.questions;
  EXPECT_EQ(options.adapters, (folder_ / "shared").string());
  EXPECT_EQ(asked.layer, "0.67");
  EXPECT_EQ(asked.variations.at(0).name, "longer");
  EXPECT_EQ(asked.variations.at(0).training.rank, 3);
  EXPECT_EQ(asked.variations.at(0).training.epochs, 2);
  EXPECT_EQ(asked.variations.at(0).examples, 5);
  EXPECT_EQ(asked.few_shot.at(0).training.epochs, 7);
  EXPECT_EQ(asked.additivity.at(0).training.method, "ia3");
  EXPECT_EQ(asked.probes.at(0).path, (folder_ / "probes.txt").string());
  EXPECT_EQ(asked.bases.at(0).path, "org/other");
  EXPECT_EQ(asked.pool_sizes, (std::vector<int>{2, 4}));
  EXPECT_TRUE(asked.leave_one_out && asked.layers);
  const auto message = [&](const std::string& questions) {
    return message_of([&] {
      read_study(write("study.json", R"({"base": "b", "domains": {"a": "a.jsonl"}, "questions": )" + questions + "}"));
    });
  };
  EXPECT_THAT(message(R"({"layer": "last", "why": 1})"), HasSubstr("study.json: questions.why"));
  EXPECT_THAT(message(R"({"variations": {"x": {"trainings": {}}}})"), HasSubstr("questions.variations.x.trainings"));
  EXPECT_THAT(message(R"({"variations": {"x": {"training": {"lr": 1}}}})"),
              HasSubstr("questions.variations.x.training.lr"));
  EXPECT_THAT(message(R"({"probes": {"x": "gone.txt"}})"), HasSubstr("questions.probes.x"));
  EXPECT_THAT(message(R"({"pool_sizes": [0]})"), HasSubstr("questions.pool_sizes"));
}

TEST_F(StudyFile, AFolderBesideItIsTheBase) {
  write_examples("a.jsonl", 3);
  fs::create_directory(folder_ / "base");
  const std::string file = write("study.json", R"({"base": "base", "domains": {"a": "a.jsonl"}})");
  EXPECT_EQ(read_study(file).base, (folder_ / "base").string());
}

TEST_F(StudyFile, MistakesNameFileAndKey) {
  write_examples("a.jsonl", 3);
  const auto message = [&](const std::string& text) {
    return message_of([&] { read_study(write("study.json", text)); });
  };
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "a.jsonl"}, "colour": 1})"),
              AllOf(HasSubstr("study.json: colour"), HasSubstr("no such field")));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "a.jsonl"}, "training": {"lr": 1}})"),
              AllOf(HasSubstr("study.json: training.lr"), HasSubstr("expected one of method, loss, rank")));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "a.jsonl"}, "few_shot": {"epochs": "three"}})"),
              HasSubstr("study.json: few_shot.epochs"));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "gone.jsonl"}})"),
              AllOf(HasSubstr("study.json: domains.a: no such file"), HasSubstr("gone.jsonl")));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"../a": "a.jsonl"}})"), HasSubstr("a domain's name is a word"));
  EXPECT_THAT(message(R"({"domains": {"a": "a.jsonl"}})"), HasSubstr("study.json: base"));
  EXPECT_THAT(message(R"({"base": "b"})"), HasSubstr("study.json: domains"));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "a.jsonl"}, "splits": 0})"), HasSubstr("study.json: splits"));
  EXPECT_THAT(message(R"({"base": "b", "domains": {"a": "a.jsonl"}, "positions": ["first"]})"),
              HasSubstr("study.json: positions"));
  EXPECT_THAT(message("{"), HasSubstr("study.json"));
  EXPECT_THAT(message_of([&] { read_study((folder_ / "none.json").string()); }), HasSubstr("none.json"));
}

TEST_F(StudyFile, SplitsAreDisjointAndTasksAreHeldOut) {
  const StudyOptions options = two_domains();
  fs::create_directory(folder_ / "examples");
  const Parts parts = write_parts(options, folder_ / "examples");
  std::map<std::string, std::vector<std::string>> prompts;
  for (const auto* list : {&parts.splits, &parts.tasks})
    for (const Part& part : *list)
      for (const training::Row& row : training::read_rows(part.file, training::RowKind::kCompletion))
        prompts[part.name].push_back(row.prompt);
  using Prompts = std::vector<std::string>;
  EXPECT_EQ(prompts.at("a-1"), (Prompts{"p0", "p2", "p4"}));
  EXPECT_EQ(prompts.at("a-2"), (Prompts{"p1", "p3", "p5"}));
  EXPECT_EQ(prompts.at("a-task-1"), (Prompts{"p7", "p8"}));
  EXPECT_EQ(prompts.at("a-task-2"), (Prompts{"p9", "p10"}));
  EXPECT_EQ(prompts.at("b-task-2"), (Prompts{"p8", "p9"}));
  EXPECT_EQ(prompts.size(), 8U);
  EXPECT_NO_THROW(write_parts(options, folder_ / "examples"));  // a study that goes on
}

TEST_F(StudyFile, ExamplesThatChangedOrDoNotSufficeAreRefused) {
  StudyOptions options = two_domains();
  fs::create_directory(folder_ / "examples");
  write_parts(options, folder_ / "examples");
  write_examples("a.jsonl", 12);
  EXPECT_THAT(message_of([&] { write_parts(options, folder_ / "examples"); }),
              AllOf(HasSubstr("a-task-1.jsonl"), HasSubstr("have changed")));
  options.held_out = 4;
  EXPECT_THAT(message_of([&] { write_parts(options, folder_ / "examples"); }),
              AllOf(HasSubstr("a.jsonl"), HasSubstr("expected 14, found 12")));
}

TEST_F(StudyFile, WhatDecidesTheAdaptersMayNotChange) {
  StudyOptions options = two_domains();
  const io::Json before = io::parse_json(configuration(options, "hash").dump(), "before");
  const auto key = [&](const StudyOptions& now, const std::string& base = "hash") {
    return differing_key(before, io::Json(configuration(now, base)));
  };
  EXPECT_EQ(key(options), "");
  EXPECT_EQ(key(options, "other"), "base_identity");
  StudyOptions changed = options;
  changed.training.epochs = 3;
  EXPECT_EQ(key(changed), "training.epochs");
  changed = options;
  changed.splits = 3;
  EXPECT_EQ(key(changed), "splits");
  changed = options;
  changed.calibrate = false;
  changed.positions = {"mean"};
  changed.domains.pop_back();
  EXPECT_EQ(key(changed), "");
}

TEST(TrainSettings, ReadWhatTheyWrite) {
  TrainOptions options;
  options.method = "ia3";
  options.learning_rate = 0.125;
  options.targets = {"a", "b"};
  options.batch = 7;
  options.shuffle = false;
  const io::Json json = training::settings_json(options);
  TrainOptions back;
  training::read_settings(io::JsonFields(json, "file"), back);
  EXPECT_EQ(training::settings_json(back), json);
  EXPECT_NE(training::settings_json(TrainOptions()), json);
}

TEST(Controls, AreTwentyExamplesEachAndNoneTwice) {
  const deltascape::testing::TemporaryFolder folder;
  const std::vector<TaskExamples> files = write_controls(folder.path());
  EXPECT_GE(files.size(), 3U);
  std::set<std::string> prompts;
  for (const TaskExamples& file : files) {
    const auto rows = training::read_rows(file.file, training::RowKind::kCompletion);
    EXPECT_EQ(rows.size(), 20U) << file.name;
    for (const training::Row& row : rows) EXPECT_TRUE(prompts.insert(row.prompt).second) << row.prompt;
  }
}

TEST(Controls, AreKeptByTheirSettings) {
  const deltascape::testing::TemporaryFolder folder;
  const fs::path file = folder.path() / "controls.db";
  TrainOptions training = few_shot_training();
  store::Record record;
  record.name = "advice";
  record.space = {.representation = "activations",
                  .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "p"}},
                  .base = "b",
                  .base_name = "base",
                  .tokenizer = "t"};
  record.variant_hash = "h1";
  record.precision = "fp32";
  record.probe_count = 1;
  record.dim = 2;
  record.per_probe = record.mean = {1, 2};
  record.standard_error = {0, 0};
  const ControlKey key = control_key(training);
  EXPECT_TRUE(kept_controls(file, key, record).empty());
  keep_control(file, key, record);
  training.learning_rate *= 2;
  const ControlKey other = control_key(training);
  record.variant_hash = "h2";
  keep_control(file, other, record);

  const auto kept = kept_controls(file, other, record);
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].name, "advice");
  EXPECT_EQ(kept[0].variant_hash, "h2");
  EXPECT_EQ(kept_controls(file, key, record).size(), 1U);
  record.space.base = "another";
  EXPECT_TRUE(kept_controls(file, key, record).empty());
}

}  // namespace
}  // namespace deltascape::study
