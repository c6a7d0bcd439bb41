// Likelihoods of continuations against transformers and PEFT in float64 (tests/make_representation_goldens.py), and the
// files that hold the texts.
#include "represent/meaning.h"

#include <gmock/gmock.h>

#include <fstream>

#include "io/file.h"
#include "message_of.h"
#include "notes.h"
#include "represent/continuations.h"
#include "represent/representation_goldens.h"
#include "temporary_folder.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::RepresentationGolden;

class Meaning : public ::testing::TestWithParam<std::string> {};

TEST_P(Meaning, OfTransformersAndPeft) {
  const RepresentationGolden golden(GetParam());
  for (const std::string precision : {"fp64", "fp32"}) {
    const EmbedOptions options{.base = golden.base(),
                               .representation = "meaning",
                               .continuations_file = testing::representations_folder() / "continuations.jsonl",
                               .precision = precision};
    const auto measured = testing::measured(golden, options);
    const at::Tensor expected = golden.array("meaning"), base = golden.array("base_meaning");
    for (std::size_t v = 0; v < measured.size(); ++v) {
      SCOPED_TRACE(golden.names()[v] + ", " + precision);
      ASSERT_FALSE(measured[v].error) << measured[v].error->what();
      EXPECT_EQ(measured[v].precision, precision);
      ASSERT_EQ(measured[v].samples.sizes(), (std::vector<std::int64_t>{1, 1, base.size(0)}));
      const at::Tensor ref = expected[static_cast<std::int64_t>(v)].unsqueeze(0);
      testing::expect_parity(measured[v].samples[0], ref, base.unsqueeze(0), precision == "fp64");
      testing::expect_parity(measured[v].base[0], base.unsqueeze(0), base.unsqueeze(0), precision == "fp64");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Meaning, ::testing::Values("llama", "gemma2", "gemma3", "gpt2", "t5", "cohere", "phi"),
                         [](const auto& test) { return test.param; });

class Continuations : public testing::FolderTest {
 protected:
  fs::path write(const std::string& text) const {
    std::ofstream(folder_ / "c.jsonl") << text;
    return folder_ / "c.jsonl";
  }
  std::string refusal(const std::string& text) const {
    return message_of([&] { read_continuations(write(text), 5); });
  }
  EmbedOptions options(const std::string& model = "llama") const {
    return {.base = testing::models_folder() / model / "base",
            .representation = "meaning",
            .continuations_file = folder_ / "sampled.jsonl",
            .precision = "fp32"};
  }
};

TEST_F(Continuations, AreReadAsTheyWereWritten) {
  const std::vector<Continuation> texts = {{4, "a\n\"é\" \t"}, {0, " "}};
  write_continuations(folder_ / "c.jsonl", texts);
  const auto read = read_continuations(folder_ / "c.jsonl", 5);
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read[i].probe, texts[i].probe);
    EXPECT_EQ(read[i].text, texts[i].text);
  }
}

TEST_F(Continuations, OddFilesAreRefusedByLine) {
  const std::string good = R"({"probe": 0, "text": "x"})";
  EXPECT_THAT(refusal(good + "\n[1]\n"), AllOf(HasSubstr("c.jsonl:2"), HasSubstr("no continuation")));
  EXPECT_THAT(refusal(R"({"probe": 5, "text": "x"})"), AllOf(HasSubstr("c.jsonl:1"), HasSubstr("0 to 4")));
  EXPECT_THAT(refusal(R"({"probe": -1, "text": "x"})"), HasSubstr("no such probe"));
  EXPECT_THAT(refusal(R"({"probe": 0, "text": ""})"), HasSubstr("empty continuation"));
  EXPECT_THAT(refusal(R"({"text": "x"})"), HasSubstr("probe"));
  EXPECT_THAT(refusal(R"({"probe": "0", "text": "x"})"), HasSubstr("probe"));
  EXPECT_THAT(refusal("\n \n"), HasSubstr("no continuation in this file"));
  EXPECT_THAT(refusal("{\"probe\": 0, \"text\": \"\xff\"}"), HasSubstr("c.jsonl:1"));
}

TEST_F(Continuations, AreSampledOnceAndKept) {
  const std::vector<ModelRef> models = {{testing::models_folder() / "llama/lora_qv", "", "one"}};
  const std::string before = message_of([&] { provenance(options()); });
  EXPECT_THAT(before, HasSubstr("sampled"));
  testing::Notes notes;
  std::vector<store::Record> records;
  const auto keep = [&](store::Record r) { records.push_back(std::move(r)); };
  embed(models, options(), keep, notes);
  EXPECT_THAT(notes.text(), HasSubstr("sampled.jsonl"));
  const std::string first = io::read_text(folder_ / "sampled.jsonl", 1 << 20);
  const auto texts = read_continuations(folder_ / "sampled.jsonl", 5);
  EXPECT_GT(texts.size(), 90U);
  for (std::size_t i = 1; i < texts.size(); ++i) EXPECT_LE(texts[i - 1].probe, texts[i].probe);
  notes.lines.clear();
  embed(models, options(), keep, notes);
  EXPECT_EQ(notes.text(), "");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].mean, records[1].mean);
  EXPECT_EQ(records[0].dim, static_cast<std::int64_t>(texts.size()));
  EXPECT_EQ(records[0].space.parameters, provenance(options()).parameters);
  // A function of the base and its probes alone.
  fs::remove(folder_ / "sampled.jsonl");
  EmbedOptions other = options();
  other.precision = "fp64";
  embed(models, other, keep);
  EXPECT_EQ(io::read_text(folder_ / "sampled.jsonl", 1 << 20), first);
}

TEST_F(Continuations, OfOneFileCompareAcrossBases) {
  std::vector<store::Record> records;
  for (const std::string model : {"llama", "gemma2", "t5"}) {
    EmbedOptions o = options(model);
    o.continuations_file = testing::representations_folder() / "continuations.jsonl";
    embed({{testing::models_folder() / model / "lora_linears", "", model}, {o.base, "", model + "-copy"}}, o,
          [&](store::Record r) { records.push_back(std::move(r)); });
  }
  ASSERT_EQ(records.size(), 6U);
  for (const store::Record& r : records) {
    EXPECT_EQ(r.space.parameters, records[0].space.parameters);
    EXPECT_EQ(r.space.parameters.size(), 1U);
    EXPECT_EQ(r.space.base + r.space.tokenizer, "");
    EXPECT_EQ(r.no_effect, r.name.ends_with("-copy")) << r.name;
  }
}

TEST_F(Continuations, WhatCannotBeAskedIsRefused) {
  EXPECT_THAT(message_of([&] { provenance(options("bert")); }), AllOf(HasSubstr("encoder"), HasSubstr("bert")));
  EmbedOptions o = options();
  o.continuations_file = folder_ / "nowhere" / "c.jsonl";
  EXPECT_THAT(message_of([&] { provenance(o); }), HasSubstr("nowhere"));
}

}  // namespace
}  // namespace deltascape::represent
