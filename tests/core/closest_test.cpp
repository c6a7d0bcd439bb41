// Specifies which name is suggested for a mistyped one.
#include "core/closest.h"

#include <gmock/gmock.h>

namespace deltascape {
namespace {

TEST(Closest, FindsWhatWasMeant) {
  const std::vector<std::string> verbs = {"embed", "eval", "rm", "ls", "export", "import", "cluster"};
  EXPECT_EQ(closest("emebd", verbs), "embed");
  EXPECT_EQ(closest("embedd", verbs), "embed");
  EXPECT_EQ(closest("evl", verbs), "eval");
  EXPECT_EQ(closest("mr", verbs), "rm");
  EXPECT_EQ(closest("l", verbs), "ls");
  EXPECT_EQ(closest("clustre", verbs), "cluster");
  EXPECT_EQ(closest("imprt", verbs), "import");
}

TEST(Closest, SuggestsNothingFarOff) {
  EXPECT_EQ(closest("nonsense", {"embed", "rm"}), "");
  EXPECT_EQ(closest("", {"rm"}), "");
  EXPECT_EQ(closest(std::string(5000, 'x'), {"rm"}), "");
  EXPECT_EQ(closest("x", {}), "");
}

}  // namespace
}  // namespace deltascape
