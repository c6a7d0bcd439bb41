// Specifies paired differences by published and scipy's values.
#include "study/paired.h"

#include <gmock/gmock.h>

namespace deltascape::study {
namespace {

// So many examples that both, only we, only they, and neither have right.
PairedDifference shares(int both, int better, int worse, int neither) {
  std::vector<bool> ours, theirs;
  for (const auto& [count, our, their] :
       {std::tuple{both, true, true}, {better, true, false}, {worse, false, true}, {neither, false, false}})
    for (int i = 0; i < count; ++i) ours.push_back(our), theirs.push_back(their);
  return difference_of_shares(ours, theirs);
}

void expect(const PairedDifference& d, double value, double low, double high, double p) {
  EXPECT_NEAR(d.value, value, 1e-12);
  EXPECT_NEAR(d.low.value(), low, 1e-9);
  EXPECT_NEAR(d.high.value(), high, 1e-9);
  EXPECT_NEAR(d.p.value(), p, 1e-12);
}

// The first is Newcombe's own example (0.0569 to 0.3404); p: scipy.stats.binomtest(better, better + worse).
TEST(Paired, SharesHaveNewcombesIntervalAndMcNemarsTest) {
  expect(shares(36, 12, 2, 0), 0.2, 0.05692958400323869, 0.3404276029749407, 0.012939453125);
  expect(shares(10, 7, 1, 82), 0.06, 0.0008214558148254558, 0.12551314202451197, 0.0703125);
  expect(shares(5, 2, 9, 4), -0.35, -0.5788525335320243, -0.04161491551701607, 0.0654296875);
  expect(shares(20, 40, 10, 30), 0.3, 0.16757924449928763, 0.4174570064433559, 2.3861331676755526e-05);
  expect(shares(30, 0, 0, 20), 0, -0.04038033158297433, 0.04038033158297435, 1);
  expect(shares(0, 1, 0, 0), 1, -0.12210872068194178, 1, 1);
}

// Counts of one: scipy.stats.ttest_rel. The others: the same formula in numpy.
TEST(Paired, RatiosHaveStudentsInterval) {
  const std::vector<double> ours = {10, 3, 22, 7.5}, theirs = {12, 3.5, 21, 9}, ones(4, 1.0);
  const std::vector<double> tokens = {5, 2, 9, 4}, others = {5, 3, 9, 6};
  expect(difference_of_ratios({ours, ones}, {theirs, ones}), -0.75, -2.854990371149258, 1.354990371149258,
         0.3392540508564546);
  expect(difference_of_ratios({ours, tokens}, {theirs, tokens}), -0.15, -0.6675757535424818, 0.36757575354248195,
         0.4243883861888123);
  expect(difference_of_ratios({ours, others}, {theirs, tokens}), -0.4271739130434782, -1.393159392318081,
         0.5388115662311246, 0.2540448930685891);
}

TEST(Paired, OneExampleOrNoneSaysNothingOfScatter) {
  const std::vector<double> one = {3}, count = {2};
  const PairedDifference d = difference_of_ratios({one, count}, {one, count});
  EXPECT_EQ(d.value, 0);
  EXPECT_FALSE(d.low || d.high || d.p);
  EXPECT_FALSE(difference_of_shares({}, {}).low);
}

// What is equal on every example is no different, and what is better by the same on every one surely is.
TEST(Paired, WithoutScatter) {
  const std::vector<double> ours = {1, 2, 3}, theirs = {2, 3, 4}, ones(3, 1.0);
  EXPECT_EQ(difference_of_ratios({ours, ones}, {ours, ones}).p, 1);
  const PairedDifference d = difference_of_ratios({ours, ones}, {theirs, ones});
  EXPECT_EQ(d.value, -1);
  EXPECT_EQ(d.high, -1);
  EXPECT_EQ(d.p, 0);
}

TEST(Paired, TheMetricSaysWhatIsCompared) {
  const std::vector<Prediction> ours = {{.loss = 2, .tokens = 2, .right = true},
                                        {.loss = 4, .tokens = 2, .right = true}};
  const std::vector<Prediction> theirs = {{.loss = 4, .tokens = 2, .right = false},
                                          {.loss = 8, .tokens = 2, .right = true}};
  EXPECT_EQ(difference_of(Metric::kLoss, ours, theirs).value, -1.5);
  EXPECT_EQ(difference_of(Metric::kExact, ours, theirs).value, 0.5);
  EXPECT_EQ(difference_of(Metric::kChoice, ours, theirs).value, 0.5);
}

}  // namespace
}  // namespace deltascape::study
