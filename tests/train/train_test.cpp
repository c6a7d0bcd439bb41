// Owns the tests of whole runs: what is written, what two runs have in common, how a stopped one goes on, and what is
// refused.
#include "deltascape/train.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <functional>

#include "deltascape/embed.h"
#include "hub/cache_entry.h"
#include "training_folder.h"

namespace deltascape {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

// Stops a run before the work of one step is counted, as a kill would, and keeps what is noted.
class Stopping final : public Progress {
 public:
  explicit Stopping(std::int64_t after = 1 << 30) : left_(after) {}
  void begin(std::string_view, std::int64_t) override {}
  void advance(std::int64_t steps) override {
    if ((left_ -= steps) < 0) throw Error(ErrorCode::kIo, "stopped");
  }
  void note(std::string_view line) override { notes += std::string(line) + "\n"; }
  std::string notes;

 private:
  std::int64_t left_;
};

class Train : public testing::TrainingTest {};

TEST_F(Train, WritesAnAdapterAndItsLog) {
  const TrainReport report = train(options("out"));
  EXPECT_EQ(report.examples, 7);
  EXPECT_EQ(report.skipped, 0);
  EXPECT_EQ(report.steps, 4);
  EXPECT_EQ(report.resumed_at, 0);
  EXPECT_GT(report.tokens, 4 * 7);
  EXPECT_LT(report.last_loss, report.first_loss);
  EXPECT_THAT(
      contents(folder_ / "out"),
      UnorderedElementsAre(Key("adapter_config.json"), Key("adapter_model.safetensors"), Key("train_log.jsonl")));
  EXPECT_THAT(left(), ElementsAre("out"));
  const io::Json config = io::read_json(folder_ / "out" / "adapter_config.json");
  EXPECT_EQ(config.at("r"), 2);
  EXPECT_EQ(config.at("base_model_name_or_path"), "tiny/llama");
  EXPECT_EQ(config.at("target_modules"), io::Json({"down_proj", "gate_proj", "k_proj", "q_proj", "up_proj", "v_proj"}));
  std::istringstream log(content(folder_ / "out" / "train_log.jsonl"));
  int steps = 0;
  for (std::string line; std::getline(log, line);) {
    const io::Json json = io::parse_json(line, "log");
    EXPECT_EQ(json.at("step"), ++steps);
    EXPECT_EQ(json.at("epoch"), steps / 2.0);
    if (steps == 1) {
      EXPECT_EQ(json.at("loss"), report.first_loss);
    }
    if (steps == 4) {
      EXPECT_EQ(json.at("loss"), report.last_loss);
    }
    if (steps == 3) {
      EXPECT_DOUBLE_EQ(json.at("learning_rate"), 1e-2);
    }
  }
  EXPECT_EQ(steps, 4);
}

class EachMethod : public Train, public ::testing::WithParamInterface<const char*> {
 protected:
  TrainOptions of_method(const std::string& out) const {
    TrainOptions o = options(out);
    o.method = GetParam();
    if (o.method == "lora") o.dropout = 0.2;
    o.virtual_tokens = 3;
    return o;
  }
};

TEST_P(EachMethod, OneSeedGivesTheSameBytesWithTwoThreadsToo) {
  for (const int threads : {1, 2}) {
    TrainOptions o = of_method("a" + std::to_string(threads));
    o.threads = threads;
    train(o);
    o.out = (folder_ / ("b" + std::to_string(threads))).string();
    train(o);
    EXPECT_EQ(contents(folder_ / ("a" + std::to_string(threads))), contents(o.out));
  }
  TrainOptions other = of_method("c");
  other.seed = 1;
  train(other);
  EXPECT_NE(contents(folder_ / "a1"), contents(other.out));
}

TEST_P(EachMethod, AStoppedRunEndsInTheSameBytes) {
  train(of_method("whole"));
  for (const std::int64_t after : {0, 1, 3}) {
    TrainOptions o = of_method("stopped" + std::to_string(after));
    o.checkpoint_seconds = 0;
    Stopping stopping(after);
    EXPECT_THROW(train(o, stopping), Error);
    EXPECT_FALSE(std::filesystem::exists(o.out));
    Stopping going_on;
    const TrainReport report = train(o, going_on);
    EXPECT_EQ(report.resumed_at, after);
    EXPECT_EQ(contents(o.out), contents(folder_ / "whole"));
    const std::string word = "resuming after step " + std::to_string(after) + " of 4";
    EXPECT_EQ(going_on.notes.find(word) != std::string::npos, after > 0) << going_on.notes;
    EXPECT_FALSE(std::filesystem::exists(o.out + ".training"));
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, EachMethod, ::testing::Values("lora", "ia3", "prefix", "full"),
                         [](const auto& p) { return std::string(p.param); });

class Cancelling final : public Progress {
 public:
  explicit Cancelling(std::int64_t after) : left_(after) {}
  void begin(std::string_view, std::int64_t) override {}
  void advance(std::int64_t steps) override { left_ -= steps; }
  void note(std::string_view) override {}
  bool cancelled() override { return left_ <= 0; }

 private:
  std::int64_t left_;
};

ErrorCode code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST_F(Train, ACancelledRunGoesOnWhereItWas) {
  train(options("whole"));
  const TrainOptions o = options("cancelled");
  Cancelling cancelling(2);
  EXPECT_EQ(code_of([&] { train(o, cancelling); }), ErrorCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(o.out));
  EXPECT_EQ(train(o).resumed_at, 2);
  EXPECT_EQ(contents(o.out), contents(folder_ / "whole"));
}

// Embeds the adapter; one call's threads and precision are its own.
std::vector<float> embedding_of(const TrainOptions& trained, Progress& progress = silent_progress()) {
  std::vector<float> out;
  const EmbedOptions options{.base = trained.base, .precision = "delta"};
  embed(
      {{trained.out, "", "adapter"}}, options, [&](store::Record record) { out = record.per_probe; }, progress);
  return out;
}

TEST_F(Train, LeavesTheProcessAsItWas) {
  const TrainOptions first = options("first");
  train(first);
  at::set_num_threads(2);
  const std::vector<float> before = embedding_of(first);
  EXPECT_FALSE(before.empty());
  TrainOptions second = options("second");
  second.precision = "bf16";
  train(second);
  EXPECT_EQ(at::get_num_threads(), 2);
  EXPECT_TRUE(at::GradMode::is_enabled());
  EXPECT_EQ(embedding_of(first), before);
  second.threads = -1;
  EXPECT_EQ(code_of([&] { train(second); }), ErrorCode::kUsage);
  EXPECT_EQ(at::get_num_threads(), 2);
}

TEST_F(Train, ACancelledEmbeddingIsNoFailureOfItsModel) {
  const TrainOptions o = options("first");
  train(o);
  Cancelling cancelling(1);
  EXPECT_EQ(code_of([&] { embedding_of(o, cancelling); }), ErrorCode::kCancelled);
}

TEST_F(Train, AStoppedRunOfPreferencesKeepsItsReference) {
  TrainOptions o = options("whole");
  o.loss = "dpo", o.data = preferences().string(), o.checkpoint_seconds = 0;
  train(o);
  o.out = (folder_ / "stopped").string();
  Stopping stopping(4);  // of the reference's passes and the steps
  EXPECT_THROW(train(o, stopping), Error);
  EXPECT_GT(train(o).resumed_at, 0);
  EXPECT_EQ(contents(o.out), contents(folder_ / "whole"));
}

TEST_F(Train, AStateIsOfUseToItsOwnRunAlone) {
  TrainOptions o = options("out");
  o.checkpoint_seconds = 0;
  Stopping stopping(2);
  EXPECT_THROW(train(o, stopping), Error);
  TrainOptions other = o;
  other.learning_rate = 1e-2;
  EXPECT_THAT(refusal(other, ErrorCode::kUsage), AllOf(HasSubstr("learning_rate"), HasSubstr("restart")));
  other = o, other.data = completions(6).string();
  EXPECT_THAT(refusal(other, ErrorCode::kUsage), AllOf(HasSubstr("data: "), HasSubstr("restart")));
  completions();
  std::filesystem::resize_file(folder_ / "out.training" / "state.safetensors", 100);
  EXPECT_THAT(refusal(o, ErrorCode::kBadFile), HasSubstr("state.safetensors"));
  o.restart = true;
  EXPECT_EQ(train(o).resumed_at, 0);
}

TEST_F(Train, TakesNoFolderThatIsThereOrInUse) {
  TrainOptions o = options("out");
  {
    const hub::FileLock lock(folder_ / "out.training" / "lock", [] {});
    EXPECT_THAT(refusal(o, ErrorCode::kUsage), HasSubstr("another process"));
  }
  train(o);
  EXPECT_THAT(refusal(o, ErrorCode::kUsage), HasSubstr("out: already exists"));
}

TEST_F(Train, BadDataLeavesNothing) {
  TrainOptions o = options("out");
  const auto line = [](const std::string& completion) {
    return io::Json{{"prompt", "p"}, {"completion", completion}}.dump() + "\n";
  };
  o.data = put("bad.jsonl", "").string();
  EXPECT_THAT(refusal(o, ErrorCode::kBadFile), HasSubstr("bad.jsonl: no example"));
  put("bad.jsonl", line("c") + "{\"prompt\":\"p\"}\n");
  EXPECT_THAT(refusal(o, ErrorCode::kBadFile), HasSubstr("bad.jsonl: line 2: completion: "));
  put("bad.jsonl", line("c") + line("a long one, which is far beyond ten tokens"));
  o.max_tokens = 10;
  EXPECT_THAT(refusal(o, ErrorCode::kBadFile),
              AllOf(HasSubstr("bad.jsonl: line 2: too long"), HasSubstr("expected at most 10 tokens")));
  o.long_examples = "skip";
  put("bad.jsonl", line("a long one, which is far beyond ten tokens"));
  EXPECT_THAT(refusal(o, ErrorCode::kBadFile), HasSubstr("every example is longer than 10 tokens"));
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(Train, LongExamplesAreSkippedOrCut) {
  TrainOptions o = options("skipped");
  o.data = put("long.jsonl", R"({"prompt":"p","completion":"c"}
{"prompt":"p","completion":"a long one, which is far beyond ten tokens"}
{"prompt":"a long prompt, which is far beyond ten tokens","completion":"c"}
)")
               .string();
  o.max_tokens = 10, o.long_examples = "skip", o.epochs = 1;
  Stopping progress;
  EXPECT_EQ(train(o, progress).skipped, 2);
  EXPECT_THAT(progress.notes, HasSubstr("left out 2 of 3 examples longer than 10 tokens"));
  o.long_examples = "truncate", o.out = (folder_ / "cut").string();
  EXPECT_EQ(train(o).skipped, 1);
}

TEST_F(Train, RefusesOptionsThatMakeNoSense) {
  const auto with = [&](const auto& change) {
    TrainOptions o = options("out");
    change(o);
    return refusal(o, ErrorCode::kUsage);
  };
  EXPECT_THAT(with([](auto& o) { o.method = "dora"; }), HasSubstr("method"));
  EXPECT_THAT(with([](auto& o) { o.loss = "ppo"; }), HasSubstr("loss"));
  EXPECT_THAT(with([](auto& o) { o.rank = 0; }), HasSubstr("rank"));
  EXPECT_THAT(with([](auto& o) { o.batch = std::numeric_limits<std::int64_t>::max(); }), HasSubstr("batch"));
  EXPECT_THAT(with([](auto& o) { o.learning_rate = 0; }), HasSubstr("learning_rate"));
  EXPECT_THAT(with([](auto& o) { o.dropout = 1; }), HasSubstr("dropout"));
  EXPECT_THAT(with([](auto& o) { o.warmup = 2; }), HasSubstr("warmup"));
  EXPECT_THAT(with([](auto& o) { o.epochs = 0; }), HasSubstr("epochs"));
  EXPECT_THAT(with([](auto& o) {
                o.targets = {"q_proj", "query"};
              }),
              AllOf(HasSubstr("targets"), HasSubstr("q_proj"), HasSubstr("lm_head"), HasSubstr("found query")));
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(Train, ProductsInBfloat16ComeCloseToThoseInFloat) {
  const TrainReport exact = train(options("fp32"));
  TrainOptions o = options("bf16");
  o.precision = "bf16";
  const TrainReport rounded = train(o);
  EXPECT_NE(rounded.first_loss, exact.first_loss);
  // bfloat16 has eight bits; a product of a few hundred terms loses about one in the mean.
  EXPECT_NEAR(rounded.first_loss, exact.first_loss, exact.first_loss / 128);
  EXPECT_LT(rounded.last_loss, rounded.first_loss);
}

TEST_F(Train, RecomputingChangesNothing) {
  TrainOptions o = options("kept");
  o.dropout = 0.2, o.precision = "fp64";
  const TrainReport kept = train(o);
  o.out = (folder_ / "recomputed").string(), o.recompute = true, o.memory = 1;
  const TrainReport recomputed = train(o);
  EXPECT_NEAR(recomputed.last_loss, kept.last_loss, 1e-10 * kept.last_loss);
}

TEST_F(Train, ADivergedRunSaysSo) {
  TrainOptions o = options("out");
  o.learning_rate = 1e30, o.clip = 0, o.schedule = "constant";
  EXPECT_THAT(refusal(o, ErrorCode::kNumeric), AllOf(HasSubstr("step "), HasSubstr("learning_rate")));
}

TEST_F(Train, AnInitMustBeOfTheMethod) {
  for (const auto& [method, init] : {std::pair{"lora", "ia3"}, {"ia3", "lora_linears"}, {"prefix", "lora_linears"}}) {
    TrainOptions o = options("out");
    o.method = method, o.init = (golden("llama") / init).string();
    EXPECT_THROW(train(o), Error) << method;
    EXPECT_THAT(left(), IsEmpty());
  }
}

}  // namespace
}  // namespace deltascape
