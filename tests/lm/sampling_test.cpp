// Sampling: tokens come as often as the model's distribution says, and a sequence's do not depend on its company.
#include <gmock/gmock.h>

#include <cmath>

#include "deltascape/error.h"
#include "lm/generate.h"
#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

using Ids = std::vector<std::int64_t>;

TEST(Drawn, FollowsTheCumulatedProbabilities) {
  // Probabilities 1/8, 5/8, 0, 1/4.
  const std::vector<double> scores = {std::log(1.0), std::log(5.0), -INFINITY, std::log(2.0)};
  const auto at = [&](double u) { return drawn(std::span(scores), u); };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(0.124), 0);
  EXPECT_EQ(at(0.126), 1);
  EXPECT_EQ(at(0.749), 1);
  EXPECT_EQ(at(0.751), 3);
  EXPECT_EQ(at(1 - 0x1p-53), 3);
  const std::vector<float> large = {1000, 1001, 900};
  EXPECT_EQ(drawn(std::span(large), 0.26), 0);  // 1 / (1 + e) = 0.2689…
  EXPECT_EQ(drawn(std::span(large), 0.27), 1);
  EXPECT_EQ(drawn(std::span(large), 1 - 0x1p-53), 1);
  const std::vector<float> bad = {0, NAN, 1};
  EXPECT_THROW(drawn(std::span(bad), 0.5), Error);
}

class Sampling : public ::testing::Test {
 protected:
  Generated sampled(const std::vector<Ids>& prompts, const std::vector<std::uint64_t>& which, std::int64_t tokens,
                    Ids stops = {}) {
    GenerateOptions how{.tokens = tokens, .stops = std::move(stops)};
    for (const std::uint64_t w : which) how.random.emplace_back(0, Purpose::kSample, w);
    return generate(weights_, {}, prompts, how);
  }
  testing::ShapeGolden golden_ = testing::shape_golden("llama");
  Weights weights_{golden_.open(), at::kDouble};
};

TEST_F(Sampling, TokensComeAsOftenAsTheirProbability) {
  constexpr std::uint64_t kCount = 2000;
  const Ids prompt = golden_.ids().front();
  std::vector<std::uint64_t> which(kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) which[i] = i;
  const Generated got = sampled(std::vector<Ids>(kCount, prompt), which, 1);
  const at::Tensor p = at::softmax(generate(weights_, {}, {prompt}, {.tokens = 1}).logits[0][0], 0);
  std::vector<double> seen(static_cast<std::size_t>(p.numel()), 0);
  for (const Ids& ids : got.ids) seen[static_cast<std::size_t>(ids.at(0))] += 1;
  // Five standard deviations of each count; of the rarest tokens a count or two.
  for (std::size_t t = 0; t < seen.size(); ++t) {
    const double expected = p[static_cast<std::int64_t>(t)].item<double>() * kCount;
    EXPECT_NEAR(seen[t], expected, 5 * std::sqrt(expected) + 2) << t;
  }
}

TEST_F(Sampling, CompanyAndOrderChangeNothing) {
  std::vector<Ids> prompts = golden_.ids();
  prompts.push_back(prompts.front());
  std::vector<std::uint64_t> which;
  for (std::size_t s = 0; s < prompts.size(); ++s) which.push_back(10 + s);
  const Generated together = sampled(prompts, which, 12);
  EXPECT_NE(together.ids.front(), together.ids.back());  // of one prompt, by other numbers
  for (std::size_t s = 0; s < prompts.size(); ++s)
    EXPECT_EQ(sampled({prompts[s]}, {which[s]}, 12).ids[0], together.ids[s]) << s;
  std::vector<Ids> turned(prompts.rbegin(), prompts.rend());
  std::vector<std::uint64_t> turned_which(which.rbegin(), which.rend());
  std::vector<Ids> back = sampled(turned, turned_which, 12).ids;
  std::reverse(back.begin(), back.end());
  EXPECT_EQ(back, together.ids);
}

TEST_F(Sampling, EndsAtAStop) {
  const std::vector<Ids> prompts = golden_.ids();
  std::vector<std::uint64_t> which(prompts.size(), 3);
  const Generated free = sampled(prompts, which, 8);
  const std::int64_t stop = free.ids[0][3];
  const Generated stopped = sampled(prompts, which, 8, {stop});
  for (std::size_t s = 0; s < free.ids.size(); ++s) {
    Ids expected = free.ids[s];
    const auto end = std::find(expected.begin(), expected.end(), stop);
    if (end != expected.end()) expected.erase(end + 1, expected.end());
    EXPECT_EQ(stopped.ids[s], expected);
  }
}

}  // namespace
}  // namespace deltascape::engine
