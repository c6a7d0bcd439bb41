#include "model/gguf_rows.h"

namespace deltascape::model {
namespace {

// A head's rows as [outer, inner] become [inner, outer].
at::Tensor turned(const ModelSpec& spec, Module module, const at::Tensor& rows, bool from_pairs) {
  if (!gguf_permutes(*spec.architecture, module)) return rows;
  const std::int64_t heads = module == Module::kQ ? spec.heads : spec.kv_heads, half = rows.size(0) / heads / 2;
  const std::int64_t outer = from_pairs ? half : 2, inner = from_pairs ? 2 : half;
  return rows.reshape({heads, outer, inner, -1}).transpose(1, 2).reshape(rows.sizes()).contiguous();
}

}  // namespace

bool gguf_permutes(const Architecture& architecture, Module module) {
  return architecture.gguf_permutes_qk && (module == Module::kQ || module == Module::kK);
}

at::Tensor rows_from_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows) {
  return turned(spec, module, rows, true);
}

at::Tensor rows_to_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows) {
  return turned(spec, module, rows, false);
}

}  // namespace deltascape::model
