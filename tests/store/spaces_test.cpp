// Specifies spaces: what identifies one, how it is chosen, and what is read of it.
#include <gmock/gmock.h>

#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Spaces : public StoreTest {
 protected:
  static Record at(const std::string& name, int seed, const std::string& layer, const std::string& base = "tiny") {
    Record r = sample(name, seed);
    r.space.parameters["layer"] = layer;
    r.space.base = "hash of " + base;
    r.space.base_name = base;
    if (layer == "all") {
      r.layers = 3;
      r.per_probe.clear();
      r.mean.assign(12, static_cast<float>(seed));
      for (int i = 0; i < 12; ++i) r.mean[static_cast<std::size_t>(i)] += static_cast<float>(i);
      r.standard_error.assign(12, 0);
    }
    return r;
  }
  // Two layers and all layers of one base, and another base.
  std::unique_ptr<Store> filled() const {
    auto store = create();
    for (const char* layer : {"last", "12", "all"})
      for (int i = 1; i <= 2; ++i) store->put(at("v" + std::to_string(i), i, layer));
    store->put(at("other", 3, "last", "org/other"));
    return store;
  }
  static std::vector<std::string> layers(const std::vector<ChosenSpace>& spaces) {
    std::vector<std::string> out;
    for (const ChosenSpace& one : spaces)
      out.push_back(one.stored.space.parameter("layer") + (one.row ? ":" + std::to_string(*one.row) : ""));
    return out;
  }
};

// These outlive releases: a change here makes strangers of embeddings that are in people's stores.
TEST(Space, ItsHashIsPinned) {
  Space space = sample("a").space;
  EXPECT_EQ(space.canonical(), R"({"base":"base-hash","parameters":{"layer":"last","position":"last","probes":"pro"},)"
                               R"("representation":"activations","tokenizer":"tok","version":1})");
  EXPECT_EQ(space.hash(), "a651d0f8c703669c555811a27daecd11");
  space.base_name = "as another run named it";
  EXPECT_EQ(space.hash(), "a651d0f8c703669c555811a27daecd11");
  space.parameters["layer"] = "12";
  EXPECT_EQ(space.hash(), "cf1b4d55e4f3f3a259a8d23047d61653");
  EXPECT_EQ(space.parameter("fraction"), "");
}

TEST_F(Spaces, AreListedWithWhatIsInThem) {
  const auto store = filled();
  const std::vector<StoredSpace> spaces = store->spaces();
  ASSERT_EQ(spaces.size(), 4u);
  EXPECT_EQ(spaces[1].space.parameter("layer"), "12");
  EXPECT_EQ(spaces[1].hash, spaces[1].space.hash());
  EXPECT_EQ(spaces[1].variants, 2);
  EXPECT_EQ(spaces[2].layers, 3);
  EXPECT_EQ(spaces[2].dim, 4);
  EXPECT_EQ(spaces[3].written, "2026-01-02T03:04:05Z");
  EXPECT_EQ(store->spaces({.where = {"name=v1"}}).size(), 3u);
  EXPECT_EQ(store->spaces({.where = {"base=other"}}).size(), 1u);
  store->remove({{.spaces = {spaces[1].id}}});
  EXPECT_EQ(store->spaces().size(), 3u);
  EXPECT_THAT(store->names(), ElementsAre("other", "v1", "v2"));
  store->put(at("v1", 1, "12"));
  EXPECT_EQ(store->spaces().at(1).id, spaces[1].id);  // a space keeps its id
}

TEST_F(Spaces, AreChosenByIdByWhatTheySayAndByLayer) {
  const auto store = filled();
  const std::vector<StoredSpace> spaces = store->spaces();
  const auto chosen = [&](const SpaceChoice& choice) { return layers(choose(spaces, choice)); };
  EXPECT_EQ(chosen({}).size(), 4u);
  EXPECT_THAT(chosen({.space = spaces[1].hash}), ElementsAre("12"));
  EXPECT_THAT(chosen({.space = short_id(spaces[2].hash)}), ElementsAre("all"));
  EXPECT_THAT(chosen({.space = spaces[1].hash.substr(0, 4)}), ElementsAre("12"));
  std::string shouted = spaces[1].hash;
  for (char& c : shouted) c = static_cast<char>(std::toupper(c));
  EXPECT_THAT(chosen({.space = shouted}), ElementsAre("12"));
  EXPECT_THAT(chosen({.space = "12"}), ElementsAre("12"));
  EXPECT_THAT(chosen({.space = "base=org/other"}), ElementsAre("last"));
  EXPECT_THAT(chosen({.space = "layer=last, base=tiny"}), ElementsAre("last"));
  EXPECT_THAT(chosen({.space = "other"}), ElementsAre("last"));
  EXPECT_THAT(chosen({.space = "activations,tiny"}), ElementsAre("last", "12", "all"));
  EXPECT_THAT(chosen({.layer = "last"}), ElementsAre("last", "last"));
  EXPECT_THAT(chosen({.space = "tiny", .layer = "last"}), ElementsAre("last"));
  EXPECT_THAT(chosen({.layer = "1"}), ElementsAre("all:1"));
  EXPECT_THAT(chosen({.layer = "0.5"}), ElementsAre("all:1"));
  EXPECT_THAT(choose({}, {.space = "12", .layer = "3"}), IsEmpty());
  for (const SpaceChoice& wrong : {SpaceChoice{.space = "13"},
                                   {.space = "layer=13"},
                                   {.space = "nobody=12"},
                                   {.layer = "99"},
                                   {.layer = "L-pre"},
                                   {.layer = "all"},
                                   {.layer = "half"}})
    EXPECT_EQ(thrown_by([&] { choose(spaces, wrong); }).code, ErrorCode::kUsage) << wrong.space << wrong.layer;
  EXPECT_THAT(thrown_by([&] { choose(spaces, {.layer = "99"}); }).message, HasSubstr("12, all (0 to 2), last"));
}

TEST_F(Spaces, OfSeveralNoneIsTaken) {
  const auto store = filled();
  const std::vector<StoredSpace> spaces = store->spaces();
  EXPECT_FALSE(only_one({}));
  EXPECT_EQ(only_one(choose(spaces, {.space = "12"}))->stored.id, spaces[1].id);
  const Thrown thrown = thrown_by([&] { only_one(choose(spaces, {.layer = "last"})); });
  EXPECT_EQ(thrown.code, ErrorCode::kMismatch);
  EXPECT_THAT(thrown.message, AllOf(HasSubstr("in 2 spaces"), HasSubstr(short_id(spaces[0].hash) + " (base tiny)"),
                                    HasSubstr(short_id(spaces[3].hash) + " (base org/other)"), HasSubstr("space ID")));
  EXPECT_THAT(what_differs({spaces[0], spaces[1]}), ElementsAre("layer last", "layer 12"));
  EXPECT_THAT(what_differs({spaces[1]}), ElementsAre("representation activations, layer 12, position last, base tiny"));
}

TEST_F(Spaces, SelectionsAreOfOneSpace) {
  const auto store = filled();
  const Selection of_all = select(*store, {"base=tiny"}, {.layer = "1"});
  ASSERT_TRUE(of_all.space);
  EXPECT_EQ(of_all.space->stored.layers, 3);
  EXPECT_EQ(of_all.row, 1);
  ASSERT_EQ(of_all.records.size(), 2u);
  EXPECT_EQ(of_all.records[1].name, "v2");
  EXPECT_EQ(of_all.records[1].mean.size(), 12u);
  EXPECT_EQ(select(*store, {}, {.layer = "12"}).row, std::nullopt);
  EXPECT_EQ(thrown_by([&] { select(*store); }).code, ErrorCode::kMismatch);
  const Selection none = select(*store, {"label=nothing"});
  EXPECT_FALSE(none.space);
  EXPECT_THAT(none.records, IsEmpty());
  EXPECT_THAT(none.unmet, HasSubstr("label"));
}

TEST_F(Spaces, EmbeddingsAreOneArray) {
  const auto store = create();
  for (int i = 3; i >= 1; --i) store->put(at("v" + std::to_string(i), i, "all"));
  Record unlabelled = at("u", 9, "all");
  unlabelled.label.clear();
  store->put(unlabelled);
  const Embeddings middle = store->embeddings({.where = {"label=law"}}, 1);
  EXPECT_EQ(middle.dim, 4);
  ASSERT_EQ(middle.facts.size(), 3u);
  EXPECT_EQ(middle.facts[2].name, "v3");
  EXPECT_TRUE(middle.facts[2].mean.empty());
  EXPECT_THAT(middle.vectors, ElementsAre(5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10));
  EXPECT_EQ(store->embeddings({}).vectors.at(0), 17);  // the last row, of "u"
  EXPECT_THAT(store->embeddings({.where = {"label=none"}}).facts, IsEmpty());
  EXPECT_EQ(thrown_by([&] { store->embeddings({}, 3); }).code, ErrorCode::kUsage);
  store->put(at("v1", 1, "last"));
  EXPECT_EQ(thrown_by([&] { store->embeddings({}); }).code, ErrorCode::kMismatch);
}

TEST_F(Spaces, ConditionsAreOfVariantsMeasurementsAndSpaces) {
  const auto store = filled();
  Record odd = at("odd = '1'", 4, "last");
  odd.precision = "bf16";
  odd.label = "it's";
  store->put(odd);
  const auto names = [&](const std::vector<std::string>& where) { return store->names({.where = where}); };
  EXPECT_THAT(names({"layer=12"}), ElementsAre("v1", "v2"));
  EXPECT_THAT(names({"name=odd = '1'"}), ElementsAre("odd = '1'"));
  EXPECT_THAT(names({"label=it's", "precision=bf16"}), ElementsAre("odd = '1'"));
  EXPECT_THAT(names({"base=other"}), ElementsAre("other"));
  EXPECT_THAT(names({"base=org/other", "representation=activations", "position=last", "probes=pro", "tokenizer=tok",
                     "device=cpu", "base_hash=hash of org/other", "path=adapters/other"}),
              ElementsAre("other"));
  EXPECT_THAT(names({"layer=12", "base=other"}), IsEmpty());
  EXPECT_EQ(thrown_by([&] { names({"lable=x"}); }).code, ErrorCode::kUsage);
  EXPECT_EQ(thrown_by([&] { names({"label"}); }).code, ErrorCode::kUsage);
  EXPECT_EQ(store->unmet({.where = {"layer=12", "label=lwa"}}),
            "no record has label=lwa; its values are law; did you mean law?");
  EXPECT_EQ(store->unmet({.where = {"base=tiny", "layer=13"}}),
            "no record has layer=13; its values are 12, all, last; "
            "did you mean 12?");
  EXPECT_FALSE(store->unmet({.where = {"layer=12"}}));
  // One way of naming a base a run.
  Record renamed = at("v1", 1, "12");
  renamed.space.base_name = "/models/tiny.gguf";
  EXPECT_TRUE(store->put(renamed).replaced);
  EXPECT_EQ(store->get("v1", {.where = {"layer=12"}}).space.base_name, "/models/tiny.gguf");
  EXPECT_THAT(names({"base=/models/tiny.gguf"}), ElementsAre("v1"));
  EXPECT_THAT(names({"layer=12", "base=tiny"}), ElementsAre("v1", "v2"));
}

TEST_F(Spaces, ControlRunsAreWhatTheyAre) {
  const auto store = create();
  ControlRun run{.control = "advice", .fingerprint = "f1", .settings = "{}", .record = at("advice", 1, "last")};
  store->put_control(run);
  run.record = at("advice", 1, "12");
  store->put_control(run);
  run.fingerprint = "f2";
  run.record = at("advice-2", 2, "last");
  store->put_control(run);
  store->put_control(run);  // again
  EXPECT_EQ(store->controls("f1").size(), 2u);
  ASSERT_EQ(store->controls("f2").size(), 1u);
  EXPECT_EQ(store->controls("f2")[0].control, "advice");
  expect_equal(store->controls("f2")[0].record, run.record);
  store->remove({Query().of("advice")});
  EXPECT_THAT(store->controls("f1"), IsEmpty());
}

TEST_F(Spaces, AreChosenAmongThoseOfNamedVariants) {
  const auto store = filled();
  store->put(at("v3", 4, "12"));
  EXPECT_THAT(layers(choose(*store, {"v1", "v3"}, {})), ElementsAre("12"));
  EXPECT_THAT(layers(choose(*store, {"v1", "v2"}, {.layer = "1"})), ElementsAre("all:1"));
  EXPECT_THAT(choose(*store, {"v1", "other"}, {}), IsEmpty());
  const Thrown absent = thrown_by([&] { choose(*store, {"v3"}, {.space = "layer=all"}); });
  EXPECT_EQ(absent.code, ErrorCode::kNotFound);
  EXPECT_THAT(absent.message, HasSubstr("v3: not measured in the chosen space"));
  EXPECT_EQ(thrown_by([&] { choose(*store, {"v3"}, {.space = "layer=13"}); }).code, ErrorCode::kUsage);
}

// The identities of an older release say nothing about those of this one.
TEST_F(Spaces, SayWhichBaseAnOlderReleaseIdentified) {
  std::vector<StoredSpace> spaces(2);
  for (StoredSpace& s : spaces) s.space.base_name = "tiny";
  spaces[0].space.base = "9cd88e2a00000000";
  spaces[1].space.base = "v2-f74cc00000000";
  EXPECT_THAT(what_differs(spaces),
              ElementsAre("base_hash 9cd88e2a of an older release: embed its models again", "base_hash v2-f74cc"));
  spaces[1].space.base = "f74cc0000000000";
  EXPECT_THAT(what_differs(spaces), ElementsAre("base_hash 9cd88e2a", "base_hash f74cc000"));
}

// A space without a base: each measurement names its own, in the store and in an npz.
TEST_F(Spaces, MayHoldVariantsOfSeveralBases) {
  const auto store = create();
  store->put(at("a", 3, "last"));
  std::vector<Record> shared = {at("v1", 1, "last", "org/one"), at("v2", 2, "last", "two")};
  for (Record& r : shared) {
    r.space.representation = "relative";
    r.space.parameters["of"] = "activations";
    r.space.parameters["anchors"] = "0123456789abcdef";
    r.space.base.clear();
    r.space.tokenizer.clear();
    store->put(r);
  }
  for (const Record& r : shared) EXPECT_EQ(store->get(r.name).space.base_name, r.space.base_name);
  const std::vector<StoredSpace> spaces = store->spaces();
  ASSERT_EQ(spaces.size(), 2u);
  EXPECT_EQ(spaces[1].space.base_name, "");
  EXPECT_EQ(spaces[1].variants, 2);
  EXPECT_EQ(store->spaces({.where = {"base=one"}}).size(), 1u);
  EXPECT_THAT(store->names({.where = {"base=two"}}), ElementsAre("v2"));
  EXPECT_THAT(what_differs(spaces), ElementsAre("representation activations, base tiny",
                                                "representation relative, anchors 01234567, of activations"));
  // What a space was made of is not what it is.
  EXPECT_EQ(choose(spaces, {.space = "activations"}).size(), 1u);
  EXPECT_EQ(choose(spaces, {.space = "of=activations"}).size(), 1u);
  EXPECT_EQ(representation_of(spaces[1].space), "relative,of=activations");

  const std::filesystem::path npz = file("shared.npz");
  write_embeddings_npz(shared, npz);
  const auto again = Store::open(file("again.db"), Store::Mode::kCreate);
  import_into(*again, npz);
  for (const Record& r : shared) EXPECT_EQ(again->get(r.name).space.base_name, r.space.base_name);
}

}  // namespace
}  // namespace deltascape::store
