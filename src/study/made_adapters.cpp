#include "study/made_adapters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <map>

#include "adapter/adapter.h"
#include "adapter/peft_forms.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using adapter::LoraPair;

std::vector<LoraPair> pairs_of(const fs::path& path, const model::Checkpoint& base) {
  return adapter::lora_pairs(*adapter::Adapter::open(path, base));
}

adapter::LoraForm form_of(const model::Checkpoint& base, io::DType dtype = io::DType::kF32) {
  return {base.spec(), base.path().string(), dtype};
}

double delta_norm(const adapter::LowRank& pair) {  // of B·A, without forming it
  const at::Tensor a = pair.a.to(at::kDouble), b = pair.b.to(at::kDouble);
  return (at::mm(b.t(), b) * at::mm(a, a.t())).sum().clamp_min(0).sqrt().item<double>();
}

}  // namespace

void write_random_like(const fs::path& adapter, const model::Checkpoint& base, std::uint64_t seed,
                       const fs::path& out) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto draw = [&](const at::Tensor& like) { return at::randn(like.sizes(), generator, like.options()); };
  std::vector<LoraPair> pairs = pairs_of(adapter, base);
  for (LoraPair& pair : pairs) {
    adapter::LowRank& own = pair.low_rank;
    adapter::LowRank random = own;
    random.a = draw(own.a);
    random.a *= own.a.norm() / random.a.norm();
    random.b = draw(own.b);
    random.b *= delta_norm(own) / delta_norm(random);
    own = std::move(random);
  }
  adapter::write_peft_lora(out, pairs, form_of(base));
}

void write_mean_of(const fs::path& one, const fs::path& other, const model::Checkpoint& base, const fs::path& out) {
  std::map<model::Site, LoraPair> merged;
  for (const fs::path& path : {one, other})
    for (LoraPair& pair : pairs_of(path, base)) {
      adapter::LowRank& own = pair.low_rank;
      own.b = own.b * (own.scale / 2);
      own.scale = 1;
      const auto [found, fresh] = merged.emplace(pair.site, pair);
      if (fresh) continue;
      adapter::LowRank& all = found->second.low_rank;
      all.a = at::cat({all.a, own.a}, 0);
      all.b = at::cat({all.b, own.b}, 1);
    }
  std::vector<LoraPair> pairs;
  for (auto& [site, pair] : merged) pairs.push_back(std::move(pair));
  adapter::write_peft_lora(out, pairs, form_of(base));
}

void write_resaved(const fs::path& adapter, const model::Checkpoint& base, const fs::path& out) {
  std::vector<LoraPair> pairs = pairs_of(adapter, base);
  for (LoraPair& pair : pairs) {
    pair.low_rank.a = -pair.low_rank.a;
    pair.low_rank.b = -pair.low_rank.b;
  }
  adapter::write_peft_lora(out, pairs, form_of(base, io::DType::kF16));
}

}  // namespace deltascape::study
