// Specifies under what a stored variant is found again: names, paths, and other names and paths of its content; and
// what the store keeps of a model that was trained again in place.
#include <gmock/gmock.h>

#include "store/names.h"
#include "store/store_testing.h"

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kByPath = Store::Replace::kContentOrPath;

class Aliases : public StoreTest {
 protected:
  Aliases() : came_from_(fs::current_path()) { fs::current_path(file().parent_path()); }
  ~Aliases() override { fs::current_path(came_from_); }

  // A record of content `seed` read from `path`, with the time of its making.
  static Record at(const std::string& name, int seed, const std::string& path, const std::string& layer = "last",
                   const std::string& created = "2026-01-01T00:00:00Z") {
    Record r = sample(name, seed);
    r.label.clear();
    r.path = path;
    r.space.parameters["layer"] = layer;
    r.created = created;
    return r;
  }
  static std::vector<std::string> found(const Store& store, const std::string& text) {
    std::vector<std::string> out;
    for (const Found& row : store.find(text)) out.push_back(row.name);
    return out;
  }

 private:
  fs::path came_from_;
};

TEST_F(Aliases, ANameAPathAndWhatTheContentWasCalledBefore) {
  const auto store = create();
  store->put(at("law", 1, "/pool/law"));
  Record again = at("law", 1, "/copies/civil");
  again.aliases = {"civil"};
  EXPECT_EQ(store->put(again, kByPath).name, "law");
  for (const char* text : {"law", "/pool/law", "/pool/x/../law/", "/copies/civil", "civil"})
    EXPECT_THAT(found(*store, text), ElementsAre("law")) << text;
  EXPECT_EQ(store->find("civil").front().path, "/copies/civil");
  EXPECT_THAT(store->get("civil").aliases, ElementsAre("/pool/law", "civil"));
  EXPECT_THAT(store->records().at(0).aliases, ElementsAre("/pool/law", "civil"));
  EXPECT_THAT(found(*store, "criminal"), IsEmpty());
  store->remove({Query().of(store->resolve("/pool/law"))});
  EXPECT_THAT(found(*store, "civil"), IsEmpty());  // aliases go with the content's last row
  store->put(at("new", 1, "/elsewhere"));
  EXPECT_THAT(store->get("new").aliases, IsEmpty());
}

TEST_F(Aliases, ARowsNameComesBeforeAnAlias) {
  const auto store = create();
  Record first = at("law", 1, "/pool/law");
  first.aliases = {"civil"};
  store->put(first);
  store->put(at("civil", 2, "/pool/civil"));
  EXPECT_THAT(found(*store, "civil"), ElementsAre("civil"));
  Record second = at("code", 3, "/pool/code");
  second.aliases = {"old"};
  first.aliases = {"old"};
  store->put(first);
  store->put(second);
  const Thrown both = thrown_by([&] { store->get("old"); });
  EXPECT_EQ(both.code, ErrorCode::kUsage);
  EXPECT_THAT(both.message, HasSubstr("\"old\" could be"));
}

TEST_F(Aliases, RelativePathsMeanThoseOfTheWorkingDirectory) {
  fs::create_directories("pool/law");
  const std::string absolute = stored_path("pool/law");
  EXPECT_EQ(absolute, (fs::current_path() / "pool/law").string());
  EXPECT_EQ(stored_path("./pool//law/"), absolute);
  EXPECT_EQ(stored_path("pool/../pool/law"), fs::canonical("pool/law").string());
  EXPECT_EQ(stored_path("org/name"), "org/name");
  EXPECT_EQ(stored_path("org/name@main"), "org/name@main");
  const auto store = create();
  store->put(at("x", 1, absolute), kByPath);
  EXPECT_THAT(found(*store, "pool/law"), ElementsAre("x"));
  EXPECT_THAT(found(*store, "./pool/law/"), ElementsAre("x"));
  fs::remove_all("pool");  // a path stays a path when nothing is there any more
  EXPECT_THAT(found(*store, "pool/law"), ElementsAre("x"));
}

TEST_F(Aliases, AModelTrainedAgainInPlaceTakesItsRowOver) {
  const auto store = create();
  Record old = at("law", 1, "/pool/law");
  old.label = "l";
  store->put(old, kByPath);
  EXPECT_EQ(store->put(at("pool/law", 2, "/pool/law"), kByPath).name, "law");
  ASSERT_THAT(store->names(), ElementsAre("law"));
  EXPECT_EQ(store->get("law").variant_hash, "hash-2");
  EXPECT_EQ(store->get("law").label, "l");
  // Records from elsewhere say nothing of what lies here.
  store->put(at("imported", 3, "/pool/law"));
  EXPECT_THAT(store->names(), ElementsAre("imported", "law"));
}

TEST_F(Aliases, AStoreWithTwoRowsOfOnePathKeepsOne) {
  const auto store = create();
  store->put(at("law", 1, "/pool/law"));
  store->put(at("pool/law", 2, "/pool/law"));  // as earlier versions did
  const Store::Kept kept = store->put(at("law", 2, "/pool/law"), kByPath);
  EXPECT_EQ(kept.name, "pool/law");
  EXPECT_THAT(kept.displaced, ElementsAre("law"));
  EXPECT_THAT(store->names(), ElementsAre("law", "pool/law"));
  EXPECT_EQ(store->get("law").path, "");
}

// Whatever the order in which moved models are seen, each keeps its name, its label and what was measured of it.
TEST_F(Aliases, ModelsThatWereSwappedKeepWhatIsKnownOfThem) {
  for (const bool reversed : {false, true}) {
    const fs::path place = fs::path(file()).replace_extension(reversed ? "reversed" : "straight");
    const auto store = Store::open(place, Store::Mode::kCreate);
    for (const char* layer : {"last", "1"})
      for (int i = 1; i <= 2; ++i) {
        Record r = at("v" + std::to_string(i), i, "/pool/" + std::to_string(i), layer);
        r.label = "label " + std::to_string(i);
        store->put(r, kByPath);
      }
    for (int n = 1; n <= 2; ++n) {
      const int i = reversed ? 3 - n : n;
      EXPECT_EQ(store->put(at("new", i, "/pool/" + std::to_string(3 - i)), kByPath).outdated, 0);
    }
    EXPECT_THAT(store->names(), ElementsAre("v1", "v2"));
    for (int i = 1; i <= 2; ++i) {
      const std::string name = "v" + std::to_string(i);
      EXPECT_EQ(store->get(name).label, "label " + std::to_string(i));
      EXPECT_EQ(store->get(name).path, "/pool/" + std::to_string(3 - i));
      EXPECT_EQ(store->records(Query().of(name)).size(), 2u) << name;
    }
  }
}

// An identity by other rules is no sign of other content.
TEST_F(Aliases, WhatAnOlderReleaseIdentifiedIsNotLost) {
  const auto store = create();
  Record old = at("law", 1, "/pool/law");
  old.variant_hash = "0123456789abcdef0123456789abcdef";
  old.space.base = "older base";
  old.label = "l";
  store->put(old, kByPath);
  Record now = at("law", 1, "/pool/law");
  now.variant_hash = "v2-0123456789abcdef0123456789abcdef";
  const Store::Kept kept = store->put(now, kByPath);
  EXPECT_EQ(kept.name, "law");
  EXPECT_EQ(kept.outdated, 0);
  EXPECT_EQ(store->records(Query().of("law")).size(), 2u);
  EXPECT_EQ(store->get("law").label, "l");
}

TEST_F(Aliases, AContentThatLiesElsewhereTooKeepsItsRow) {
  const auto store = create();
  store->put(at("law", 1, "/first/law"), kByPath);
  store->put(at("law", 1, "/second/law"), kByPath);
  EXPECT_EQ(store->put(at("second/law", 2, "/second/law"), kByPath).name, "second/law");
  EXPECT_EQ(store->get("law").path, "/first/law");
  EXPECT_EQ(store->get("second/law").variant_hash, "hash-2");
  EXPECT_THAT(found(*store, "/second/law"), ElementsAre("second/law"));
}

// Whatever was measured of the old weights says nothing of the new ones, in whatever space.
TEST_F(Aliases, AModelTrainedAgainTakesItsVariantOverInEverySpace) {
  const auto store = create();
  store->put(at("law", 1, "/pool/law"), kByPath);
  EXPECT_EQ(store->put(at("law-12", 1, "/pool/law", "12"), kByPath).name, "law");
  store->put(at("other", 3, "/pool/other", "12"), kByPath);
  EXPECT_EQ(store->records().size(), 3u);
  const Store::Kept kept = store->put(at("new", 2, "/pool/law"), kByPath);
  EXPECT_EQ(kept.name, "law");
  EXPECT_EQ(kept.outdated, 2);
  EXPECT_THAT(store->names(), ElementsAre("law", "other"));
  ASSERT_EQ(store->records(Query().of("law")).size(), 1u);
  EXPECT_EQ(store->get("law").variant_hash, "hash-2");
  EXPECT_EQ(store->get("law").space.parameter("layer"), "last");
  EXPECT_EQ(store->put(at("new", 2, "/pool/law", "12"), kByPath).name, "law");
  EXPECT_EQ(store->records(Query().of("law")).size(), 2u);
}

TEST_F(Aliases, ARowOfARelativePathIsFoundAndReplaced) {
  fs::create_directories("pool/law");
  const auto store = create();
  store->put(at("law", 1, "pool/law"));  // as earlier versions did
  store->put(at("./odd", 2, "./pool/odd"));
  EXPECT_THAT(found(*store, "pool/law"), ElementsAre("law"));
  EXPECT_THAT(found(*store, stored_path("pool/law")), ElementsAre("law"));
  EXPECT_EQ(store->get("law").path, "pool/law");
  EXPECT_EQ(store->put(at("pool/law", 3, stored_path("pool/law")), kByPath).name, "law");
  EXPECT_THAT(store->names(), ElementsAre("./odd", "law"));
  EXPECT_EQ(store->get("law").path, stored_path("pool/law"));
  EXPECT_THAT(store->get("law").aliases, IsEmpty());
}

TEST_F(Aliases, ANameAndALabelAreTheVariantsInEverySpace) {
  const auto store = create();
  store->put(at("a", 1, "/a"));
  EXPECT_EQ(store->name_of("hash-1"), "a");
  EXPECT_EQ(store->put(at("a-12", 1, "/a", "12")).name, "a");
  store->put(at("b", 2, "/b"));
  EXPECT_THAT(store->names(), ElementsAre("a", "b"));
  store->set_labels({{"a", "law"}});
  for (const Record& r : store->records(Query().of("a"))) EXPECT_EQ(r.label, "law");
  EXPECT_EQ(store->get("b").label, "");
  store->put(at("a-3", 1, "/a", "3"));
  EXPECT_EQ(store->records(Query().of("a")).size(), 3u);
  Record relabelled = at("a", 1, "/a");
  relabelled.label = "civil";
  EXPECT_TRUE(store->put(relabelled).replaced);
  for (const Record& r : store->records(Query().of("a"))) EXPECT_EQ(r.label, "civil");
}

TEST_F(Aliases, ClustersAreKeptForTheRowsThatWereCompared) {
  const auto store = create();
  for (int i = 1; i <= 3; ++i) store->put(at("v" + std::to_string(i), i, "/v" + std::to_string(i)));
  store->put(at("v1", 1, "/v1", "12"));
  const auto spaces = store->spaces();
  const std::int64_t last = spaces.at(0).id, twelve = spaces.at(1).id;
  store->keep_clusters(twelve, {{"v1", 7, "other"}});
  store->keep_clusters(last, {{"v1", 0, "v1"}, {"v2", 1, "v2"}, {"v3", std::nullopt, ""}});
  EXPECT_EQ(store->get("v2").cluster, 1);
  EXPECT_EQ(store->get("v2").cluster_name, "v2");
  EXPECT_FALSE(store->get("v3").cluster);
  EXPECT_EQ(store->get("v1", {.spaces = {twelve}}).cluster, 7);
  EXPECT_EQ(store->get("v1", {.spaces = {last}}).cluster, 0);
  store->keep_clusters(last, {{"v3", 0, "v3"}});  // a later clustering, of some of them
  EXPECT_FALSE(store->get("v1", {.spaces = {last}}).cluster);
  EXPECT_FALSE(store->get("v2").cluster);
  EXPECT_EQ(store->get("v3").cluster, 0);
  EXPECT_EQ(store->get("v1", {.spaces = {twelve}}).cluster, 7);
  store->put(at("v3", 3, "/v3"));  // embedded again: its numbers may be others
  EXPECT_FALSE(store->get("v3").cluster);
}

TEST_F(Aliases, FactsAreRecordsWithoutNumbers) {
  const auto store = create();
  store->put(sample("a", 1));
  const std::vector<Record> facts = store->records({}, Numbers::kNone);
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].norm, sample("a", 1).norm);
  EXPECT_TRUE(facts[0].mean.empty());
  EXPECT_EQ(known_spread(facts[0]), known_spread(sample("a", 1)));
}

}  // namespace
}  // namespace deltascape::store
