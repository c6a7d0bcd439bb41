// Owns training LoRA (arXiv 2106.09685).
#include <cmath>

#include "adapter/adapter.h"
#include "adapter/peft_forms.h"
#include "core/random.h"
#include "deltascape/error.h"
#include "train/method.h"

namespace deltascape::training {
namespace {

using adapter::LoraPair;
using model::Module;

// The paper's q, k, v, gate, up and down (arXiv 2509.04442 §4.1), whatever a family makes of them.
constexpr Module kUsual[] = {Module::kQ,          Module::kK,        Module::kV,          Module::kQkv,
                             Module::kQDown,      Module::kQUp,      Module::kKvDown,     Module::kKvUp,
                             Module::kCrossQ,     Module::kCrossK,   Module::kCrossV,     Module::kGate,
                             Module::kUp,         Module::kGateUp,   Module::kFc,         Module::kDown,
                             Module::kSharedGate, Module::kSharedUp, Module::kSharedDown, Module::kSharedGateUp,
                             Module::kMixerIn,    Module::kMixerGate};

// As PEFT starts: A uniform in ±1/√in (Kaiming's rule with a = √5), B zero, so that nothing is added yet.
LoraPair new_pair(model::Site site, const TrainOptions& options, const std::vector<std::int64_t>& shape,
                  std::uint64_t which) {
  at::Tensor a = at::empty({options.rank, shape[1]}, at::kFloat);
  Random random(options.seed, Purpose::kStart, which);
  const double bound = 1 / std::sqrt(static_cast<double>(shape[1]));
  for (float& x : std::span(a.data_ptr<float>(), static_cast<std::size_t>(a.numel())))
    x = static_cast<float>((2 * random.uniform() - 1) * bound);
  return {site,
          {a, at::zeros({shape[0], options.rank}, at::kFloat), options.alpha / static_cast<double>(options.rank)}};
}

class Lora final : public Method {
 public:
  explicit Lora(const Start& start) : spec_(start.weights.spec()), base_name_(start.options.base_name) {
    const at::ScalarType dtype = start.weights.dtype();
    for (LoraPair& pair : start.init.empty() ? fresh(start) : given(start)) {
      const std::string path = spec_.hf_name(pair.site);
      pair.low_rank.a = add(path + ".lora_A", pair.low_rank.a.to(dtype));
      pair.low_rank.b = add(path + ".lora_B", pair.low_rank.b.to(dtype));
      pairs_.push_back(pair);
    }
  }
  Variant variant() const override {
    Variant out;
    for (const LoraPair& p : pairs_) out.operators[p.site].low_rank = {p.low_rank};
    return out;
  }
  void write(const std::filesystem::path& folder) const override {
    adapter::write_peft_lora(folder, pairs_, {.base = spec_, .base_name = base_name_});
  }

 private:
  static std::vector<LoraPair> fresh(const Start& start) {
    const model::ModelSpec& spec = start.weights.spec();
    std::vector<LoraPair> out;
    for (const model::Site& site : target_sites(spec, start.options.targets, kUsual))
      out.push_back(new_pair(site, start.options, spec.shape(site.module), out.size()));
    return out;
  }
  static std::vector<LoraPair> given(const Start& start) {
    const auto opened = adapter::Adapter::open(start.init, start.weights.checkpoint());
    std::vector<LoraPair> out;
    for (const model::Site& site : opened->lora_sites()) {
      if (site.module == Module::kEmbed || model::of_expert(site.module))
        throw Error(ErrorCode::kUnsupported, "LoRA on embeddings or experts is not trained here",
                    {.path = start.options.init, .field = start.weights.spec().hf_name(site)});
      out.push_back({site, opened->lora(site)});
    }
    return out;
  }

  const model::ModelSpec& spec_;
  std::string base_name_;
  std::vector<LoraPair> pairs_;  // of the leaves
};

}  // namespace

std::unique_ptr<Method> lora(const Start& start) { return std::make_unique<Lora>(start); }

}  // namespace deltascape::training
