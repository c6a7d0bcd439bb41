// Specifies what leaves a store (npz, CSV, TSV, JSON) and what comes in (stores, npz).
#include <gmock/gmock.h>

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/npz.h"
#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Exchange : public StoreTest {
 protected:
  std::string text(const std::string& name) const {
    std::ifstream in(file(name));
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
};

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, separator);) out.push_back(cell);
  return out;
}

TEST_F(Exchange, NpzHasTheArraysOfTheDesign) {
  write_embeddings_npz({sample("law-1", 1), sample("法律", 2)}, file("out.npz"));
  const auto arrays = io::read_npz(file("out.npz"));
  EXPECT_EQ(arrays.size(), 7u);
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("labels").values), ElementsAre("law", "law"));
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("paths").values),
              ElementsAre("adapters/law-1", "adapters/法律"));
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("layers").values), ElementsAre("last"));
  EXPECT_THAT(arrays.at("embeddings").shape, ElementsAre(2, 4));
  EXPECT_EQ(std::get<std::vector<float>>(arrays.at("embeddings").values)[4], sample("", 2).mean[0]);
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("model_names").values), ElementsAre("law-1", "法律"));
  EXPECT_THAT(arrays.at("base_model").shape, IsEmpty());
  EXPECT_THAT(std::get<std::vector<std::string>>(arrays.at("base_model").values), ElementsAre("tiny"));
  EXPECT_THAT(arrays.at("probe_info").shape, IsEmpty());
  const auto info = nlohmann::json::parse(std::get<std::vector<std::string>>(arrays.at("probe_info").values).at(0));
  EXPECT_EQ(info["comparable"]["probes"], "pro");
}

TEST_F(Exchange, NpzWithAllLayersHasThreeAxes) {
  Record r = sample("a");
  r.layers = 3;
  r.mean.assign(12, 1);
  r.per_probe.clear();
  r.standard_error.clear();
  write_embeddings_npz({r}, file("out.npz"));
  EXPECT_THAT(io::read_npz(file("out.npz")).at("embeddings").shape, ElementsAre(1, 3, 4));
  EXPECT_THAT(std::get<std::vector<std::string>>(io::read_npz(file("out.npz")).at("layers").values),
              ElementsAre("0", "1", "last"));
  const auto store = create();
  import_into(*store, file("out.npz"));
  r.created.clear();  // no time of day in an npz
  expect_equal(store->get("a"), r);
}

TEST_F(Exchange, NpzRoundTripsAllButProbes) {
  std::vector<Record> records = {sample("a", 1), sample("b", 2), sample("c", 3)};
  records[1].label = "";
  records[2].no_effect = true;
  records[2].mean.assign(4, 0);
  export_records(records, file("out.npz"));
  const auto store = create();
  const ImportReport report = import_into(*store, file("out.npz"));
  EXPECT_THAT(report.added, ElementsAre("a", "b", "c"));
  const std::vector<Record> back = store->records();
  ASSERT_EQ(back.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    records[i].created.clear();
    expect_equal(back[i], records[i]);
  }
  std::vector<Record> mixed = back;  // and the rows compare with those they come from
  mixed.push_back(sample("d", 4));
  require_comparable(mixed);
}

TEST_F(Exchange, NpzOfSeveralBasesIsRefused) {
  std::vector<Record> records = {sample("a", 1), sample("b", 2)};
  records[1].space.base = "another";
  const Thrown thrown = thrown_by([&] { write_embeddings_npz(records, file("out.npz")); });
  EXPECT_EQ(thrown.code, ErrorCode::kUsage);
  EXPECT_THAT(thrown.message, HasSubstr("one npz holds the rows of one base"));
  EXPECT_FALSE(std::filesystem::exists(file("out.npz")));
}

TEST_F(Exchange, AnNpzOfSomebodyElse) {
  io::write_npz(file("theirs.npz"), {{"embeddings", {.shape = {2, 3}, .values = std::vector<double>{1, 2, 3, 4, 5, 6}}},
                                     {"model_names", {.shape = {2}, .values = std::vector<std::string>{"x", "y"}}},
                                     {"base_model", {.shape = {}, .values = std::vector<std::string>{"org/base"}}}});
  const auto store = create();
  EXPECT_THAT(import_into(*store, file("theirs.npz")).added, ElementsAre("x", "y"));
  EXPECT_THAT(import_into(*store, file("theirs.npz")).replaced, ElementsAre("x", "y"));
  EXPECT_THAT(store->get("y").mean, ElementsAre(4, 5, 6));
  EXPECT_NEAR(store->get("x").norm, std::sqrt(14.0), 1e-12);
  require_comparable(store->records());
  store->put(sample("ours"));
  EXPECT_EQ(thrown_by([&] { require_comparable(store->records()); }).code, ErrorCode::kMismatch);
}

TEST_F(Exchange, AnNpzThatDoesNotFitIsOneClearLine) {
  const auto store = create();
  const auto refusal = [&](const std::map<std::string, io::NpyArray>& arrays) {
    io::write_npz(file("bad.npz"), arrays);
    return thrown_by([&] { import_into(*store, file("bad.npz")); });
  };
  const io::NpyArray names = {.shape = {2}, .values = std::vector<std::string>{"x", "y"}};
  EXPECT_THAT(refusal({{"model_names", names}}).message, HasSubstr("embeddings: an npz without this array"));
  EXPECT_THAT(
      refusal({{"embeddings", {.shape = {3, 1}, .values = std::vector<float>(3)}}, {"model_names", names}}).message,
      HasSubstr("expected [2,d] or [2,layers,d], found [3,1]"));
  EXPECT_THAT(
      refusal({{"embeddings", {.shape = {2, 1}, .values = std::vector<std::int64_t>(2)}}, {"model_names", names}})
          .message,
      HasSubstr("holds no floating-point numbers"));
  const Thrown not_finite =
      refusal({{"embeddings", {.shape = {2, 1}, .values = std::vector<float>{1, NAN}}}, {"model_names", names}});
  EXPECT_EQ(not_finite.code, ErrorCode::kNumeric);
  EXPECT_THAT(not_finite.message, HasSubstr("bad.npz: embeddings: "));
  const io::NpyArray embeddings = {.shape = {2, 1}, .values = std::vector<float>{1, 2}};
  const auto with_info = [&](const std::string& text) {
    return refusal({{"embeddings", embeddings},
                    {"model_names", names},
                    {"probe_info", {.shape = {}, .values = std::vector<std::string>{text}}}});
  };
  EXPECT_THAT(with_info("{\"rows\": [").message, HasSubstr("bad.npz: probe_info: invalid JSON"));
  EXPECT_THAT(with_info("{\"rows\": " + std::string(100, '[')).message, HasSubstr("nesting deeper than"));
  EXPECT_TRUE(store->names().empty() || store->names().size() == 1u);
}

TEST_F(Exchange, StoresMerge) {
  {
    const auto shard = create("shard.db");
    shard->put(sample("same", 1));
    shard->put(sample("new", 2));
    shard->put(sample("clash", 3));
  }
  const auto store = create();
  store->put(sample("renamed-by-hand", 1));
  store->put(sample("clash", 4));
  const ImportReport report = import_into(*store, file("shard.db"));
  EXPECT_THAT(report.added, ElementsAre("clash-2", "new"));  // a renamed row is an added one
  EXPECT_THAT(report.replaced, ElementsAre("renamed-by-hand"));
  EXPECT_THAT(report.renamed, ElementsAre("clash -> clash-2"));
  EXPECT_THAT(store->names(), ElementsAre("clash", "clash-2", "new", "renamed-by-hand"));
  EXPECT_EQ(store->get("new").per_probe, sample("", 2).per_probe);
  EXPECT_EQ(store->get("same").name, "renamed-by-hand");  // the name it has elsewhere
  EXPECT_EQ(thrown_by([&] { import_into(*store, file("none.db")); }).code, ErrorCode::kNotFound);
}

// An npz has no standard errors: taken back in, it must not wipe them.
TEST_F(Exchange, AMeasurementStaysWhereTheImportedOneKnowsLess) {
  const auto store = create();
  store->put(sample("a"));
  const Record before = store->get("a");
  store::export_records(store->records(), file("out.npz"));
  EXPECT_THAT(import_into(*store, file("out.npz")).replaced, ElementsAre("a"));
  expect_equal(store->get("a"), before);
  Record other = sample("a");  // another embedding takes its place
  other.mean[0] += 1;
  other.per_probe.clear();
  other.standard_error.clear();
  import_into(*store, {other});
  EXPECT_EQ(store->get("a").mean, other.mean);
  EXPECT_FALSE(known_spread(store->get("a")));
}

TEST_F(Exchange, TheSameRecordsGiveTheSameNpzAtAnyTime) {
  std::vector<Record> records = {sample("a", 1), sample("b", 2)};
  write_embeddings_npz(records, file("one.npz"));
  for (Record& r : records) r.created = "2031-12-31T23:59:59Z";
  write_embeddings_npz(records, file("two.npz"));
  EXPECT_EQ(text("one.npz"), text("two.npz"));
}

TEST_F(Exchange, AnNpzOfSomebodyElseMayBringLabelsAndPaths) {
  io::write_npz(file("theirs.npz"), {{"embeddings", {.shape = {2, 2}, .values = std::vector<double>{1, 2, 3, 4}}},
                                     {"model_names", {.shape = {2}, .values = std::vector<std::string>{"x", "y"}}},
                                     {"labels", {.shape = {2}, .values = std::vector<std::string>{"law", ""}}},
                                     {"paths", {.shape = {1}, .values = std::vector<std::string>{"/too-few"}}}});
  std::vector<Record> records;
  records_of(file("theirs.npz"))([&](Record r) { records.push_back(std::move(r)); });
  EXPECT_EQ(records[0].label, "law");
  EXPECT_EQ(records[1].label, "");
  EXPECT_EQ(records[0].path, file("theirs.npz"));
}

TEST_F(Exchange, ThousandsOfOneNameAreNoLongWork) {
  std::vector<Record> records;
  for (int i = 0; i < 3000; ++i) records.push_back(sample("same", i));
  const auto store = create();
  const ImportReport report = import_into(*store, records);
  EXPECT_EQ(report.added.size(), 3000u);
  EXPECT_EQ(report.renamed.size(), 2999u);
  EXPECT_EQ(report.added.back(), "same-3000");
  EXPECT_EQ(import_into(*store, std::move(records)).replaced.size(), 3000u);
}

TEST_F(Exchange, NumbersThatAreNotKnownAreEmptyAndNull) {
  Record r = sample("a");
  r.relative_norm = r.numeric_error = 0;
  r.probe_count = 0;
  r.per_probe.clear();
  r.standard_error.clear();
  export_records({r}, file("out.tsv"));
  const std::vector<std::string> lines = split(text("out.tsv"), '\n');
  const std::vector<std::string> titles = split(lines.at(0), '\t'), cells = split(lines.at(1), '\t');
  for (std::size_t i = 0; i < titles.size(); ++i)
    if (titles[i] == "relative_norm" || titles[i] == "numeric_error") {
      EXPECT_EQ(cells.at(i), "") << titles[i];
    }
  export_records({r}, file("out.json"));
  const nlohmann::json row = nlohmann::json::parse(text("out.json"))["records"][0];
  for (const char* key : {"relative_norm", "numeric_error", "probe_count", "standard_error"})
    EXPECT_TRUE(row[key].is_null()) << key;
  EXPECT_TRUE(row["norm"].is_number());
  Record still = sample("still");
  still.mean.assign(4, 0);
  still.norm = still.relative_norm = 0;  // this zero is known
  export_records({still}, file("still.json"));
  EXPECT_EQ(nlohmann::json::parse(text("still.json"))["records"][0]["relative_norm"], 0.0);
}

TEST_F(Exchange, OneLayerOfAll) {
  Record r = sample("a");
  r.space.parameters["layer"] = "all";
  r.layers = 3;
  r.per_probe.clear();
  r.mean = {0, 0, 0, 0, 3, 4, 0, 0, 1, 1, 1, 1};
  r.standard_error = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
  r.norm = 2;
  const Record middle = one_layer(r, 1), last = one_layer(r, 2), first = one_layer(r, 0);
  EXPECT_EQ(middle.space.parameter("layer"), "1");
  EXPECT_EQ(middle.layers, 1);
  EXPECT_THAT(middle.mean, ElementsAre(3, 4, 0, 0));
  EXPECT_THAT(middle.standard_error, ElementsAre(1, 2, 3, 4));
  EXPECT_DOUBLE_EQ(middle.norm, 5);
  EXPECT_FALSE(known_relative_norm(middle));
  EXPECT_TRUE(first.no_effect);
  EXPECT_EQ(last.space.parameter("layer"), "last");
  EXPECT_EQ(last.norm, 2);
  EXPECT_EQ(known_relative_norm(last), r.relative_norm);
}

TEST_F(Exchange, CsvAndTsvHoldEveryValueExactly) {
  std::vector<Record> records = {sample("a", 1), sample("b, \"quoted\"", 2)};
  records[0].mean[0] = 0.1f;
  export_records(records, file("out.csv"));
  export_records(records, file("out.tsv"));
  const std::vector<std::string> lines = split(text("out.tsv"), '\n');
  ASSERT_EQ(lines.size(), 3u);
  const std::vector<std::string> titles = split(lines[0], '\t'), cells = split(lines[1], '\t');
  ASSERT_EQ(titles.size(), cells.size());
  EXPECT_EQ(titles[0], "name");
  EXPECT_EQ(titles.back(), "v3");
  for (int i = 0; i < 4; ++i) {
    const std::string& cell = cells[cells.size() - 4 + static_cast<std::size_t>(i)];
    float value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    EXPECT_EQ(value, records[0].mean[static_cast<std::size_t>(i)]);
  }
  EXPECT_THAT(text("out.csv"), HasSubstr("\n\"b, \"\"quoted\"\"\",law,"));
  EXPECT_THAT(text("out.csv"), HasSubstr(",false,0.1,"));
}

TEST_F(Exchange, JsonHoldsEveryField) {
  export_records({sample("a", 1), sample("\xff", 2)}, file("out.json"));
  const auto json = nlohmann::json::parse(text("out.json"));
  ASSERT_EQ(json["records"].size(), 2u);
  const nlohmann::json& row = json["records"][0];
  EXPECT_EQ(row["name"], "a");
  EXPECT_EQ(row["base"], "base-hash");
  EXPECT_EQ(row["variant_hash"], "hash-1");
  EXPECT_EQ(row["embedding"].get<std::vector<float>>(), sample("", 1).mean);
  EXPECT_EQ(row["per_probe"].get<std::vector<float>>(), sample("", 1).per_probe);
  EXPECT_EQ(row["norm"].get<double>(), sample("", 1).norm);
}

TEST_F(Exchange, OtherSuffixesSayWhichThereAre) {
  const Thrown thrown = thrown_by([&] { export_records({sample("a")}, file("out.xlsx")); });
  EXPECT_EQ(thrown.code, ErrorCode::kUsage);
  EXPECT_THAT(thrown.message, HasSubstr(".npz, .csv, .tsv or .json"));
}

}  // namespace
}  // namespace deltascape::store
