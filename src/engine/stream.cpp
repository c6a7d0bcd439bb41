#include "engine/stream.h"

#include <cmath>

#include "engine/plain_ops.h"

namespace deltascape::engine {

at::Tensor Stream::read(std::int64_t v, const Tap& tap, Position position, const at::Tensor& norm) const {
  const auto normed = [&](const at::Tensor& x) { return tap.final_norm ? rms_norm(x, norm, spec.norm_eps) : x; };
  const at::Tensor own = of(v);
  if (pooled) return normed(own);
  // The norm is a token's own affair, so the last position needs it for the last token alone.
  const bool late = position == Position::kLast;
  const at::Tensor value = pool((late ? own : normed(own)).unsqueeze(0), layout, position)[0];
  return late ? normed(value) : value;
}

at::Tensor scaled_embeddings(const model::ModelSpec& spec, at::Tensor rows) {
  if (!spec.architecture->scale_embeddings) return rows;
  return rows.mul_(static_cast<float>(std::sqrt(static_cast<double>(spec.hidden))));
}

}  // namespace deltascape::engine
