#include "model/gguf_rows.h"

namespace deltascape::model {
namespace {

bool grouped(const Architecture& a, Module module) { return module == Module::kQkv && a.qkv == QkvLayout::kByGroup; }

// A head's rows as [outer, inner] become [inner, outer].
at::Tensor turned(const ModelSpec& spec, Module module, const at::Tensor& rows, bool from_pairs) {
  const std::int64_t heads = module == Module::kQ ? spec.heads : spec.kv_heads, half = rows.size(0) / heads / 2;
  const std::int64_t outer = from_pairs ? half : 2, inner = from_pairs ? 2 : half;
  return rows.reshape({heads, outer, inner, -1}).transpose(1, 2).reshape(rows.sizes()).contiguous();
}

// Every head's q, then every k, then every v <-> the q that share a k and v, before these.
at::Tensor regrouped(const ModelSpec& s, const at::Tensor& rows, bool from_parts) {
  const std::int64_t q = s.heads / s.kv_heads * s.head_dim, k = s.head_dim;  // rows of a group
  if (!from_parts) {
    const at::Tensor groups = rows.reshape({s.kv_heads, q + 2 * k, -1});
    const auto part = [&](std::int64_t first, std::int64_t count) {
      return groups.narrow(1, first, count).flatten(0, 1);
    };
    return at::cat({part(0, q), part(q, k), part(q + k, k)}).reshape(rows.sizes());
  }
  const auto part = [&](std::int64_t first, std::int64_t each) {
    return rows.narrow(0, first, s.kv_heads * each).reshape({s.kv_heads, each, -1});
  };
  return at::cat({part(0, q), part(s.kv_heads * q, k), part(s.kv_heads * (q + k), k)}, 1).reshape(rows.sizes());
}

}  // namespace

bool gguf_permutes(const Architecture& a, Module module) {
  return grouped(a, module) || (a.gguf_permutes_qk && (module == Module::kQ || module == Module::kK));
}

at::Tensor rows_from_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows) {
  if (!gguf_permutes(*spec.architecture, module)) return rows;
  return grouped(*spec.architecture, module) ? regrouped(spec, rows, true) : turned(spec, module, rows, true);
}

at::Tensor rows_to_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows) {
  if (!gguf_permutes(*spec.architecture, module)) return rows;
  return grouped(*spec.architecture, module) ? regrouped(spec, rows, false) : turned(spec, module, rows, false);
}

}  // namespace deltascape::model
