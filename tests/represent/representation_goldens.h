// Owns how tests read the goldens of tests/make_representation_goldens.py, and measure what they are compared with.
#pragma once

#include <ATen/ATen.h>

#include "goldens.h"
#include "represent/opened.h"
#include "represent/representation.h"

namespace deltascape::testing {

inline std::filesystem::path representations_folder() {
  return goldens_folder("representations", "make_representation_goldens.py");
}

inline at::Tensor tensor_of(const io::NpyArray& array) {
  return at::tensor(at::ArrayRef(doubles(array)), at::kDouble).view(array.shape);
}

class RepresentationGolden {
 public:
  explicit RepresentationGolden(const std::string& model)
      : model_(model), arrays_(io::read_npz(representations_folder() / (model + ".npz"))) {}
  std::string base() const { return models_folder() / model_ / "base"; }
  const std::vector<std::string>& names() const {
    return std::get<std::vector<std::string>>(arrays_.at("names").values);
  }
  std::vector<ModelRef> models() const {
    std::vector<ModelRef> out;
    for (const std::string& name : names()) out.push_back({models_folder() / model_ / name, "", name});
    return out;
  }
  at::Tensor array(const std::string& name) const { return tensor_of(arrays_.at(name)); }

 private:
  std::string model_;
  std::map<std::string, io::NpyArray> arrays_;
};

// What embed() makes its records of.
inline std::vector<represent::Measured> measured(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                                 Progress& progress = silent_progress()) {
  const represent::Base base(options.base, options, progress);
  const represent::Chosen chosen = represent::representation_named(options.representation);
  const auto reading = chosen.row->vectors(base, chosen.parameters);
  reading->prepare(progress);
  std::vector<represent::Located> located;
  for (const ModelRef& m : models) located.push_back({m, m.path});
  const auto opened = represent::open_all(located, *base.model, false, 1);
  std::vector<represent::Member> members;
  for (const represent::Opened& o : opened) {
    if (o.error) throw *o.error;
    members.push_back({&o.variant, o.ref->name, o.hash, o.path});
  }
  return reading->measure(members, progress);
}
inline std::vector<represent::Measured> measured(const RepresentationGolden& golden, const EmbedOptions& options) {
  return measured(golden.models(), options);
}

// docs/design.md §6.2, a sample at a time; `whole` is what the base gives.
inline void expect_parity(const at::Tensor& got, const at::Tensor& ref, const at::Tensor& whole, bool fp64) {
  for (std::int64_t i = 0; i < ref.size(0); ++i) {
    const double error = (got[i].to(at::kDouble) - ref[i]).norm().item<double>(), size = ref[i].norm().item<double>();
    const double all = whole[i].norm().item<double>();
    EXPECT_LE(error, fp64 ? std::max(1e-5 * size, 4e-7 * all) : std::max(1e-4 * size, 4e-6 * all))
        << "sample " << i << ": ‖e‖ " << size << ", of the base " << all;
  }
}

}  // namespace deltascape::testing
