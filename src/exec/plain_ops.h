// Owns the plain execution of a block's operations: several variants of one base packed in the rows, each with its
// operators, all products through the base's shared weights. On request it records what every linear reads and gives,
// which makes it the base's pass for delta propagation (delta_ops.h).
#pragma once

#include <span>

#include "core/stopwatch.h"
#include "exec/attention.h"
#include "exec/device_attention.h"
#include "exec/evaluate.h"
#include "exec/layer_ops.h"
#include "exec/layer_weights.h"
#include "model/block.h"

namespace deltascape::engine {

// What a linear of the base's pass read and gave: x [rows, in], y [rows, out] with the bias.
struct Twin {
  at::Tensor x, y;
};
using Record = model::PerModule<Twin>;

// What the rows of one call have in common.
struct LayerRun {
  const model::Checkpoint& base;
  const model::ModelSpec& spec;  // the base's, or a full finetune's own
  int layer = 0;
  const LayerWeights& weights;
  const Layout& layout;                        // of each variant's rows
  const Attention& attention;                  // over it
  const Attention* cross = nullptr;            // over the encoder's rows; null without an encoder
  const DeviceAttention* on_device = nullptr;  // where the rows lie on a device
  std::int64_t first = 0;                      // which of those that `attention` knows is the rows' first variant
  std::span<const LayerOps> variants;          // rows are [variants, rows of each]; one empty LayerOps for the base
  at::Tensor memory;                           // the variants' rows of the encoder; undefined without one
  at::Tensor tapped;                           // the only tokens whose results are needed, [probes]; undefined for all
  at::Tensor exact;  // tokens that delta propagation runs in fp32, [probes]; undefined for none
  Breakdown* breakdown = nullptr;
};

// What the variants do to a linear that reads so many rows of all of them.
std::vector<LinearTerms> terms_of(const LayerRun& run, model::Module module, std::int64_t rows);

// Whether every row of x has a twin in `twin`, which may be undefined.
bool has_twins(const LayerRun& run, const at::Tensor& twin, const at::Tensor& x);

class PlainOps : public model::BlockOps {
 public:
  explicit PlainOps(const LayerRun& run, Record* record = nullptr) : run_(run), record_(record) {}

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) override;
  at::Tensor memory() override { return run_.memory; }
  at::Tensor cross_attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v) override;
  at::Tensor needed(const at::Tensor& x) override;
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;
  at::Tensor add(at::Tensor residual, const at::Tensor& y) override;
  // In full precision in every execution: which rows an expert has differs from the base's twin (expert_ops.cpp).
  at::Tensor experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) override;
  at::Tensor parameter(model::Module module, model::Param param) override;
  at::Tensor sequences(const at::Tensor& x, const model::SequenceStep& step) override;
  at::Tensor positions() override;

 protected:
  std::int64_t variants() const { return static_cast<std::int64_t>(run_.variants.size()); }
  AttentionRows attention_rows(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;
  // Variant v's rows of x.
  at::Tensor rows_of(const at::Tensor& x, std::size_t v) const {
    const std::int64_t each = x.size(0) / variants();
    return x.narrow(0, static_cast<std::int64_t>(v) * each, each);
  }
  // The linear's steps for packed rows: one product for all variants through the shared weight.
  class PackedSteps;
  // What all variants do to a linear, evaluated by `steps`.
  at::Tensor evaluated(LinearSteps& steps, model::Module module, const at::Tensor& x) const;
  // y += B A x for every variant that has such terms on the module.
  void add_low_rank(model::Module module, const at::Tensor& x, const at::Tensor& y);
  // A x of every variant, with the A's of all modules that read x stacked: [rows of a variant, ranks] each, for the
  // variants that have such terms on the module. Small products: they run beside each other.
  const std::vector<at::Tensor>& shrunk(model::Module module, const at::Tensor& x);

  const LayerRun& run_;

 private:
  Record* record_;
  // Modules that read the same input share one product with their A's stacked: A x of every variant, valid while
  // shrunk_input_ is what they read.
  at::Tensor shrunk_input_;
  model::Module shrunk_group_ = model::Module::kHead;  // the first of them: others may read the same input
  std::vector<at::Tensor> shrunk_;                     // [rows of a variant, stacked ranks]
};

class PlainOps::PackedSteps : public LinearSteps {
 public:
  PackedSteps(PlainOps& ops, model::Module module)
      : LinearSteps(product, ops.run_.breakdown), ops_(ops), module_(module) {}
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t v) override;
  at::Tensor add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms> variants) override;

 protected:
  PlainOps& ops_;
  model::Module module_;
};

// What BlockOps says of parameters and of rows in their sequences, for packed rows.
at::Tensor parameter_by_variant(const LayerRun& run, model::Module module, model::Param param);
at::Tensor by_sequence(const LayerRun& run, const at::Tensor& x, const model::SequenceStep& step);
at::Tensor needed_positions(const LayerRun& run, const at::Device& device);

// The experts of a layer, whose operations beside their linears are the block's.
at::Tensor run_experts(const LayerRun& run, model::BlockOps& block, const at::Tensor& x, const model::Routing& routing,
                       const model::ExpertMlp& mlp);

// The family's norm over each run of the weight's width: x [rows, n·width], norm [width].
at::Tensor normed(const model::ModelSpec& spec, model::Module module, const at::Tensor& x, const Norm& norm);
// A norm of all variants' rows, each with the weight and bias that it may bring.
using NormStep = decltype(normed);
at::Tensor norm_by_variant(const LayerRun& run, model::Module module, const at::Tensor& x, NormStep step);

}  // namespace deltascape::engine
