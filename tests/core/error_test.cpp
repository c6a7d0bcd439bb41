// Options in messages, and work that is cancelled.
#include "deltascape/error.h"

#include <gmock/gmock.h>

#include "deltascape/progress.h"

namespace deltascape {
namespace {

TEST(Options, AreWordedByFrontends) {
  const std::string text = option("learning_rate") + ": lower " + option("memory") + ", or not";
  const auto in_brackets = [](std::string_view name) { return "<" + std::string(name) + ">"; };
  EXPECT_EQ(worded(text, in_brackets), "<learning_rate>: lower <memory>, or not");
  EXPECT_EQ(worded("", in_brackets), "");
  EXPECT_EQ(worded("a" + option(""), in_brackets), "a<>");
  EXPECT_THAT(text, ::testing::HasSubstr("learning_rate: "));  // as it is
}

TEST(Options, SurviveTheLineOfAnError) {
  const Error error(ErrorCode::kUsage, "too few", {.field = option("batch"), .found = "0"});
  EXPECT_EQ(worded(error.what(), [](std::string_view name) { return "--" + std::string(name); }),
            "--batch: too few (found 0)");
}

class Impatient final : public Progress {
 public:
  void begin(std::string_view, std::int64_t) override {}
  void advance(std::int64_t steps) override { done += steps; }
  void note(std::string_view) override {}
  bool cancelled() override { return done >= 2; }
  std::int64_t done = 0;
};

TEST(Cancelling, IsAnErrorOfItsOwn) {
  Impatient progress;
  advance(progress, 1);
  try {
    advance(progress, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(progress.done, 2);
  advance(silent_progress(), 1);
}

}  // namespace
}  // namespace deltascape
