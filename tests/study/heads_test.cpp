// Heads that the configuration ties to the token embedding, against transformers and PEFT in float64
// (tests/make_head_goldens.py): what the file holds counts, and adapters do to one or both what they do in PEFT.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/evaluate.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "notes.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Notes;

fs::path heads_folder() { return testing::goldens_folder("heads", "make_head_goldens.py"); }

class Heads : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const io::Json index = io::read_json(heads_folder() / "index.json");
    for (const io::Json& c : index.at("cases"))
      if (c.at("name") == GetParam()) case_ = c;
    base_ = heads_folder().parent_path() / std::string(case_.at("base"));
    for (const auto& [name, result] : case_.at("results").items())
      if (name != "base")
        models_.push_back({(heads_folder().parent_path() / std::string(case_.at("folder")) / name).string(), "", name});
  }
  const io::Json& expected(const std::string& name) const { return case_.at("results").at(name); }
  bool refused(const std::string& name) const { return expected(name).contains("refused"); }
  // T5's encoder and decoder with tables that differ are refused by name, which transformers computes.
  static bool unsupported(const std::string& name) { return name == "own_encoder" || name == "own_decoder"; }
  void expect_failures(const std::vector<EmbedFailure>& failed) const {
    std::set<std::string> names;
    for (const EmbedFailure& f : failed) {
      EXPECT_TRUE(refused(f.name) || unsupported(f.name)) << f.name << ": " << f.error;
      names.insert(f.name);
    }
    // PEFT stumbles over a head that it wraps twice, though what is meant is clear.
    for (const ModelRef& m : models_) {
      if (m.name == "tokens_both" || m.name == "rows_embed_saved_head") continue;
      EXPECT_EQ(names.contains(m.name), refused(m.name) || unsupported(m.name)) << m.name;
    }
  }

  io::Json case_;
  fs::path base_;
  std::vector<ModelRef> models_;
};

TEST_P(Heads, LossesOfTransformersAndPeft) {
  if (!case_.at("results").contains("base")) GTEST_SKIP() << "an encoder says nothing";
  std::map<std::string, std::vector<double>> losses;
  Notes notes;
  const EvaluateReport report = evaluate(
      models_, {.base = base_.string(), .data = (heads_folder() / "completions.jsonl").string(), .precision = "fp64"},
      [&](const Prediction& p) { losses[p.name].push_back(p.loss); }, notes);
  expect_failures(report.failed);
  for (const auto& [name, got] : losses) {
    if (refused(name)) continue;
    const io::Json& want = expected(name).at("losses");
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i].get<double>(), 2e-6 * std::max(1.0, want[i].get<double>())) << name << ", line " << i;
  }
  const bool own = std::ranges::any_of(models_, [](const ModelRef& m) { return m.name == "own_lm_head"; });
  if (own) {
    EXPECT_THAT(notes.text(), HasSubstr("own_lm_head: tie_word_embeddings"));
  }
  EXPECT_THAT(notes.text(), ::testing::Not(HasSubstr("copy_")));
  EXPECT_THAT(notes.text(), ::testing::Not(HasSubstr("said_apart")));
}

TEST_P(Heads, EmbeddingsOfTransformersAndPeft) {
  std::map<std::string, store::Record> records;
  const EmbedReport report = embed(
      models_, {.base = base_.string(), .probes_file = (heads_folder() / "probes.json").string(), .precision = "fp64"},
      [&](store::Record r) { records.emplace(r.name, std::move(r)); });
  expect_failures(report.failed);
  for (const auto& [name, record] : records) {
    if (refused(name)) continue;
    std::vector<double> want(record.mean.size(), 0), base(want);
    if (expected(name).contains("hidden")) {
      want = expected(name).at("hidden").get<std::vector<double>>();
      base = expected("base").at("hidden").get<std::vector<double>>();
    }
    ASSERT_GE(want.size(), record.mean.size());  // a narrower last row ends in zeros there
    want.resize(record.mean.size());
    double wrong = 0, size = 0, hidden = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double delta = want[i] - base[i];
      wrong += std::pow(record.mean[i] - delta, 2), size += delta * delta, hidden += base[i] * base[i];
    }
    EXPECT_LE(std::sqrt(wrong), std::max(1e-5 * std::sqrt(size), 4e-7 * std::sqrt(hidden))) << name;
  }
}

TEST(Head, IsNotedByInspect) {
  const fs::path folder = heads_folder() / "qwen2";
  EXPECT_THAT(inspect((folder / "own_lm_head").string()).note, HasSubstr("lm_head.weight"));
  EXPECT_EQ(inspect((folder / "copy_lm_head").string()).note, "");
  EXPECT_EQ(inspect((folder / "alone_lm_head").string()).verdict, "exact");
}

INSTANTIATE_TEST_SUITE_P(Goldens, Heads,
                         ::testing::Values("llama_rope3", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "starcoder2",
                                           "cohere", "opt", "opt_350m", "bloom", "falcon", "gpt2", "t5", "mt5", "umt5",
                                           "roberta", "mpnet", "distilbert", "electra", "bert", "rows_tied",
                                           "rows_apart", "rows_said_tied"),
                         [](const auto& p) { return p.param; });

}  // namespace
}  // namespace deltascape
