// Owns what one variant does to the modules of one layer, in the form the executions use: a LoRA's A stacked for the
// modules that read one input, its B transposed and scaled.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <span>
#include <vector>

#include "adapter/adapter.h"
#include "exec/evaluate.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

// The modules of a block that read the same input as `module`, itself among them.
std::span<const model::Module> same_input(model::Module module);

// One term of y += (x Aᵀ) B: its rows of the stacked A, and its B.
struct Expand {
  std::int64_t first = 0, rank = 0;
  at::Tensor b;  // [rank, out], contiguous, times the scale
};

class LayerOps {
 public:
  LayerOps() = default;  // the base itself
  // Reads all of the layer's operators; throws Error naming the tensor that holds NaN or Inf.
  LayerOps(const adapter::Adapter& adapter, const model::Checkpoint& base, int layer, at::ScalarType dtype);
  // The same from operators at hand; those of an expert's modules are every expert's.
  explicit LayerOps(model::PerModule<adapter::ModuleOps> ops);
  // A full finetune replaces every weight; each is read when it is asked for, so that one is in memory at a time.
  LayerOps(const model::Checkpoint& full, int layer, at::ScalarType dtype)
      : full_(&full), layer_(layer), dtype_(dtype) {}

  // What takes the place of the base's tensor; undefined when nothing does. Throws like the constructor.
  at::Tensor weight(model::Module module) const;
  at::Tensor bias(model::Module module) const;
  // What it does to a linear of an expert, read when it is asked for.
  adapter::ModuleOps expert(model::Site site) const;
  // What it does to a linear beside low-rank terms, which are below. Of a full finetune it holds the weight.
  LinearTerms terms(model::Module module, std::int64_t rows, const at::Tensor& base_bias) const;
  const std::optional<adapter::Prefix>& prefix() const { return prefix_; }
  // Whether low-rank terms beside the base's own product are all there is.
  bool only_low_rank(model::Module module) const { return full_ == nullptr && ops_[index(module)].empty(); }
  bool replaces_weight(model::Module module) const { return full_ != nullptr || ops_[index(module)].weight.defined(); }
  bool replaces_bias(model::Module module) const { return full_ != nullptr || ops_[index(module)].bias.defined(); }
  // The stacked A of all modules that read what `module` reads, [ranks, in]; undefined without low-rank terms.
  const at::Tensor& shrink(model::Module module) const { return shrink_[index(same_input(module)[0])]; }
  const std::vector<Expand>& expand(model::Module module) const { return expand_[index(module)]; }

 private:
  model::PerModule<adapter::ModuleOps> ops_;  // without the low-rank terms below
  model::PerModule<at::Tensor> shrink_;
  model::PerModule<std::vector<Expand>> expand_;
  std::optional<adapter::Prefix> prefix_;
  const adapter::Adapter* adapter_ = nullptr;
  const model::Checkpoint* full_ = nullptr;
  int layer_ = 0;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace deltascape::engine
