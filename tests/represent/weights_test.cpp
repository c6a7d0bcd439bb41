// Representations of weights against numpy on changes that PEFT forms (tests/make_weight_goldens.py), and what has to
// hold of them whatever the weights.
#include <gmock/gmock.h>

#include <map>

#include "deltascape/embed.h"
#include "goldens.h"
#include "message_of.h"
#include "represent/representation.h"
#include "represent/weight_products.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  std::string name, base;
  fs::path npz;
  std::vector<ModelRef> variants, refused;
};

std::vector<ModelRef> models_in(const io::Json& list, const fs::path& folder) {
  std::vector<ModelRef> out;
  for (const io::Json& v : list) out.push_back({(folder / std::string(v.at("path"))).string(), "", v.at("name")});
  return out;
}

std::vector<Case> weight_cases() {
  const fs::path folder = testing::goldens_folder("weights", "make_weight_goldens.py");
  const io::Json index = io::read_json(folder / "index.json");
  std::vector<Case> out;
  for (const io::Json& c : index.at("cases"))
    out.push_back({c.at("name"), (folder / std::string(c.at("base"))).string(), folder / std::string(c.at("npz")),
                   models_in(c.at("variants"), folder), models_in(c.at("refused"), folder)});
  return out;
}

Case case_named(const std::string& name) {
  const auto cases = weight_cases();
  return *std::ranges::find(cases, name, &Case::name);
}

ModelRef model_of(const Case& c, const std::string& name) {
  return *std::ranges::find(c.variants, name, &ModelRef::name);
}

// What make_weight_goldens.py makes of the LLaMA case beside its variants.
ModelRef relative(const std::string& name) {
  return {(testing::goldens_folder("weights", "make_weight_goldens.py") / name).string(), "", name};
}

// Inner products by name.
using Gram = std::map<std::string, std::map<std::string, double>>;

Gram gram_of(const std::vector<ModelRef>& models, const EmbedOptions& options) {
  std::map<std::string, store::Record> records;
  const EmbedReport report = embed(models, options, [&](store::Record r) { records.emplace(r.name, std::move(r)); });
  for (const EmbedFailure& f : report.failed) ADD_FAILURE() << f.error;
  Gram out;
  for (const auto& [name, one] : records)
    for (const auto& [other, record] : records) out[name][other] = one.products.at(record.variant_hash);
  return out;
}

// `slack`: absolute, by member; `relative`: of the two norms.
void expect_gram(const Gram& got, const std::map<std::string, io::NpyArray>& arrays, const std::string& key,
                 double relative, const std::vector<double>& slack = {}) {
  const auto& names = std::get<std::vector<std::string>>(arrays.at(key == "all" ? "all_names" : "model_names").values);
  const auto& expected = testing::doubles(arrays.at(key));
  const std::size_t n = names.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double bound = relative * std::sqrt(expected[i * n + i] * expected[j * n + j]) + 1e-18 +
                           (slack.empty() ? 0 : slack[i] + slack[j]);
      EXPECT_NEAR(got.at(names[i]).at(names[j]), expected[i * n + j], bound)
          << key << ": " << names[i] << ", " << names[j];
    }
}

TEST(Weights, EqualNumpyOnFormedChanges) {
  for (const Case& c : weight_cases()) {
    SCOPED_TRACE(c.name);
    const auto arrays = io::read_npz(c.npz);
    const auto run = [&](const std::string& representation) {
      return gram_of(c.variants, {.base = c.base, .representation = representation});
    };
    // What PEFT starts from a decomposition of the base is float32 there; else it is rounding of what is formed.
    expect_gram(run("flattened"), arrays, "flattened", 1e-6);
    expect_gram(run("salient,fraction=0.02"), arrays, "salient", 1e-12, testing::doubles(arrays.at("near")));
    expect_gram(run("canonical,rank=4"), arrays, "canonical", 1e-5);
    expect_gram(run("canonical,rank=4096"), arrays, "canonical_whole", 1e-5);
    expect_gram(run("flattened,all=true"), arrays, "all", 1e-6);
  }
}

// llama.cpp's form of an adapter, whose rows of q and k stand in another order.
TEST(Weights, GgufAdaptersAreTheirSources) {
  const fs::path folder = testing::models_folder() / "llama_gguf";
  const std::vector<ModelRef> models = {{(folder / "gguf_patterns.gguf").string(), "", "gguf"},
                                        {(folder / "sources/gguf_patterns").string(), "", "source"}};
  for (const std::string representation : {"flattened", "salient", "canonical"}) {
    const Gram g = gram_of(models, {.base = (folder / "base.gguf").string(), .representation = representation});
    const double square = g.at("source").at("source");
    EXPECT_GT(square, 0);
    EXPECT_NEAR(g.at("gguf").at("source"), square, 2e-3 * square) << representation;
    EXPECT_NEAR(g.at("gguf").at("gguf"), square, 2e-3 * square) << representation;
  }
}

// Of other factors, of another rank, of the other sign and twice the size, merged into the base.
TEST(Weights, FormsOfOneChangeAreOne) {
  const Case c = case_named("llama");
  const ModelRef own = model_of(c, "lora_rs"), dora = model_of(c, "dora"), other = model_of(c, "lora_linears");
  const std::vector<ModelRef> models = {own,
                                        relative("mixed"),
                                        relative("padded"),
                                        relative("turned"),
                                        relative("merged_lora_rs"),
                                        dora,
                                        relative("merged_dora"),
                                        other};
  const auto run = [&](const std::string& representation) {
    return gram_of(models, {.base = c.base, .representation = representation});
  };
  const Gram flat = run("flattened"), spaces = run("canonical,rank=4096"), masks = run("salient");
  for (const auto& [one, same] :
       {std::pair("lora_rs", "mixed"), std::pair("lora_rs", "padded"), std::pair("lora_rs", "merged_lora_rs"),
        std::pair("dora", "merged_dora"), std::pair("lora_rs", "turned")}) {
    const bool turned = std::string(same) == "turned";
    for (const Gram* g : {&flat, &spaces}) {
      const double square = g->at(one).at(one), sign = turned ? (g == &flat ? -2 : 2) : 1;
      EXPECT_NEAR(g->at(one).at(same), sign * square, 1e-6 * square) << one << ", " << same;
      EXPECT_NEAR(g->at(same).at(same), sign * sign * square, 2e-6 * square) << same;
      EXPECT_NEAR(g->at(same).at("lora_linears"), sign * g->at(one).at("lora_linears"),
                  1e-6 * std::sqrt(square * g->at("lora_linears").at("lora_linears")))
          << same;
    }
    EXPECT_GE(masks.at(one).at(same), masks.at(one).at(one) - 2) << same;
  }
  const EmbedReport refused = embed({own, relative("mixed"), relative("padded")},
                                    {.base = c.base, .representation = "flattened,form=factors"}, [](store::Record) {});
  EXPECT_EQ(refused.stored, 2u);
  ASSERT_EQ(refused.failed.size(), 1u);
  EXPECT_EQ(refused.failed[0].name, "padded");
}

TEST(Weights, OneBadVariantDoesNotStopOthers) {
  const Case c = case_named("llama");
  const std::vector<ModelRef> models = {relative("not_a_number"), model_of(c, "lora_rs"), relative("other_width"),
                                        relative("mixed")};
  for (const std::string representation : {"flattened", "flattened,form=factors", "salient", "canonical"}) {
    std::vector<store::Record> records;
    const EmbedReport report = embed(models, {.base = c.base, .representation = representation},
                                     [&](store::Record r) { records.push_back(std::move(r)); });
    ASSERT_EQ(records.size(), 2u) << representation;
    for (const store::Record& r : records) EXPECT_EQ(r.products.size(), 2u) << representation;
    ASSERT_EQ(report.failed.size(), 2u);
    EXPECT_THAT(report.failed[0].error, HasSubstr("lora_A")) << representation;
    EXPECT_EQ(report.failed[1].name, "other_width");
  }
}

TEST(Weights, ACancelledRunEnds) {
  struct Ending : Progress {
    void begin(std::string_view, std::int64_t) override {}
    void advance(std::int64_t) override { ++steps; }
    void note(std::string_view) override {}
    bool cancelled() override { return steps > 5; }
    int steps = 0;
  };
  const Case c = case_named("llama");
  for (const std::string representation : {"flattened", "salient", "canonical"}) {
    Ending ending;
    EXPECT_THROW(embed(
                     c.variants, {.base = c.base, .representation = representation}, [](store::Record) {}, ending),
                 Error);
    EXPECT_LT(ending.steps, 10);
  }
}

TEST(Weights, TileByTileGivesTheSame) {
  Case c = case_named("llama");
  const std::vector<std::string> some = {"lora_rs", "dora", "ia3", "loha", "lokr", "oft", "miss", "pissa", "full_all"};
  std::erase_if(c.variants, [&](const ModelRef& m) { return std::ranges::find(some, m.name) == some.end(); });
  for (const std::string representation : {"flattened", "flattened,all=true", "salient", "canonical"}) {
    const Gram whole = gram_of(c.variants, {.base = c.base, .representation = representation});
    std::vector<ModelRef> turned(c.variants.rbegin(), c.variants.rend());
    const Gram tiles =
        gram_of(turned, {.base = c.base, .representation = representation, .memory = 20000, .threads = 1});
    for (const auto& [one, row] : whole)
      for (const auto& [other, value] : row)
        EXPECT_NEAR(tiles.at(one).at(other), value, 1e-12 * std::sqrt(row.at(one) * whole.at(other).at(other)))
            << representation << ": " << one << ", " << other;
  }
}

TEST(Weights, StoredVariantsComeBesideNewOnes) {
  const Case c = case_named("llama");
  for (const std::string representation : {"flattened", "salient", "canonical"}) {
    const EmbedOptions options{.base = c.base, .representation = representation};
    const Gram whole = gram_of(c.variants, options);
    std::vector<ModelRef> models = c.variants;
    for (ModelRef& m : models) m.beside = m.name != "dora" && m.name != "lora_rs" && m.name != "loha";
    std::map<std::string, store::Record> records;
    embed(models, options, [&](store::Record r) { records.emplace(r.name, std::move(r)); });
    ASSERT_EQ(records.size(), 3u);
    for (const auto& [name, r] : records) {
      EXPECT_GE(r.products.size(), 40u);
      EXPECT_NEAR(r.norm * r.norm, whole.at(name).at(name), 1e-12 * whole.at(name).at(name));
      for (const auto& [other, second] : records)
        EXPECT_NEAR(r.products.at(second.variant_hash), whole.at(name).at(other), 1e-12 * r.norm * second.norm);
    }
  }
}

TEST(Weights, VirtualTokensAreRefusedByName) {
  const Case c = case_named("llama");
  ASSERT_FALSE(c.refused.empty());
  std::vector<ModelRef> models = c.refused;
  models.push_back(model_of(c, "lora_rs"));
  for (const std::string representation : {"flattened", "flattened,form=factors", "salient", "canonical"}) {
    std::vector<std::string> done;
    const EmbedReport report = embed(models, {.base = c.base, .representation = representation},
                                     [&](const store::Record& r) { done.push_back(r.name); });
    EXPECT_THAT(done, ::testing::ElementsAre("lora_rs"));
    ASSERT_EQ(report.failed.size(), c.refused.size());
    for (const EmbedFailure& f : report.failed) EXPECT_THAT(f.error, HasSubstr("choose")) << f.name;
  }
}

TEST(Weights, FactorsTakeEqualLoraAlone) {
  const Case c = case_named("llama");
  const std::vector<ModelRef> models = {model_of(c, "lora_linears"), model_of(c, "lora_qv"), model_of(c, "dora"),
                                        model_of(c, "ia3")};
  std::vector<std::string> done;
  const EmbedReport report = embed(models, {.base = c.base, .representation = "flattened,form=factors"},
                                   [&](const store::Record& r) { done.push_back(r.name); });
  EXPECT_THAT(done, ::testing::ElementsAre("lora_linears"));
  ASSERT_EQ(report.failed.size(), 3u);
  for (const EmbedFailure& f : report.failed) EXPECT_THAT(f.error, HasSubstr("form=delta")) << f.name;
  EXPECT_THAT(report.failed[0].error, AllOf(HasSubstr("modules with"), HasSubstr("expected")));
}

// A file's own tensors, read without the adapter's reader.
TEST(Weights, FactorsAreTheFilesTensorsEndToEnd) {
  const Case c = case_named("llama");
  const ModelRef ref = model_of(c, "lora_linears");
  const auto file = io::open_safetensors(fs::path(ref.path) / "adapter_model.safetensors");
  double sum = 0;
  for (const io::TensorInfo& t : file->tensors()) {
    std::vector<double> values(t.elements);
    io::decode(t.dtype, file->bytes(t), values.data(), t.elements);
    for (const double v : values) sum += v * v;
  }
  const Gram g = gram_of({ref}, {.base = c.base, .representation = "flattened,form=factors,all=true"});
  EXPECT_NEAR(g.at(ref.name).at(ref.name), sum, 1e-12 * sum);
}

TEST(Weights, WhatHasNoEffectIsZero) {
  const Case c = case_named("llama");
  const std::vector<ModelRef> models = {model_of(c, "lora_zero_b"), {c.base, "", "copy"}, model_of(c, "lora_rs")};
  for (const std::string representation : {"flattened", "salient", "canonical"}) {
    std::map<std::string, store::Record> records;
    embed(models, {.base = c.base, .representation = representation},
          [&](store::Record r) { records.emplace(r.name, std::move(r)); });
    EXPECT_TRUE(records.at("copy").no_effect);
    EXPECT_TRUE(records.at("lora_zero_b").no_effect);
    EXPECT_FALSE(records.at("lora_rs").no_effect);
    for (const auto& [hash, value] : records.at("copy").products) EXPECT_EQ(value, 0);
  }
}

TEST(Weights, SpacesNameWhatCounts) {
  const Case c = case_named("llama");
  const auto space = [&](const std::string& representation) {
    return provenance({.base = c.base, .representation = representation});
  };
  EXPECT_EQ(space("salient,fraction=1e-2").parameters,
            (Parameters{{"all", "false"}, {"fraction", "0.01"}, {"similarity", "jaccard"}}));
  EXPECT_EQ(space("salient").parameters, space("salient,fraction=0.010").parameters);
  EXPECT_NE(space("flattened").parameters, space("flattened,all=true").parameters);
  EXPECT_EQ(spelled(space("canonical,rank=08")), "canonical,rank=8");
  for (const std::string wrong :
       {"salient,fraction=0", "salient,fraction=2", "salient,fraction=x", "flattened,form=all", "flattened,all=yes",
        "canonical,rank=0", "canonical,rank=1.5", "canonical,fraction=0.1"})
    EXPECT_THAT(message_of([&] { representation_named(wrong); }), HasSubstr("representation")) << wrong;
}

}  // namespace
}  // namespace deltascape::represent
