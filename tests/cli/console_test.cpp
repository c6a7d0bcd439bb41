// How the command line words what the library says.
#include "cli/console.h"

#include <gtest/gtest.h>

#include "deltascape/error.h"

namespace deltascape::cli {
namespace {

TEST(Console, OptionsAreFlags) {
  const Error error(ErrorCode::kUsage, "raise " + option("max_tokens") + ", or give " + option("probes_file") + " F",
                    {.field = option("memory")});
  EXPECT_EQ(spelled(error.what()), "--memory: raise --max-tokens, or give --probes F");
  EXPECT_EQ(spelled("memory, as it is"), "memory, as it is");
}

}  // namespace
}  // namespace deltascape::cli
