// Names, the store and the npz of one embed run, with records made by hand.
#include "deltascape/embed_results.h"

#include <gmock/gmock.h>

#include "deltascape/error.h"
#include "io/npz.h"
#include "notes.h"
#include "working_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

store::Record record(const std::string& path, const std::string& hash, const std::string& base = "tiny") {
  store::Record r;
  r.path = path;
  r.name = fs::path(path).filename().string();
  r.variant_hash = hash;
  r.space = {.representation = "activations",
             .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "probes"}},
             .base = "hash of " + base,
             .base_name = base,
             .tokenizer = "tok"};
  r.program_version = "0";
  r.device = "cpu";
  r.precision = "fp32";
  r.created = "2025-01-01T00:00:00Z";
  r.probe_count = 1;
  r.dim = 2;
  r.per_probe = r.mean = {3, 4};
  r.standard_error = {0, 2};
  r.norm = 5;
  return r;
}

class EmbedResultsTest : public testing::WorkingFolder {
 protected:
  void SetUp() override {
    WorkingFolder::SetUp();
    for (const char* path : {"a/law", "b/law", "c/law"}) fs::create_directories(path);
  }
  static std::vector<std::string> names(const EmbedResults& results) {
    std::vector<std::string> out;
    for (const store::Record& row : results.rows()) out.push_back(row.name);
    return out;
  }
  const std::vector<ModelRef> models_ = {{"a/law", "", "law"}, {"b/law", "", "law"}, {"c/law", "", "law"}};
};

TEST_F(EmbedResultsTest, ACollisionTakesParentComponents) {
  EmbedResults results({"s.db", ""}, models_);
  results.add(record("a/law", "1"));
  results.add(record("b/law", "2"));
  EXPECT_THAT(names(results), ElementsAre("law", "b/law"));
  EXPECT_THAT(store::Store::open("s.db", store::Store::Mode::kRead)->names(), ElementsAre("b/law", "law"));
}

TEST_F(EmbedResultsTest, TheSameContentKeepsItsName) {
  EmbedResults({"s.db", ""}, models_).add(record("a/law", "1"));
  EmbedResults again({"s.db", ""}, models_);
  again.add(record("b/law", "1"));
  again.add(record("c/law", "3"));
  EXPECT_THAT(names(again), ElementsAre("law", "c/law"));
  EXPECT_THAT(store::Store::open("s.db", store::Store::Mode::kRead)->names(), ElementsAre("c/law", "law"));
}

TEST_F(EmbedResultsTest, AStoreHoldsTheSameContentOnce) {
  EmbedResults results({"s.db", "out.npz"}, models_);
  for (const auto& [path, hash] : {std::pair{"a/law", "1"}, std::pair{"b/law", "1"}, std::pair{"c/law", "2"}})
    results.add(record(path, hash));
  results.finish();
  EXPECT_THAT(names(results), ElementsAre("law", "c/law"));
  EXPECT_THAT(io::read_npz("out.npz").at("embeddings").shape, ElementsAre(2, 2));
}

TEST_F(EmbedResultsTest, AnNpzAloneHasARowForEveryPath) {
  EmbedResults results({"", "out.npz"}, models_);
  for (const auto& [path, hash] : {std::pair{"a/law", "1"}, std::pair{"b/law", "1"}, std::pair{"a/law", "1"}})
    results.add(record(path, hash));
  results.finish();
  EXPECT_THAT(names(results), ElementsAre("law", "b/law"));  // the path given twice is one row
  EXPECT_THAT(io::read_npz("out.npz").at("embeddings").shape, ElementsAre(2, 2));
}

TEST_F(EmbedResultsTest, ResultsComeInTheOrderGiven) {
  EmbedResults results({"s.db", "out.npz"}, models_);
  for (const auto& [path, hash] : {std::pair{"c/law", "3"}, std::pair{"a/law", "1"}, std::pair{"b/law", "2"}})
    results.add(record(path, hash));  // as bases and groups happen to finish
  results.finish();
  EXPECT_THAT(names(results), ElementsAre("a/law", "b/law", "law"));
  const auto arrays = io::read_npz("out.npz");
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("model_names").values),
              ElementsAre("a/law", "b/law", "law"));
}

TEST_F(EmbedResultsTest, PathsAreStoredAbsolute) {
  EmbedResults({"s.db", ""}, models_).add(record("a/law", "1"));
  const auto store = store::Store::open("s.db", store::Store::Mode::kRead);
  EXPECT_EQ(store->get("law").path, (fs::current_path() / "a/law").string());
  EXPECT_EQ(store->get("a/law").name, "law");
}

TEST_F(EmbedResultsTest, AModelTrainedAgainReplacesItsRow) {
  EmbedResults({"s.db", ""}, models_).add(record("a/law", "1"));
  EmbedResults again({"s.db", ""}, models_);
  again.add(record("a/law", "2"));
  EXPECT_THAT(names(again), ElementsAre("law"));
  const auto store = store::Store::open("s.db", store::Store::Mode::kRead);
  EXPECT_THAT(store->names(), ElementsAre("law"));
  EXPECT_EQ(store->get("law").variant_hash, "2");
}

TEST_F(EmbedResultsTest, WhatIsCalledOtherwiseIsNoted) {
  testing::Notes notes;
  EmbedResults({"s.db", ""}, models_).add(record("a/law", "1"));
  EmbedResults again({"s.db", ""}, models_, notes);
  again.add(record("a/law", "2"));
  again.add(record("b/law", "2"));
  EXPECT_THAT(notes.lines, ElementsAre(::testing::HasSubstr("other weights than before"),
                                       ::testing::HasSubstr("the same content as law: one row")));
}

TEST_F(EmbedResultsTest, OtherNamesOfAContentAreKept) {
  EmbedResults({"s.db", ""}, models_).add(record("a/law", "1"));
  store::Record other = record("b/law", "1");
  other.name = "civil";
  EmbedResults({"s.db", ""}, models_).add(other);
  const auto store = store::Store::open("s.db", store::Store::Mode::kRead);
  EXPECT_THAT(store->names(), ElementsAre("law"));
  EXPECT_EQ(store->get("civil").name, "law");
  EXPECT_EQ(store->get("a/law").name, "law");
}

TEST_F(EmbedResultsTest, ARunThatStoresNothingLeavesNoStore) {
  { const EmbedResults none({"s.db", ""}, models_); }
  EXPECT_FALSE(fs::exists("s.db"));
  EXPECT_TRUE(fs::is_empty("a/law"));
  { const EmbedResults empty_shard({"shard.db", ""}, {}); }
  EXPECT_TRUE(fs::exists("shard.db"));
  EXPECT_THROW(EmbedResults({"absent/s.db", ""}, models_), Error);
}

TEST_F(EmbedResultsTest, SummariesGiveLengths) {
  EmbedResults results({"", "out.npz"}, models_);
  results.add(record("a/law", "1"));
  EXPECT_EQ(results.rows().at(0).norm, 5);
  EXPECT_FALSE(store::known_spread(results.rows().at(0)));  // of one probe
  store::Record several = record("b/law", "2");
  several.probe_count = 2;
  several.per_probe = {3, 4, 3, 4};
  results.add(several);
  EXPECT_EQ(store::known_spread(results.rows().at(1)), 2);
}

TEST_F(EmbedResultsTest, OneNpzHoldsOneBase) {
  EmbedResults results({"s.db", "out.npz"}, models_);
  results.add(record("a/law", "1"));
  try {
    results.add(record("b/law", "2", "other"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
  }
}

TEST_F(EmbedResultsTest, ABadTargetIsSaidBeforeTheWork) {
  EXPECT_THROW(EmbedResults({"", "out.csv"}, models_), Error);
  EXPECT_THROW(EmbedResults({"", "absent/out.npz"}, models_), Error);
}

}  // namespace
}  // namespace deltascape
