// Owns reading the goldens of tests/make_shape_goldens.py, and the tolerance of a comparison with them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>

#include "goldens.h"
#include "lm/autograd_ops.h"

namespace deltascape::testing {

using Ids = std::vector<std::vector<std::int64_t>>;

struct ShapeGolden {
  std::filesystem::path folder;
  std::map<std::string, io::NpyArray> arrays;

  bool has(const std::string& name) const { return arrays.contains(name); }
  at::Tensor tensor(const std::string& name) const {
    const io::NpyArray& a = arrays.at(name);
    if (const auto* v = std::get_if<std::vector<std::int64_t>>(&a.values))
      return at::tensor(*v, at::kLong).view(a.shape);
    return at::tensor(doubles(a), at::kDouble).view(a.shape);
  }
  Ids ids(const std::string& name = "ids") const {
    return io::parse_json(std::get<std::vector<std::string>>(arrays.at(name).values).at(0), name).get<Ids>();
  }
  std::shared_ptr<const model::Checkpoint> open() const { return model::Checkpoint::open(folder / "base"); }
};

inline std::filesystem::path shape_folder() { return models_folder().parent_path() / "shape"; }

inline ShapeGolden shape_golden(const std::string& name) {
  return {shape_folder() / name, io::read_npz(shape_folder() / name / "golden.npz")};
}

// "shapes": those that `embed` does not run; "embedded": those that it does.
inline std::vector<std::string> shape_names(const std::string& kind) {
  try {
    return io::read_json(shape_folder() / "index.json").at(kind).get<std::vector<std::string>>();
  } catch (const std::exception&) {
    return {"missing"};  // the tests then say what is missing
  }
}

inline std::vector<std::int64_t> joined(const Ids& ids) {
  std::vector<std::int64_t> out;
  for (const auto& row : ids) out.insert(out.end(), row.begin(), row.end());
  return out;
}
inline std::vector<std::int64_t> lengths(const Ids& ids) {
  std::vector<std::int64_t> out;
  for (const auto& row : ids) out.push_back(static_cast<std::int64_t>(row.size()));
  return out;
}

// Every row within `units` roundings of its own norm. A block is some twenty dependent sums, each of which loses
// about a rounding of its result; the tiny models have at most seven blocks and no cancellation between them.
inline void expect_close(const at::Tensor& got, const at::Tensor& expected, const std::string& what,
                         double units = 100) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const double eps =
      got.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const at::Tensor e = expected.to(at::kDouble), g = got.detach().to(at::kDouble);
  const at::Tensor distance = (g - e).norm(2, {-1}), bound = e.norm(2, {-1}) * (eps * units);
  EXPECT_TRUE((distance <= bound).all().item<bool>())
      << what << ": " << (distance / e.norm(2, {-1})).max().item<double>() / eps << " roundings";
}

}  // namespace deltascape::testing
