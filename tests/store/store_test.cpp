// Specifies the store: what comes back is what went in, under which names, and which rows may be compared.
#include "store/store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <limits>

#include "store/names.h"
#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(StoreTest, KeepsEveryField) {
  Record one = sample("law-1", 1), all = sample("org/name", 2), still = sample("still", 3);
  all.space.parameters["layer"] = "all";
  all.layers = 3;
  all.per_probe.clear();
  all.mean.assign(12, -0.0f);
  all.standard_error.assign(12, std::numeric_limits<float>::denorm_min());
  still.mean.assign(4, 0);
  still.no_effect = true;
  still.label = "";
  {
    const auto store = create();
    for (const Record& r : {one, all, still}) store->put(r);
  }
  const auto store = read();
  EXPECT_THAT(store->names(), ElementsAre("law-1", "org/name", "still"));
  const std::vector<Record> back = store->records();
  ASSERT_EQ(back.size(), 3u);
  expect_equal(back[0], one);
  expect_equal(back[1], all);
  expect_equal(back[2], still);
  EXPECT_EQ(back[0].per_probe, one.per_probe);
  EXPECT_EQ(back[0].standard_error, one.standard_error);
  EXPECT_EQ(back[1].standard_error, all.standard_error);
  expect_equal(store->get("law-1"), one);
}

TEST_F(StoreTest, BlobsAreLittleEndianFloats) {
  create()->put(sample("a", 3));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db, "SELECT hex(mean) FROM vector", -1, &statement, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
  EXPECT_STREQ(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)), "0000803F000000400000404000008040");
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

TEST_F(StoreTest, TheSameContentIsReplacedAndKeepsNameAndLabel) {
  const auto store = create();
  store->put(sample("first", 1));
  Record again = sample("second", 1);
  again.label = "";
  again.norm = 42;
  EXPECT_EQ(store->name_of(again.variant_hash), "first");
  store->put(again);
  EXPECT_THAT(store->names(), ElementsAre("first"));
  EXPECT_EQ(store->get("first").norm, 42);
  EXPECT_EQ(store->get("first").label, "law");
  again.label = "other";
  store->put(again);
  EXPECT_EQ(store->get("first").label, "other");

  again.space.parameters["layer"] = "3";  // the same variant in another space
  const Store::Kept kept = store->put(again);
  EXPECT_EQ(kept.name, "first");
  EXPECT_FALSE(kept.replaced);
  EXPECT_THAT(store->names(), ElementsAre("first"));
  EXPECT_EQ(store->records().size(), 2u);
  EXPECT_FALSE(store->name_of("nobody's"));
}

TEST_F(StoreTest, ANameOfOtherContentIsRefused) {
  const auto store = create();
  store->put(sample("a", 1));
  const Thrown thrown = thrown_by([&] { store->put(sample("a", 2)); });
  EXPECT_EQ(thrown.code, ErrorCode::kMismatch);
  EXPECT_THAT(thrown.message, HasSubstr("other content by this name"));
  EXPECT_EQ(store->get("a").variant_hash, "hash-1");
}

TEST_F(StoreTest, NamesMayBeGivenByTheirEnd) {
  const auto store = create();
  store->put(sample("pool/law-1", 1));
  store->put(sample("other/law-1", 2));
  store->put(sample("org/math", 3));
  EXPECT_EQ(store->get("math").name, "org/math");
  const Thrown both = thrown_by([&] { store->get("law-1"); });
  EXPECT_EQ(both.code, ErrorCode::kUsage);
  EXPECT_THAT(both.message, HasSubstr("\"law-1\" could be \"other/law-1\", \"pool/law-1\"; give more of the name"));
  const Thrown typo = thrown_by([&] { store->get("org/mahts"); });
  EXPECT_EQ(typo.code, ErrorCode::kNotFound);
  EXPECT_THAT(typo.message, HasSubstr("did you mean \"org/math\"?"));
  EXPECT_THAT(thrown_by([&] { store->get("something-else"); }).message, HasSubstr("`deltascape ls` lists the names"));
  EXPECT_THAT(thrown_by([&] { store->get("'; DROP TABLE variant; --"); }).code, ErrorCode::kNotFound);
}

TEST_F(StoreTest, RowsAreRemovedAndLabelled) {
  const auto store = create();
  store->put(sample("pool/a", 1));
  store->put(sample("b", 2));
  store->set_labels({{store->resolve("a"), "new \"label\""}});
  EXPECT_EQ(store->get("pool/a").label, "new \"label\"");
  store->remove({Query().of("pool/a")});
  EXPECT_THAT(store->names(), ElementsAre("b"));
  EXPECT_EQ(thrown_by([&] { store->resolve("a"); }).code, ErrorCode::kNotFound);
}

TEST_F(StoreTest, NumbersThatAreNoneAreRefused) {
  const auto store = create();
  Record r = sample("a");
  r.mean[2] = std::numeric_limits<float>::quiet_NaN();
  const Thrown thrown = thrown_by([&] { store->put(r); });
  EXPECT_EQ(thrown.code, ErrorCode::kNumeric);
  EXPECT_THAT(thrown.message, HasSubstr("a: mean: the embedding holds NaN or Inf"));
  r = sample("a");
  r.mean.pop_back();
  EXPECT_THAT(thrown_by([&] { store->put(r); }).message, HasSubstr("expected 4 values, found 3"));
  EXPECT_TRUE(store->names().empty());
}

TEST_F(StoreTest, LeavesNoFilesBesideIt) {
  create()->put(sample("a"));
  read()->records();
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(file().parent_path()))
    left.push_back(entry.path().filename());
  EXPECT_THAT(left, ElementsAre("s.db"));
}

TEST_F(StoreTest, ReadersSeeWhatAWriterHasDone) {
  const auto writer = create();
  writer->put(sample("a", 1));
  const auto reader = read();
  writer->put(sample("b", 2));
  EXPECT_THAT(reader->names(), ElementsAre("a", "b"));
  EXPECT_EQ(thrown_by([&] { reader->put(sample("c", 3)); }).code, ErrorCode::kIo);
}

TEST(RequireComparable, NamesTheFieldAndTwoRows) {
  const Record a = sample("a", 1);
  require_comparable({});
  require_comparable({a});
  const std::pair<const char*, std::string& (*)(Space&)> fields[] = {
      {"base", [](Space& s) -> std::string& { return s.base; }},
      {"tokenizer", [](Space& s) -> std::string& { return s.tokenizer; }},
      {"representation", [](Space& s) -> std::string& { return s.representation; }},
      {"probes", [](Space& s) -> std::string& { return s.parameters["probes"]; }},
      {"layer", [](Space& s) -> std::string& { return s.parameters["layer"]; }},
      {"position", [](Space& s) -> std::string& { return s.parameters["position"]; }},
      {"fraction", [](Space& s) -> std::string& { return s.parameters["fraction"]; }}};
  for (const auto& [field, value_of] : fields) {
    Record b = sample("b", 2);
    value_of(b.space) = "other";
    const Thrown thrown = thrown_by([&] { require_comparable({a, sample("c", 3), b}); });
    EXPECT_FALSE(comparable(a, b));
    EXPECT_EQ(thrown.code, ErrorCode::kMismatch);
    EXPECT_THAT(thrown.message, HasSubstr(std::string("\"a\" and \"b\" differ in their ") + field));
    EXPECT_THAT(thrown.message, HasSubstr("other"));
  }
  Record other_name = sample("b", 2);
  other_name.space.base_name = "elsewhere/tiny";
  require_comparable({a, other_name});
}

TEST(RequireComparable, PrecisionsMixButForBf16) {
  std::vector<Record> records = {sample("a", 1), sample("b", 2), sample("c", 3)};
  records[0].precision = "fp64";
  records[2].precision = "delta";
  require_comparable(records);
  records[2].precision = "bf16";
  EXPECT_THAT(thrown_by([&] { require_comparable(records); }).message,
              HasSubstr("\"a\" and \"c\" differ in their precision"));
}

TEST_F(StoreTest, UniqueNamesTakeParentsUntilTheyDiffer) {
  std::filesystem::create_directories(file("x/pool/law-1"));
  const std::string path = file("x/pool/law-1").string();
  std::vector<std::string> held;
  const auto taken = [&](const std::string& name) { return std::count(held.begin(), held.end(), name) > 0; };
  EXPECT_EQ(unique_name(path, taken), "law-1");
  EXPECT_EQ(unique_name(path + "/", taken), "law-1");
  EXPECT_EQ(unique_name(path + "/../law-1/.", taken), "law-1");
  held = {"law-1"};
  EXPECT_EQ(unique_name(path, taken), "pool/law-1");
  held = {"law-1", "pool/law-1"};
  EXPECT_EQ(unique_name(path, taken), "x/pool/law-1");
  EXPECT_EQ(unique_name(path, [](const std::string& n) { return !n.ends_with("-2"); }), "law-1-2");

  EXPECT_EQ(unique_name("org/name@main", taken), "org/name");
  held = {"org/name"};
  EXPECT_EQ(unique_name("org/name@main", taken), "org/name@main");
  EXPECT_EQ(unique_name("org/name", taken), "org/name-2");
  held = {"org/name", "org/name@main"};
  EXPECT_EQ(unique_name("org/name@main", taken), "org/name-2");
}

}  // namespace
}  // namespace deltascape::store
