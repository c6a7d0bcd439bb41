// Exact t-SNE (van der Maaten and Hinton 2008), started from the layout it is given, as Kobak and Berens 2019 advise.
// Every sum is taken in a fixed order, so the layout does not depend on the number of threads.
#include <algorithm>
#include <cmath>

#include "landscape/kernels.h"
#include "landscape/parallel.h"
#include "landscape/planar.h"

namespace deltascape::landscape {
namespace {

constexpr double kExaggeration = 12;
constexpr double kFarAway = 1e18;   // where padding lies: it weighs nothing
constexpr std::size_t kTask = 128;  // points a task: fewer points run without threads

std::size_t padded(std::size_t count) { return (count + 7) / 8 * 8; }

// Conditional probabilities of the neighbours of i: a Gaussian whose width gives the wished entropy.
void calibrate(const float* squared, std::size_t count, std::size_t i, double entropy, float* out) {
  double nearest = 1e300;
  for (std::size_t j = 0; j < count; ++j)
    if (j != i) nearest = std::min(nearest, double{squared[j]});
  double beta = 1, low = 0, high = 1e300, total = 0;
  for (int step = 0; step < 100; ++step) {
    total = 0;
    double moment = 0;
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      const double distance = squared[j] - nearest;
      const float p = std::exp(static_cast<float>(-beta * distance));
      out[j] = p;
      total += double{p};
      moment += distance * p;
    }
    const double excess = std::log(total) + beta * moment / total - entropy;
    if (std::fabs(excess) < 1e-5) break;
    (excess > 0 ? low : high) = beta;
    beta = high >= 1e300 ? beta * 2 : (low + high) / 2;
    if (beta > 1e30) break;  // as many equally near neighbours as the wished entropy or more
  }
  for (std::size_t j = 0; j < count; ++j) out[j] = j == i ? 0.0f : static_cast<float>(out[j] / total);
}

// Joint probabilities, [count, padded(count)].
std::vector<float> joint(const std::vector<float>& squared, std::size_t count, double perplexity) {
  const std::size_t width = padded(count);
  std::vector<float> p(count * width, 0.0f);
  parallel_blocks(count, kTask, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i)
      calibrate(squared.data() + i * count, count, i, std::log(perplexity), p.data() + i * width);
  });
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const float both = (p[i * width + j] + p[j * width + i]) / (2 * static_cast<float>(count));
      p[i * width + j] = p[j * width + i] = both;
    }
  return p;
}

// Positions with their momentum and gains along one axis.
struct Axis {
  std::vector<float> at;
  std::vector<double> place, speed, gain, slope;
  explicit Axis(std::size_t count)
      : at(padded(count), static_cast<float>(kFarAway)), place(count), speed(count), gain(count, 1.0), slope(count) {}

  void rest() {
    std::fill(speed.begin(), speed.end(), 0.0);
    std::fill(gain.begin(), gain.end(), 1.0);
  }

  void move(double rate, double momentum) {
    double mean = 0;
    for (std::size_t i = 0; i < place.size(); ++i) {
      const bool same_way = (slope[i] > 0) == (speed[i] > 0);
      gain[i] = same_way ? std::max(0.01, gain[i] * 0.8) : gain[i] + 0.2;
      speed[i] = momentum * speed[i] - rate * gain[i] * slope[i];
      place[i] += speed[i];
      mean += place[i] / static_cast<double>(place.size());
    }
    for (std::size_t i = 0; i < place.size(); ++i) {
      place[i] -= mean;
      at[i] = static_cast<float>(place[i]);
    }
  }
};

void begin(const std::vector<Point>& start, Axis& x, Axis& y) {
  for (std::size_t i = 0; i < start.size(); ++i) {
    x.at[i] = static_cast<float>(x.place[i] = start[i].x);
    y.at[i] = static_cast<float>(y.place[i] = start[i].y);
  }
}

void slopes(const std::vector<float>& p, double exaggeration, Axis& x, Axis& y) {
  const std::size_t count = x.place.size(), width = x.at.size();
  std::vector<Forces> forces(count);
  parallel_blocks(count, kTask, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i)
      forces[i] = tsne_forces(p.data() + i * width, x.at.data(), y.at.data(), width, i);
  });
  double weights = 0;
  for (const Forces& f : forces) weights += f.weights;
  for (std::size_t i = 0; i < count; ++i) {
    x.slope[i] = 4 * (exaggeration * forces[i].attract_x - forces[i].repel_x / weights);
    y.slope[i] = 4 * (exaggeration * forces[i].attract_y - forces[i].repel_y / weights);
  }
}

}  // namespace

std::vector<Point> tsne(const std::vector<float>& squared_distances, const std::vector<Point>& start,
                        const TsneOptions& options) {
  const std::size_t count = start.size();
  const std::vector<float> p = joint(squared_distances, count, options.perplexity);
  Axis x(count), y(count);
  begin(start, x, y);
  // Belkina et al. 2019: a rate of N / exaggeration; scikit-learn's gradient has the factor 4 outside as well.
  const double rate = std::max(static_cast<double>(count) / kExaggeration / 4, 50.0);
  const int early = std::min(250, options.iterations / 4);
  for (int step = 0; step < options.iterations; ++step) {
    if (step == early) {  // the forces change twelvefold: what the axes learnt of them is void
      x.rest();
      y.rest();
    }
    slopes(p, step < early ? kExaggeration : 1, x, y);
    const double momentum = step < early ? 0.5 : 0.8;
    x.move(rate, momentum);
    y.move(rate, momentum);
  }
  std::vector<Point> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = {x.place[i], y.place[i]};
  return out;
}

}  // namespace deltascape::landscape
