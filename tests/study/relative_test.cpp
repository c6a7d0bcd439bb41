// Specifies relative: pools of two families and widths in one space, where labels meet across bases.
#include "deltascape/relative.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "deltascape/error.h"
#include "deltascape/near.h"
#include "landscape/relative.h"
#include "message_of.h"
#include "store/store.h"
#include "study/tiny_pool.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using store::Record;
using store::Store;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Counts what is trained.
class Trainings final : public Progress {
 public:
  void begin(std::string_view stage, std::int64_t /*total*/) override { stages.emplace_back(stage); }
  void advance(std::int64_t /*steps*/) override {}
  void note(std::string_view line) override { notes.emplace_back(line); }
  std::vector<std::string> stages, notes;
};

class Relative : public TinyPool {
 protected:
  // 48 wide with 3 blocks; base() is 64 wide with 4.
  static std::string other() { return (deltascape::testing::models_folder() / "bloom/base").string(); }

  std::unique_ptr<Store> pool_of_both(const std::string& layer) const {
    auto store = Store::open(folder_ / "pool.db", Store::Mode::kCreate);
    for (const auto& [on, folder] : {std::pair{base(), "llama"}, std::pair{other(), "bloom"}})
      for (Record& record : embedded(train_pool(on, folder), layer, on)) {
        record.name = std::string(folder) + "/" + record.name;
        store->put(record);
      }
    return store;
  }
  RelativeOptions options() const {
    RelativeOptions out;
    for (const auto& [domain, completion] : domains())
      out.tasks.push_back({domain, examples("few-" + domain, completion, 900, 910)});
    out.training = quick();
    out.precision = "fp32";
    out.anchors_file = (folder_ / "anchors.db").string();
    return out;
  }
  static std::vector<Record> relative_of(const Store& store, const std::string& centred = "yes") {
    return store::select(store, {}, {.space = "relative,centred=" + centred}).records;
  }
};

TEST_F(Relative, TheNearestOfAnotherBaseIsOfTheSameDomain) {
  const auto store = pool_of_both("last");
  const RelativeReport report = measure_relative(*store, options());
  EXPECT_THAT(report.anchors, ElementsAre("music", "numbers", "shouting"));
  ASSERT_THAT(report.bases, SizeIs(2));
  for (const RelativeReport::Base& base : report.bases) {
    EXPECT_EQ(base.variants, 6);
    EXPECT_EQ(base.added, 6);
    EXPECT_THAT(base.trained, SizeIs(3));
  }
  EXPECT_EQ(report.labelled, 12);
  EXPECT_EQ(report.matched, 12);
  EXPECT_TRUE(report.space.base.empty());
  EXPECT_TRUE(report.space.tokenizer.empty());

  const std::vector<Record> records = relative_of(*store);
  ASSERT_THAT(records, SizeIs(12));
  store::require_comparable(records);
  for (const Record& r : records) {
    EXPECT_EQ(r.space.base_name, r.name.starts_with("bloom") ? other() : base());
    const auto near =
        deltascape::near(*store, {.model = r.name, .k = 1, .choice = {.space = "relative"}, .other_base = true});
    ASSERT_THAT(near, SizeIs(1));
    EXPECT_EQ(near[0].label, r.label) << r.name << " " << near[0].name;
    EXPECT_NE(near[0].base, r.space.base_name);
  }
  EXPECT_THAT(message_of([&] {
                deltascape::near(*store,
                                 {.model = "bloom/music-1", .choice = {.space = "activations"}, .other_base = true});
              }),
              HasSubstr("no variant of another base is in this space"));

  // The control: with one base's anchors under each other's names the domains no longer meet.
  std::vector<Record> mixed = records;
  for (Record& r : mixed)
    if (r.name.starts_with("bloom")) std::ranges::rotate(r.mean, r.mean.begin() + 1);
  EXPECT_LT(landscape::across_bases(mixed).matched, 4);
}

TEST_F(Relative, VectorsAreCosinesWithTheAnchorsAndAnchorsAreTrainedOnce) {
  const auto store = pool_of_both("last");
  RelativeOptions asked = options();
  asked.tasks.resize(2);
  asked.centred = false;
  measure_relative(*store, asked);
  std::map<std::string, std::vector<Record>> anchors;  // by base
  Store::open(asked.anchors_file, Store::Mode::kRead)->read({}, store::Numbers::kAll, [&](const Record& record) {
    anchors[record.space.base_name].push_back(record);
  });
  for (const Record& r : relative_of(*store, "no")) {
    const std::string own = r.space.base_name;
    ASSERT_THAT(anchors[own], SizeIs(2));
    const Record from = store->get(r.name, {.where = {"representation=activations"}});
    for (const Record& anchor : anchors[own])
      EXPECT_NEAR(r.mean[anchor.name.starts_with("music") ? 0 : 1], *landscape::cosine(from.mean, anchor.mean), 1e-6);
    EXPECT_EQ(r.variant_hash, from.variant_hash);
    EXPECT_EQ(r.path, from.path);
    EXPECT_EQ(r.label, from.label);
  }

  // Again: nothing is trained, no base is opened, and nothing is written but what is new.
  const std::vector<Record> removed = {store->get("bloom/music-1", {.where = {"representation=relative"}})};
  store->remove({store::Query{.where = {"representation=relative"}}.of("bloom/music-1")});
  Trainings progress;
  const RelativeReport again = measure_relative(*store, asked, progress);
  EXPECT_THAT(progress.stages, IsEmpty());
  EXPECT_EQ(again.bases[0].added + again.bases[1].added, 1);
  EXPECT_EQ(store->get("bloom/music-1", {.where = {"representation=relative"}}).mean, removed[0].mean);

  // Another task makes another space, for which it alone is trained.
  asked = options();
  const RelativeReport more = measure_relative(*store, asked);
  EXPECT_THAT(more.bases[0].trained, ElementsAre("shouting"));
  EXPECT_NE(more.space.hash(), again.space.hash());
}

TEST_F(Relative, AFractionOfTheDepthReadsAllLayers) {
  const auto store = pool_of_both("all");
  RelativeOptions asked = options();
  asked.choice.layer = "0.50";
  const RelativeReport report = measure_relative(*store, asked);
  EXPECT_EQ(report.space.parameter("layer"), "0.5");
  EXPECT_THAT(relative_of(*store), SizeIs(12));
  Trainings progress;  // the anchors are kept for every layer
  asked.choice.layer = "";
  const RelativeReport last = measure_relative(*store, asked, progress);
  EXPECT_THAT(progress.stages, IsEmpty());
  EXPECT_EQ(last.space.parameter("layer"), "last");
  EXPECT_EQ(last.matched, 12);
}

TEST_F(Relative, SaysWhatDoesNotGoTogether) {
  auto store = Store::open(folder_ / "pool.db", Store::Mode::kCreate);
  EXPECT_THAT(message_of([&] { measure_relative(*store, options()); }), HasSubstr("the store holds no activations"));

  Record record;
  record.name = "a";
  record.variant_hash = "content";
  record.precision = "fp32";
  record.space = provenance({.base = base(), .precision = "fp32"});
  record.dim = 64;
  record.mean = std::vector<float>(64, 1);
  record.norm = 8;
  store->put(record);
  RelativeOptions asked = options();
  asked.choice.layer = "3";
  EXPECT_THAT(message_of([&] { measure_relative(*store, asked); }), HasSubstr("last, or a fraction as 0.5, found 3"));
  asked = options();
  asked.tasks.resize(1);
  EXPECT_THAT(message_of([&] { measure_relative(*store, asked); }), HasSubstr("two anchors at least"));
  asked = options();
  asked.tasks[1].file = asked.tasks[0].file;
  EXPECT_THAT(message_of([&] { measure_relative(*store, asked); }), HasSubstr("same examples"));
  asked = options();
  asked.bases = {other()};
  EXPECT_THAT(message_of([&] { measure_relative(*store, asked); }), HasSubstr("no chosen variant is of this base"));

  // A base that has moved: the store's name of it is a path that is not there.
  record.name = "b";
  record.variant_hash = "other content";
  record.space.base_name = "/gone/base";
  store = Store::open(folder_ / "moved.db", Store::Mode::kCreate);
  store->put(record);
  asked = options();
  EXPECT_THAT(message_of([&] { measure_relative(*store, asked); }),
              HasSubstr("the base of 1 stored variants is not at hand"));
  asked.bases = {base()};
  Trainings progress;
  EXPECT_EQ(measure_relative(*store, asked, progress).bases.front().trained.size(), 3U);
  EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("all variants are of one base")));
}

}  // namespace
}  // namespace deltascape::study
