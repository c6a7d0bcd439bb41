#include "lm/adapter_operators.h"

namespace deltascape::engine {

using model::Module;
using model::Site;

namespace {

// The layers' slices of a prefix, [2·layers, kv_heads, virtual tokens, head_dim].
at::Tensor whole_prefix(const adapter::Adapter& adapter, const model::ModelSpec& spec, at::ScalarType dtype) {
  std::vector<at::Tensor> parts;
  for (int layer = 0; layer < spec.layer_count(); ++layer) {
    const auto prefix = adapter.prefix(layer, dtype);
    if (!prefix) return {};
    for (const at::Tensor& x : {prefix->k, prefix->v})  // [virtual tokens, kv_heads·head_dim]
      parts.push_back(x.view({x.size(0), spec.kv_heads, spec.head_dim}).transpose(0, 1));
  }
  return at::stack(parts);
}

}  // namespace

VariantOperators operators_of(const adapter::Adapter& adapter, const model::ModelSpec& spec, at::ScalarType dtype) {
  VariantOperators out;
  std::vector<Site> sites = spec.sites();
  if (spec.tied_head) sites.push_back({Module::kHead});
  for (const Site site : sites)
    if (adapter::ModuleOps ops = adapter.ops(site, dtype); !ops.empty()) out.operators.emplace(site, std::move(ops));
  out.prefix = whole_prefix(adapter, spec, dtype);
  if (adapter.virtual_tokens().rows > 0) out.virtual_rows = adapter.virtual_rows(dtype);
  adapter.release();
  return out;
}

}  // namespace deltascape::engine
