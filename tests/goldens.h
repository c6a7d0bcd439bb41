// Owns how tests find and read the goldens that tests/make_goldens.py makes, and the tolerances of DESIGN §5.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/npz.h"

namespace deltascape::testing {

// The folder that tests/make_goldens.py filled; a missing one fails the test that asks.
inline std::filesystem::path models_folder() {
  const char* root = std::getenv("DELTASCAPE_GOLDENS");
  const std::filesystem::path folder = std::filesystem::path(root ? root : "goldens") / "models";
  if (!std::filesystem::exists(folder / "index.json"))
    throw std::runtime_error("no goldens in " + folder.string() +
                             ": run tests/make_goldens.py, and set DELTASCAPE_GOLDENS");
  return folder;
}

struct GoldenCase {
  std::string name, position, layer, probes;
  std::filesystem::path base, npz;
  std::vector<std::pair<std::string, std::filesystem::path>> variants;
};

inline std::vector<GoldenCase> golden_cases() {
  const auto folder = models_folder();
  const io::Json index = io::read_json(folder / "index.json");
  std::vector<GoldenCase> out;
  for (const io::Json& c : index.at("cases")) {
    GoldenCase g{c.at("name"),
                 c.at("position"),
                 c.at("layer"),
                 "",
                 folder / std::string(c.at("base")),
                 folder / std::string(c.at("npz")),
                 {}};
    if (c.at("probes").is_string()) g.probes = (folder / std::string(c.at("probes"))).string();
    for (const io::Json& v : c.at("variants"))
      g.variants.emplace_back(v.at("name"), folder / std::string(v.at("path")));
    out.push_back(std::move(g));
  }
  return out;
}

inline const std::vector<double>& doubles(const io::NpyArray& a) { return std::get<std::vector<double>>(a.values); }

inline double norm(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

// DESIGN §5: ‖e − ref‖ ≤ max(relative·‖e‖, absolute·‖h‖), row by row.
inline void expect_parity(std::span<const float> got, std::span<const double> ref, std::span<const double> hidden,
                          bool fp64, const std::string& what) {
  ASSERT_EQ(got.size(), ref.size()) << what;
  std::vector<double> difference(ref.size());
  for (std::size_t i = 0; i < ref.size(); ++i) difference[i] = got[i] - ref[i];
  const double bound =
      fp64 ? std::max(1e-5 * norm(ref), 4e-7 * norm(hidden)) : std::max(1e-4 * norm(ref), 4e-6 * norm(hidden));
  EXPECT_LE(norm(difference), bound) << what << ": ‖e‖ " << norm(ref) << ", ‖h‖ " << norm(hidden);
}

}  // namespace deltascape::testing
