// Owns how tests find and read the goldens that tests/make_goldens.py makes, and the bounds of docs/design.md §6.2.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/npz.h"

namespace deltascape::testing {

// A folder that a script among tests/make_*goldens.py filled; a missing one fails the test that asks.
inline std::filesystem::path goldens_folder(const std::string& name, const std::string& script) {
  const char* root = std::getenv("DELTASCAPE_GOLDENS");
  const std::filesystem::path folder = std::filesystem::path(root ? root : "goldens") / name;
  if (!std::filesystem::exists(folder / "index.json"))
    throw std::runtime_error("no goldens in " + folder.string() + ": run tests/" + script +
                             ", and set DELTASCAPE_GOLDENS");
  return folder;
}
inline std::filesystem::path models_folder() { return goldens_folder("models", "make_goldens.py"); }

struct GoldenCase {
  std::string name, family, position, layer, probes;
  std::filesystem::path base, npz;
  std::vector<std::pair<std::string, std::filesystem::path>> variants;
  bool kinds = false;  // of make_kind_goldens.py: adapters that no one chose for this family
};

inline std::vector<GoldenCase> cases_in(const std::filesystem::path& folder) {
  const io::Json index = io::read_json(folder / "index.json");
  std::vector<GoldenCase> out;
  for (const io::Json& c : index.at("cases")) {
    GoldenCase g{c.at("name"),
                 c.at("family"),
                 c.at("position"),
                 c.at("layer"),
                 "",
                 folder / std::string(c.at("base")),
                 folder / std::string(c.at("npz")),
                 {},
                 folder.filename() == "kinds"};
    if (c.at("probes").is_string()) g.probes = (folder / std::string(c.at("probes"))).string();
    for (const io::Json& v : c.at("variants"))
      g.variants.emplace_back(v.at("name"), folder / std::string(v.at("path")));
    out.push_back(std::move(g));
  }
  return out;
}

// Every family with the adapters that show its parts, then every family with the common kinds of adapters.
inline std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> out = cases_in(models_folder());
  std::ranges::move(cases_in(goldens_folder("kinds", "make_kind_goldens.py")), std::back_inserter(out));
  return out;
}

inline const std::vector<double>& doubles(const io::NpyArray& a) { return std::get<std::vector<double>>(a.values); }

inline double norm(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

// Error over tolerance of one row: within where it is at most 1 (docs/design.md §6.2).
inline double parity(std::span<const float> got, std::span<const double> ref, std::span<const double> hidden,
                     const std::string& precision) {
  std::vector<double> difference(ref.size());
  double product = 0, length = 0;
  for (std::size_t i = 0; i < ref.size(); ++i) {
    difference[i] = got[i] - ref[i];
    product += got[i] * ref[i];
    length += static_cast<double>(got[i]) * got[i];
  }
  const double error = norm(difference), size = norm(ref);
  if (error == 0) return 0;
  if (precision == "fp64") return error / std::max(1e-5 * size, 4e-7 * norm(hidden));
  if (precision == "fp32") return error / std::max(1e-4 * size, 4e-6 * norm(hidden));
  // Below the noise of float32's own states, as behind a window that hides what a variant does, no direction counts.
  const double noise = 4e-6 * norm(hidden);
  const double distance = error / std::max(1e-2 * size, noise);
  return size > 1e2 * noise ? std::max(distance, (1 - product / (std::sqrt(length) * size)) / 1e-4) : distance;
}

inline void expect_parity(std::span<const float> got, std::span<const double> ref, std::span<const double> hidden,
                          bool fp64, const std::string& what) {
  ASSERT_EQ(got.size(), ref.size()) << what;
  EXPECT_LE(parity(got, ref, hidden, fp64 ? "fp64" : "fp32"), 1)
      << what << ": ‖e‖ " << norm(ref) << ", ‖h‖ " << norm(hidden);
}

}  // namespace deltascape::testing
