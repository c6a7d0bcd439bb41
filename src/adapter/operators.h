// Owns what an adapter does to one module: operators beside the base's weights, never a change of them (DESIGN §3).
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace deltascape::adapter {

// y += scale · B (A x), LoRA (arXiv 2106.09685). a: [r, in], b: [out, r].
struct LowRank {
  at::Tensor a, b;
  double scale = 1;
};

struct ModuleOps {
  std::vector<LowRank> low_rank;
  at::Tensor weight;  // undefined, or takes the place of the base's (modules_to_save)
  at::Tensor bias;    // undefined, or takes the place of the base's (LoRA `bias`, modules_to_save)
  bool empty() const { return low_rank.empty() && !weight.defined() && !bias.defined(); }
};

}  // namespace deltascape::adapter
