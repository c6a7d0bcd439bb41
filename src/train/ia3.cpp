// Owns training IA3 (arXiv 2205.05638): factors on what keys, values and feed-forwards' second linears give or read.
#include "adapter/adapter.h"
#include "adapter/peft_forms.h"
#include "deltascape/error.h"
#include "train/method.h"

namespace deltascape::training {
namespace {

using adapter::ScaledModule;
using model::Module;

constexpr Module kUsual[] = {Module::kK,      Module::kV,      Module::kQkv,  Module::kKvUp,
                             Module::kCrossK, Module::kCrossV, Module::kDown, Module::kSharedDown};

// PEFT's rule: of a feed-forward's second linear the input is scaled, of all others the output.
bool scales_input(Module module) { return module == Module::kDown || module == Module::kSharedDown; }

class Ia3 final : public Method {
 public:
  explicit Ia3(const Start& start) : weights_(start.weights), base_name_(start.options.base_name) {
    for (ScaledModule& m : start.init.empty() ? fresh(start) : given(start)) {
      m.factors = add(weights_.spec().hf_name(m.site) + ".ia3_l", m.factors.to(weights_.dtype()));
      modules_.push_back(m);
    }
  }
  Variant variant() const override {
    Variant out;
    for (const ScaledModule& m : modules_) {
      adapter::ModuleOps& ops = out.operators[m.site];
      if (m.input) {
        ops.input = adapter::InputChange{.scale = m.factors, .a = {}, .b = {}};
        continue;
      }
      ops.out_scale = m.factors;
      if (weights_.spec().has_bias(m.site.module)) ops.bias = weights_(m.site, model::Param::kBias) * m.factors;
    }
    return out;
  }
  void write(const std::filesystem::path& folder) const override {
    adapter::write_peft_ia3(folder, modules_, {.base = weights_.spec(), .base_name = base_name_});
  }

 private:
  static std::vector<ScaledModule> fresh(const Start& start) {
    const model::ModelSpec& spec = start.weights.spec();
    std::vector<ScaledModule> out;
    for (const model::Site& site : target_sites(spec, start.options.targets, kUsual)) {
      const bool input = scales_input(site.module);
      out.push_back({site, at::ones({spec.shape(site.module)[input ? 1 : 0]}), input});
    }
    return out;
  }
  static std::vector<ScaledModule> given(const Start& start) {
    const auto opened = adapter::Adapter::open(start.init, start.weights.checkpoint());
    std::vector<ScaledModule> out;
    for (const model::Site& site : start.weights.spec().sites()) {
      const adapter::ModuleOps ops = opened->ops(site, start.weights.dtype());
      if (ops.empty()) continue;
      const bool input = ops.input && ops.input->scale.defined();
      if (!input && !ops.out_scale.defined())
        throw Error(ErrorCode::kUsage, "an adapter of another method",
                    {.path = start.options.init, .field = option("init")});
      out.push_back({site, input ? ops.input->scale : ops.out_scale, input});
    }
    return out;
  }

  engine::Weights& weights_;
  std::string base_name_;
  std::vector<ScaledModule> modules_;  // of the leaves
};

}  // namespace

std::unique_ptr<Method> ia3(const Start& start) { return std::make_unique<Ia3>(start); }

}  // namespace deltascape::training
