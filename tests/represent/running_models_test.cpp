// What the representations that run models have in common: a variant that fails stops no other, and all can be
// cancelled.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "deltascape/embed.h"
#include "message_of.h"
#include "notes.h"
#include "represent/representation_goldens.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Cancels final : public Progress {
 public:
  explicit Cancels(std::string stage) : stage_(std::move(stage)) {}
  void begin(std::string_view stage, std::int64_t) override { there_ = stage == stage_; }
  void advance(std::int64_t) override {}
  void note(std::string_view) override {}
  bool cancelled() override { return there_; }

 private:
  std::string stage_;
  bool there_ = false;
};

class RunningModels : public testing::FolderTest, public ::testing::WithParamInterface<std::string> {
 protected:
  std::string model(const std::string& name) const { return testing::models_folder() / "llama" / name; }
  EmbedOptions options() const {
    return {.base = model("base"),
            .representation = GetParam(),
            .continuations_file = testing::representations_folder() / "continuations.jsonl",
            .encoder = testing::representations_folder() / "mean",
            .precision = "fp32"};
  }
  // A copy whose last number is NaN.
  std::string broken(const std::string& name) const {
    fs::copy(model(name), folder_ / "broken", fs::copy_options::recursive);
    std::fstream file(folder_ / "broken" / "adapter_model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    const float nan = NAN;
    file.write(reinterpret_cast<const char*>(&nan), sizeof nan);
    return folder_ / "broken";
  }
};

TEST_P(RunningModels, AFailureStopsNoOther) {
  std::vector<std::string> stored;
  const std::string other = testing::models_folder() / "gemma2" / "full_all";
  const EmbedReport report =
      embed({{broken("lora_qv"), "", "nan"}, {other, "", "other"}, {model("lora_qv"), "", "good"}}, options(),
            [&](const store::Record& r) { stored.push_back(r.name); });
  EXPECT_EQ(stored, std::vector<std::string>{"good"});
  ASSERT_EQ(report.failed.size(), 2U);
  std::string failures;
  for (const EmbedFailure& f : report.failed) failures += f.name + ": " + f.error + "\n";
  EXPECT_THAT(failures, AllOf(HasSubstr("nan: "), HasSubstr("NaN"), HasSubstr("other: "), HasSubstr("not a finetune")));
}

TEST_P(RunningModels, AreCancelled) {
  const std::string stage = GetParam() == "meaning" ? "likelihoods" : GetParam() == "outputs" ? "answers" : "logits";
  Cancels progress(stage);
  try {
    embed(
        {{model("lora_qv"), "", "one"}}, options(), [](const store::Record&) { ADD_FAILURE(); }, progress);
    ADD_FAILURE() << "went on";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
}

// Alone and in company, in either order.
TEST_P(RunningModels, CompanyChangesNothing) {
  const auto both = testing::measured({{model("lora_qv"), "", "a"}, {model("prefix"), "", "b"}}, options());
  const auto turned = testing::measured({{model("prefix"), "", "b"}, {model("lora_qv"), "", "a"}}, options());
  const auto alone = testing::measured({{model("lora_qv"), "", "a"}}, options());
  const double whole = alone[0].base.norm().item<double>();
  EXPECT_LE((both[0].samples - alone[0].samples).norm().item<double>(), 1e-6 * whole);
  EXPECT_LE((both[0].samples - turned[1].samples).norm().item<double>(), 1e-6 * whole);
  EXPECT_LE((both[1].samples - turned[0].samples).norm().item<double>(), 1e-6 * whole);
}

INSTANTIATE_TEST_SUITE_P(Representations, RunningModels, ::testing::Values("logits", "meaning", "outputs"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace deltascape
