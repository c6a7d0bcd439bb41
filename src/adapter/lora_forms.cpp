#include "adapter/lora_forms.h"

#include <algorithm>
#include <cmath>

#include "adapter/adapter.h"
#include "adapter/gguf_lora.h"
#include "adapter/tensor_list.h"
#include "deltascape/error.h"
#include "io/gguf_write.h"
#include "model/gguf_rows.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;

std::uint32_t file_type(io::DType dtype) {  // llama_ftype
  return dtype == io::DType::kF16 ? 1 : dtype == io::DType::kBF16 ? 32 : 0;
}

}  // namespace

std::vector<LoraPair> lora_pairs(const Adapter& adapter) {
  std::vector<LoraPair> out;
  for (const model::Site& site : adapter.lora_sites()) out.push_back({site, adapter.lora(site)});
  return out;
}

bool same_alpha(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

bool one_alpha(const std::vector<LoraPair>& pairs) {
  const double first = pairs.front().alpha();
  return first != 0 && std::ranges::all_of(pairs, [&](const LoraPair& p) { return same_alpha(p.alpha(), first); });
}

void write_gguf_lora(const fs::path& file, const std::vector<LoraPair>& pairs, const LoraForm& form) {
  const model::Architecture& family = *form.base.architecture;
  const std::string_view architecture = gguf_adapter_architecture(family);
  const bool whole = one_alpha(pairs);
  TensorList tensors(form.dtype);
  for (const LoraPair& p : pairs) {
    const std::vector<std::string> names = model::gguf_names(family, p.site);
    const std::string name = architecture.empty() || names.empty() ? "" : names.front();
    const bool ordered = p.site.module != Module::kQkv || family.qkv == model::QkvLayout::kBlocks;
    if (name.empty() || !ordered)
      throw Error(ErrorCode::kUnsupported, "llama.cpp's form of this module is not known here",
                  {.path = file.string(), .field = form.base.hf_name(p.site), .found = std::string(family.model_type)});
    const at::Tensor b = whole ? p.low_rank.b : p.low_rank.b * p.low_rank.scale;
    const bool embedding = p.site.module == Module::kEmbed;
    tensors.add(name + ".weight.lora_a", embedding ? p.low_rank.a.t() : p.low_rank.a);
    tensors.add(name + ".weight.lora_b", embedding ? b : model::rows_to_gguf(form.base, p.site.module, b));
  }
  io::GgufMetadata metadata = {{"general.architecture", std::string(architecture)},
                               {"general.type", "adapter"},
                               {"general.file_type", file_type(form.dtype)},
                               {"adapter.type", "lora"},
                               // Zero: the scale is in B.
                               {"adapter.lora.alpha", whole ? static_cast<float>(pairs.front().alpha()) : 0.0F}};
  if (!form.base_name.empty()) {
    metadata.emplace_back("general.base_model.count", std::uint32_t{1});
    metadata.emplace_back("general.base_model.0.name", form.base_name);
  }
  io::write_gguf(file, metadata, tensors());
}

}  // namespace deltascape::adapter
