// Evaluations against transformers and PEFT in float64 (tests/make_eval_goldens.py), and what may not change them.
#include "deltascape/evaluate.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "deltascape/error.h"
#include "goldens.h"
#include "notes.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path eval_folder() { return testing::goldens_folder("eval", "make_eval_goldens.py"); }

struct Outcome {
  EvaluateReport report;
  std::map<std::string, std::vector<Prediction>> predictions;  // by model
  std::vector<std::string> notes;
};

Outcome run(EvaluateOptions options, const std::vector<ModelRef>& models) {
  Outcome out;
  testing::Notes notes;
  out.report = evaluate(
      models, options, [&](const Prediction& p) { out.predictions[p.name].push_back(p); }, notes);
  out.notes = std::move(notes.lines);
  return out;
}

// The case's variants, as the golden lists them.
std::vector<ModelRef> variants_of(const io::Json& golden) {
  const fs::path folder = testing::models_folder() / std::string(golden.at("name"));
  std::vector<ModelRef> out;
  for (const auto& [name, result] : golden.at("results").items())
    if (name != "base") out.push_back({(folder / name).string(), "kind", name});
  return out;
}

EvaluateOptions options_of(const io::Json& golden, const std::string& metric) {
  const std::string data = metric == "choice" ? "choices.jsonl" : "completions.jsonl";
  return {.base = (testing::models_folder() / std::string(golden.at("name")) / "base").string(),
          .data = (eval_folder() / data).string(),
          .metric = metric,
          .precision = "fp64"};
}

class Evaluates : public ::testing::TestWithParam<std::string> {
 protected:
  io::Json golden() const {
    const io::Json index = io::read_json(eval_folder() / "index.json");
    for (const io::Json& c : index.at("cases"))
      if (c.at("name") == GetParam()) return c;
    throw std::runtime_error("no such case");
  }
  // transformers computes norms and rotations in float32 even in float64's company: some roundings of a loss of a few
  // nats a token.
  static void expect_close(double got, double expected, const std::string& what) {
    EXPECT_NEAR(got, expected, 2e-6 * std::max(1.0, std::abs(expected))) << what;
  }
  void expect_models(const Outcome& got, const io::Json& expected) const {
    for (const EmbedFailure& f : got.report.failed) ADD_FAILURE() << f.name << ": " << f.error;
    ASSERT_EQ(got.report.results.size(), expected.size());
    EXPECT_EQ(got.report.results.front().name, "base");
    EXPECT_EQ(got.report.results.back().label, "kind");
  }
};

TEST_P(Evaluates, LossesOfTransformersAndPeft) {
  const io::Json c = golden(), expected = c.at("results");
  const Outcome got = run(options_of(c, "loss"), variants_of(c));
  expect_models(got, expected);
  for (const Evaluation& e : got.report.results) {
    SCOPED_TRACE(e.name);
    const io::Json& want = expected.at(e.name);
    const auto& predictions = got.predictions.at(e.name);
    ASSERT_EQ(predictions.size(), want.at("losses").size());
    for (std::size_t i = 0; i < predictions.size(); ++i) {
      EXPECT_EQ(predictions[i].line, static_cast<std::int64_t>(i) + 1);
      EXPECT_EQ(predictions[i].tokens, want["tokens"][i].get<std::int64_t>());
      expect_close(predictions[i].loss, want["losses"][i], "loss " + std::to_string(i));
    }
    expect_close(e.value, want["loss"]["value"], "mean");
    expect_close(e.standard_error, want["loss"]["stderr"], "stderr");
    expect_close(e.perplexity, want["loss"]["perplexity"], "perplexity");
    expect_close(e.bits_per_byte, want["loss"]["bits_per_byte"], "bits per byte");
    EXPECT_EQ(e.examples, 4);
  }
}

TEST_P(Evaluates, ChoicesOfTransformersAndPeft) {
  const io::Json c = golden(), expected = c.at("results");
  const Outcome got = run(options_of(c, "choice"), variants_of(c));
  expect_models(got, expected);
  for (const Evaluation& e : got.report.results) {
    SCOPED_TRACE(e.name);
    const io::Json& want = expected.at(e.name);
    const auto& predictions = got.predictions.at(e.name);
    for (std::size_t i = 0; i < predictions.size(); ++i)
      for (std::size_t k = 0; k < predictions[i].likelihoods.size(); ++k)
        expect_close(predictions[i].likelihoods[k], want["likelihoods"][i][k], "choice " + std::to_string(k));
    expect_close(e.value, want["choice"]["value"], "share");
    expect_close(e.standard_error, want["choice"]["stderr"], "stderr");
    expect_close(e.by_character, want["choice"]["by_character_value"], "share by character");
    expect_close(e.by_character_error, want["choice"]["by_character_stderr"], "stderr by character");
  }
}

TEST_P(Evaluates, AnswersOfTransformersAndPeft) {
  const io::Json c = golden(), expected = c.at("results");
  EvaluateOptions options = options_of(c, "exact");
  options.tokens = io::read_json(eval_folder() / "index.json").at("tokens");
  const Outcome got = run(options, variants_of(c));
  expect_models(got, expected);
  const auto bare = [](const std::string& text) { return text.starts_with(' ') ? text.substr(1) : text; };
  for (const auto& [name, predictions] : got.predictions)
    for (std::size_t i = 0; i < predictions.size(); ++i)
      EXPECT_EQ(bare(predictions[i].said), bare(expected.at(name)["answers"][i])) << name << ", line " << i + 1;
}

INSTANTIATE_TEST_SUITE_P(Goldens, Evaluates, ::testing::Values("llama", "gemma3", "gpt2", "t5"),
                         [](const auto& p) { return p.param; });

// Variants with a tokenizer in their folder; one of them is the base's, saved again with a chat template.
class OwnTokenizers : public ::testing::Test {
 protected:
  EvaluateOptions options(const std::string& metric) const {
    EvaluateOptions out = {
        .base = (testing::models_folder() / "llama/base").string(),
        .data = (eval_folder() / (metric == "choice" ? "call_choices.jsonl" : "calls.jsonl")).string(),
        .metric = metric,
        .precision = "fp64"};
    out.tokens = index_.at("tokens");
    return out;
  }
  Outcome all(const std::string& metric) const {
    std::vector<ModelRef> models;
    for (const auto& [name, result] : index_.at("own").items())
      models.push_back({(eval_folder() / "own" / name).string(), "", name});
    Outcome out = run(options(metric), models);
    EXPECT_EQ(out.report.results.size(), models.size() + 1);
    for (const EmbedFailure& f : out.report.failed) ADD_FAILURE() << f.name << ": " << f.error;
    for (const ModelRef& m : models)
      EXPECT_EQ(std::ranges::count_if(out.notes, [&](const std::string& n) { return n.starts_with(m.name + ": "); }),
                m.name == "lora_qv" ? 0 : 1)
          << m.name;
    return out;
  }
  void expect_losses(const Outcome& got) const {
    for (const auto& [name, want] : index_.at("own").items()) {
      const auto& predictions = got.predictions.at(name);
      ASSERT_EQ(predictions.size(), want["losses"].size());
      for (std::size_t i = 0; i < predictions.size(); ++i) {
        EXPECT_EQ(predictions[i].tokens, want["tokens"][i].get<std::int64_t>()) << name << ", line " << i + 1;
        EXPECT_NEAR(predictions[i].loss, want["losses"][i].get<double>(), 1e-4) << name << ", line " << i + 1;
      }
    }
  }
  // A copy of lora_qv whose tokenizer.json is this.
  ModelRef with_tokenizer(const std::string& content) const {
    const fs::path folder = folder_.path() / "own";
    fs::remove_all(folder);
    fs::copy(testing::models_folder() / "llama/lora_qv", folder);
    std::ofstream(folder / "tokenizer.json") << content;
    return {folder.string(), "", "own"};
  }

  testing::TemporaryFolder folder_;
  io::Json index_ = io::read_json(eval_folder() / "index.json");
};

TEST_F(OwnTokenizers, LossesOfTransformersWithThem) { expect_losses(all("loss")); }

TEST_F(OwnTokenizers, ChoicesAndAnswersOfTransformersWithThem) {
  const Outcome choices = all("choice"), answers = all("exact");
  const auto bare = [](const std::string& text) { return text.starts_with(' ') ? text.substr(1) : text; };
  for (const auto& [name, want] : index_.at("own").items()) {
    for (std::size_t i = 0; i < want["likelihoods"].size(); ++i)
      for (std::size_t k = 0; k < want["likelihoods"][i].size(); ++k)
        EXPECT_NEAR(choices.predictions.at(name)[i].likelihoods[k], want["likelihoods"][i][k].get<double>(), 1e-4)
            << name << " " << i << " " << k;
    for (std::size_t i = 0; i < want["answers"].size(); ++i)
      EXPECT_EQ(bare(answers.predictions.at(name)[i].said), bare(want["answers"][i])) << name << ", line " << i + 1;
  }
}

TEST_F(OwnTokenizers, BrokenOnesFailTheirVariantAlone) {
  const auto failure = [&](const std::string& content) {
    const Outcome got = run(options("loss"), {with_tokenizer(content)});
    EXPECT_EQ(got.report.results.size(), 1u);
    EXPECT_EQ(got.report.failed.size(), 1u);
    const std::string error = got.report.failed.empty() ? "" : got.report.failed[0].error;
    EXPECT_THAT(error, ::testing::Not(HasSubstr("\n")));
    return error;
  };
  EXPECT_THAT(failure("{\"model\""), HasSubstr("tokenizer.json"));
  EXPECT_THAT(failure("[]"), HasSubstr("tokenizer.json"));
  // Tokens that the tables do not have: the adapter was saved without them.
  io::Json grown = io::read_json(eval_folder() / "own/full_grown/tokenizer.json");
  EXPECT_THAT(failure(grown.dump()), AllOf(HasSubstr("no row"), HasSubstr("360")));
}

TEST_F(OwnTokenizers, UnsupportedOnesLeaveTheBases) {
  io::Json odd = io::read_json(testing::models_folder() / "llama/base/tokenizer.json");
  odd["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
  const Outcome got = run(options("loss"), {with_tokenizer(odd.dump())});
  ASSERT_EQ(got.report.results.size(), 2u);
  ASSERT_EQ(got.notes.size(), 1u);
  EXPECT_THAT(got.notes[0], AllOf(HasSubstr("own: "), HasSubstr("UnicodeScripts")));
}

// One model, data written in the test.
class OneModel : public ::testing::Test {
 protected:
  EvaluateOptions options(const std::string& metric, const std::string& lines) const {
    std::ofstream(folder_.path() / "data.jsonl", std::ios::binary) << lines;
    return {.base = (models_ / "base").string(),
            .data = (folder_.path() / "data.jsonl").string(),
            .metric = metric,
            .tokens = 6};
  }
  std::string failure(const std::string& metric, const std::string& lines,
                      const std::function<void(EvaluateOptions&)>& change = {}) const {
    EvaluateOptions o = options(metric, lines);
    if (change) change(o);
    try {
      evaluate({}, o);
    } catch (const Error& e) {
      EXPECT_THAT(std::string(e.what()), ::testing::Not(HasSubstr("\n")));
      return e.what();
    }
    return "no failure";
  }
  ModelRef model(const std::string& name) const { return {(models_ / name).string(), "", name}; }

  testing::TemporaryFolder folder_;
  fs::path models_ = testing::models_folder() / "llama";
};

constexpr const char* kTwo =
    "{\"prompt\":\"a\",\"completion\":\" b\"}\n\n{\"prompt\":\"two words\",\"completion\":\" c d\"}\n";

TEST_F(OneModel, NeitherBatchNorMemoryNorCompanyChangesIt) {
  std::string lines;
  for (int i = 0; i < 9; ++i)
    lines += "{\"prompt\":\"" + std::string(static_cast<std::size_t>(i) + 1, 'w') + "\",\"completion\":\" x y\"}\n";
  for (const std::string metric : {"loss", "exact"}) {
    EvaluateOptions whole = options(metric, lines), small = whole, tight = whole;
    small.batch = 2;
    tight.memory = 1;
    const Outcome a = run(whole, {model("lora_qv"), model("prefix"), model("full_all")});
    const Outcome b = run(small, {model("full_all"), model("lora_qv")});
    const Outcome c = run(tight, {model("prefix")});
    const auto same = [&](const Outcome& x, const Outcome& y, const std::string& name) {
      for (std::size_t i = 0; i < 9; ++i) {
        const Prediction &p = x.predictions.at(name)[i], &q = y.predictions.at(name)[i];
        EXPECT_EQ(p.said, q.said) << name << " " << i;
        EXPECT_NEAR(p.loss, q.loss, 1e-5 * std::max(1.0, p.loss)) << name << " " << i;  // float32 over three blocks
      }
    };
    for (const char* name : {"base", "lora_qv", "full_all"}) same(a, b, name);
    for (const char* name : {"base", "prefix"}) same(a, c, name);
  }
}

TEST_F(OneModel, OneBadVariantStopsNoOther) {
  const Outcome got =
      run(options("loss", kTwo), {model("lora_qv"),
                                  model("nowhere"),
                                  {(models_.parent_path() / "gemma3/lora_linears").string(), "", "other"},
                                  model("lora_rs")});
  ASSERT_EQ(got.report.results.size(), 3u);
  EXPECT_EQ(got.report.results[2].name, "lora_rs");
  ASSERT_EQ(got.report.failed.size(), 2u);
  EXPECT_EQ(got.report.failed[0].name, "nowhere");
  EXPECT_THAT(got.report.failed[1].error, HasSubstr("lora_linears"));
}

TEST_F(OneModel, AVariantThatGivesNoNumbersFailsAlone) {
  const fs::path wild = folder_.path() / "wild";
  fs::copy(models_ / "lora_qv", wild);
  io::Json config = io::read_json(wild / "adapter_config.json");
  config["lora_alpha"] = 1.3e39;  // over a rank of 4: within float32, while what it scales leaves it
  std::ofstream(wild / "adapter_config.json") << config;
  for (const char* metric : {"loss", "exact"}) {
    const Outcome got = run(options(metric, kTwo), {{wild.string(), "", "wild"}, model("lora_rs")});
    EXPECT_EQ(got.report.results.size(), 2u) << metric;
    ASSERT_EQ(got.report.failed.size(), 1u) << metric;
    EXPECT_THAT(got.report.failed[0].error, ::testing::AnyOf(HasSubstr("NaN"), HasSubstr("no number"))) << metric;
  }
}

TEST_F(OneModel, NamesAreUnique) {
  const ModelRef twin{(models_ / "lora_qv").string(), "", "lora_qv"};
  const Outcome got = run(options("loss", kTwo), {twin, twin, {(models_ / "base").string(), "", "base"}});
  std::vector<std::string> names;
  for (const Evaluation& e : got.report.results) names.push_back(e.name);
  EXPECT_THAT(names, ::testing::ElementsAre("base", "lora_qv", "llama/lora_qv", "llama/base"));
  EXPECT_DOUBLE_EQ(got.report.results[0].value, got.report.results[3].value);
}

TEST_F(OneModel, AnswersEndBeforeAStop) {
  EvaluateOptions o = options("exact", kTwo);
  const std::string whole = run(o, {}).predictions.at("base")[1].said;
  ASSERT_GE(whole.size(), 3u);
  o.stops = {whole.substr(1, 2)};
  EXPECT_EQ(run(o, {}).predictions.at("base")[1].said, whole.substr(0, whole.find(o.stops[0])));
}

TEST_F(OneModel, LimitTakesTheFirst) {
  EvaluateOptions o = options("loss", kTwo);
  o.limit = 1;
  EXPECT_EQ(run(o, {}).report.results[0].examples, 1);
  EXPECT_EQ(run(o, {}).report.results[0].standard_error, 0);
}

TEST_F(OneModel, BadDataNamesFileAndLine) {
  EXPECT_THAT(failure("loss", ""), HasSubstr("data.jsonl"));
  EXPECT_THAT(failure("loss", "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\"}\n"),
              AllOf(HasSubstr("data.jsonl"), HasSubstr("line 2"), HasSubstr("completion")));
  EXPECT_THAT(failure("choice", "{\"prompt\":\"a\",\"choices\":[\"b\"],\"answer\":7}\n"),
              AllOf(HasSubstr("line 1"), HasSubstr("answer")));
  EXPECT_THAT(failure("exact", "{\"prompt\":\"\xff\",\"completion\":\"b\"}\n"), HasSubstr("line 1"));
  models_ = models_.parent_path() / "opt";  // with a table of positions
  EXPECT_THAT(failure("loss", "{\"prompt\":\"" + std::string(5000, 'a') + "\",\"completion\":\"b\"}\n"),
              AllOf(HasSubstr("line 1"), HasSubstr("tokens")));
}

TEST_F(OneModel, BadOptionsAndBasesAreNamed) {
  EXPECT_THAT(failure("rouge", kTwo), HasSubstr("metric"));
  EXPECT_THAT(failure("exact", kTwo, [](auto& o) { o.match = "regex"; }), HasSubstr("match"));
  EXPECT_THAT(failure("exact", kTwo, [](auto& o) { o.tokens = 0; }), HasSubstr("tokens"));
  EXPECT_THAT(failure("exact", kTwo, [](auto& o) { o.stops = {""}; }), HasSubstr("stops"));
  EXPECT_THAT(failure("loss", kTwo, [](auto& o) { o.precision = "fp8"; }), HasSubstr("precision"));
  EXPECT_THAT(failure("loss", kTwo, [](auto& o) { o.base = "no/where/at/all"; }), HasSubstr("where"));
  models_ = models_.parent_path() / "bert";
  EXPECT_THAT(failure("loss", kTwo), HasSubstr("bert"));
}

}  // namespace
}  // namespace deltascape
