// Owns the execution of a block's operations on a device, in ATen: the plain one, and delta propagation
// (delta_ops.h says what that is). A device takes many rows at once and every call to it costs, so what the variants of
// a chunk do is stacked: one batched product for all their low-rank terms.
#pragma once

#include "exec/plain_ops.h"

namespace deltascape::engine {

class DeviceOps final : public model::BlockOps {
 public:
  // `twins`: what the base's pass recorded, for delta propagation, or null. `record`: where to record, or null.
  DeviceOps(const LayerRun& run, const Record* twins, Record* record) : run_(run), twins_(twins), record_(record) {}

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) override;
  at::Tensor needed(const at::Tensor& x) override;
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;
  at::Tensor add(at::Tensor residual, const at::Tensor& y) override { return residual.add_(y); }
  at::Tensor experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) override;
  at::Tensor parameter(model::Module module, model::Param param) override {
    return parameter_by_variant(run_, module, param);
  }
  at::Tensor sequences(const at::Tensor& x, const model::SequenceStep& step) override {
    return by_sequence(run_, x, step);
  }
  at::Tensor positions() override;

 private:
  std::int64_t variants() const { return static_cast<std::int64_t>(run_.variants.size()); }
  at::Tensor by_variant(const at::Tensor& x) const { return x.view({variants(), -1, x.size(1)}); }
  // W x + bias as the twin's result plus W times the difference, which goes through fp32 for the tokens that are read.
  at::Tensor moved_linear(model::Module module, const at::Tensor& x) const;
  void add_low_rank(model::Module module, const at::Tensor& x, const at::Tensor& y) const;
  class StackedSteps;

  const LayerRun& run_;
  const Record* twins_;
  Record* record_;
};

}  // namespace deltascape::engine
