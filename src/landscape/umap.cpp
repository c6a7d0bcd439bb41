// UMAP by the library umappp. Its layout is moved by one thread: several would have to wait for each other at every
// point to give the same layout every time.
#define UMAPPP_CUSTOM_PARALLEL(workers, count, run) deltascape::landscape::run_ranges(count, run)
#define UMAPPP_NO_PARALLEL_OPTIMIZATION
#include "landscape/ranges.h"

#include <umappp/umappp.hpp>

#include "landscape/planar.h"

namespace deltascape::landscape {
std::vector<Point> umap(const NearDistances& near, const std::vector<Point>& start, std::uint64_t seed) {
  const std::size_t each = near.of->each;
  umappp::NeighborList<int, float> lists(near.count);
  for (std::size_t i = 0; i < near.count; ++i)
    for (std::size_t n = i * each; n < (i + 1) * each; ++n)
      lists[i].emplace_back(static_cast<int>(near.of->index[n]), static_cast<float>(near.distance[n]));

  std::vector<float> places;  // [count, 2]
  for (const Point& point : start)
    places.insert(places.end(), {static_cast<float>(point.x), static_cast<float>(point.y)});

  umappp::Options options;
  options.initialize_method = umappp::InitializeMethod::NONE;
  options.optimize_seed = seed;
  auto status = umappp::initialize(std::move(lists), 2, places.data(), options);
  status.run(places.data());
  std::vector<Point> out(near.count);
  for (std::size_t i = 0; i < near.count; ++i) out[i] = {places[2 * i], places[2 * i + 1]};
  return out;
}

}  // namespace deltascape::landscape
