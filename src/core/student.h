// Owns Student's t distribution: how likely a statistic of few values is, and how wide an interval they give.
#pragma once

namespace deltascape {

// P(T > t) with `freedom` > 0 degrees of freedom.
double student_tail(double t, double freedom);
// The t that T exceeds with probability `tail`, 0 < tail < 0.5.
double student_quantile(double tail, double freedom);

}  // namespace deltascape
