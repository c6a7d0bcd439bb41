// When an answer is right, and the estimates' arithmetic.
#include "study/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "deltascape/error.h"

namespace deltascape::study {
namespace {

TEST(Metrics, LastNumber) {
  // Each as lm-evaluation-harness's flexible-extract and exact_match read it.
  EXPECT_EQ(last_number("She has 3 + 4 = <<3+4=7>>7 apples.\n#### 7"), "7");
  EXPECT_EQ(last_number("it costs $1,234.50."), "1234.50");
  EXPECT_EQ(last_number("between 3 and -5 degrees"), "-5");
  EXPECT_EQ(last_number("12-15"), "-15");
  EXPECT_EQ(last_number("so 42... and that is all."), "42");
  EXPECT_EQ(last_number("no number, at all."), std::nullopt);
  EXPECT_EQ(last_number(""), std::nullopt);
}

TEST(Metrics, Matches) {
  EXPECT_TRUE(matches(Match::kText, " yes\n", "yes"));
  EXPECT_FALSE(matches(Match::kText, "yes!", " yes"));
  EXPECT_FALSE(matches(Match::kText, "Yes", "yes"));
  EXPECT_TRUE(matches(Match::kContains, "I say yes!", " yes"));
  EXPECT_FALSE(matches(Match::kContains, "I say no", " yes"));
  EXPECT_TRUE(matches(Match::kLastNumber, "7 + 3 is $1,000.", "… #### 1000"));
  EXPECT_FALSE(matches(Match::kLastNumber, "none", "none"));
  EXPECT_THROW(match_named("fuzzy"), Error);
  EXPECT_THROW(metric_named("f1"), Error);
}

TEST(Metrics, Estimates) {
  const double right[] = {1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(mean_of(right).value, 0.75);
  EXPECT_DOUBLE_EQ(mean_of(right).standard_error, std::sqrt(0.75 * 0.25 * 4 / 3 / 4));
  const double one[] = {3};
  EXPECT_EQ(mean_of(one).standard_error, 0);
  // Equal losses a token: no spread, however long the examples are.
  const double sums[] = {2, 8}, counts[] = {1, 4};
  EXPECT_DOUBLE_EQ(ratio_of(sums, counts).value, 2);
  EXPECT_DOUBLE_EQ(ratio_of(sums, counts).standard_error, 0);
}

}  // namespace
}  // namespace deltascape::study
