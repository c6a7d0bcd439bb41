// Specifies Student's t distribution by scipy's (stats.t.sf and stats.t.ppf).
#include "core/student.h"

#include <gmock/gmock.h>

#include <cmath>

namespace deltascape {
namespace {

TEST(Student, TailsAreScipys) {
  const struct {
    double t, freedom, tail;
  } cases[] = {{0, 3, 0.5},
               {1.5, 3, 0.11529193262241147},
               {-2.2, 3, 0.9424140240117647},
               {5.5, 3, 0.005914795785164257},
               {2.0, 1, 0.14758361765043326},
               {1.96, 200, 0.025692420422906648},
               {12, 40, 3.91208565212799e-15},
               {0.3, 7.5, 0.38616132928438907}};
  for (const auto& c : cases) EXPECT_NEAR(student_tail(c.t, c.freedom) / c.tail, 1, 1e-10) << c.t << " " << c.freedom;
  EXPECT_EQ(student_tail(INFINITY, 3), 0);
  EXPECT_EQ(student_tail(-INFINITY, 3), 1);
}

TEST(Student, QuantilesAreScipys) {
  EXPECT_NEAR(student_quantile(0.025, 1), 12.706204736174694, 1e-9);
  EXPECT_NEAR(student_quantile(0.025, 3), 3.1824463052837078, 1e-10);
  EXPECT_NEAR(student_quantile(0.025, 10), 2.228138851986274, 1e-10);
  EXPECT_NEAR(student_quantile(0.025, 1000), 1.9623390808264083, 1e-10);
}

}  // namespace
}  // namespace deltascape
