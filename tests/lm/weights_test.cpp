// Weights under a limit: read again to the same values, and never more in memory than was allowed.
#include <gtest/gtest.h>

#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

TEST(Weights, StayBelowTheirLimit) {
  const auto base = testing::shape_golden("llama").open();
  for (const auto products : {at::kFloat, at::kBFloat16}) {
    Weights all(base, at::kFloat, products), few(base, at::kFloat, products);
    std::size_t largest = 0;
    for (const model::Site& site : base->spec().sites()) largest = std::max<std::size_t>(largest, all(site).nbytes());
    all.forget();
    EXPECT_EQ(all.bytes(), 0u);
    few.limit(2 * largest);
    for (int round = 0; round < 2; ++round)
      for (const model::Site& site : base->spec().sites()) {
        EXPECT_TRUE(few(site).equal(all(site)));
        if (base->spec().shape(site.module).size() == 2) {
          EXPECT_EQ(few.for_product(site).scalar_type(), products);
          EXPECT_TRUE(few.for_product(site).equal(all(site).to(products)));
        }
        EXPECT_LE(few.bytes(), 2 * largest);
      }
    EXPECT_GT(few.loaded(), 0u);
    EXPECT_GT(all.bytes(), 2 * largest);
    all.limit(largest);
    EXPECT_LE(all.bytes(), largest);
  }
}

}  // namespace
}  // namespace deltascape::engine
