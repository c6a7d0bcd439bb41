#include "exec/positions.h"

#include <cmath>

namespace deltascape::engine {

Angles rope_angles(const model::RopeSpec& rope, std::int64_t first, std::int64_t tokens, std::int64_t length) {
  const std::vector<float> inverse = model::inverse_frequencies(rope, length);
  const at::Tensor positions = at::arange(first, first + tokens, at::kLong).to(at::kFloat);
  const at::Tensor angle = positions.unsqueeze(1) * at::tensor(inverse).unsqueeze(0);
  const double factor = model::rope_attention_factor(rope);
  if (!rope.complex) return {angle.cos() * factor, angle.sin() * factor};
  // The last bit of polar is its own.
  const at::Tensor turn = at::view_as_real(at::polar(at::ones_like(angle), angle) * factor);
  return {turn.select(2, 0), turn.select(2, 1)};
}

at::Tensor rotate(const model::RopeSpec& rope, const at::Tensor& x, std::int64_t first, std::int64_t length) {
  const auto [cos, sin] = rope_angles(rope, first, x.size(0), length);
  return rotate(rope, x, {cos.to(x.scalar_type()), sin.to(x.scalar_type())});
}

at::Tensor rotate(const model::RopeSpec& rope, const at::Tensor& x, const Angles& angles) {
  const at::Tensor cos = angles.cos.unsqueeze(1), sin = angles.sin.unsqueeze(1);  // [tokens, 1, dim/2]
  const std::int64_t half = rope.dim / 2;
  const at::Tensor turning = x.narrow(-1, rope.offset, rope.dim);
  at::Tensor a, b, turned;
  if (rope.interleaved) {
    const at::Tensor pairs = turning.unflatten(-1, {half, 2});
    a = pairs.select(-1, 0), b = pairs.select(-1, 1);
    turned = at::stack({a * cos - b * sin, b * cos + a * sin}, -1).flatten(-2);
  } else {
    a = turning.narrow(-1, 0, half), b = turning.narrow(-1, half, half);
    turned = at::cat({a * cos - b * sin, b * cos + a * sin}, -1);
  }
  if (rope.dim == x.size(-1)) return turned;
  const std::int64_t after = rope.offset + rope.dim;
  return at::cat({x.narrow(-1, 0, rope.offset), turned, x.narrow(-1, after, x.size(-1) - after)}, -1);
}

at::Tensor alibi(const model::ModelSpec& spec, std::int64_t keys) {
  const std::int64_t heads = spec.heads;
  // float32, as BLOOM computes it. Powers of one base for the largest power of two of heads; the heads beyond take
  // every second power of the base of twice as many.
  const auto whole = static_cast<std::int64_t>(std::exp2(std::floor(std::log2(static_cast<double>(heads)))));
  const auto powers = [](std::int64_t of, std::int64_t count, std::int64_t step) {
    const double base = std::exp2(-std::exp2(-(std::log2(static_cast<double>(of)) - 3)));
    return at::pow(at::full({}, base, at::kFloat), at::arange(1, 1 + step * count, step, at::kInt));
  };
  at::Tensor slopes = powers(whole, whole, 1);
  if (whole != heads) slopes = at::cat({slopes, powers(2 * whole, heads - whole, 2)});
  slopes = slopes.view({heads, 1, 1});
  if (!spec.alibi.rounded) return slopes * at::arange(keys, at::kFloat) * spec.alibi.scale;
  // Falcon's factor is rounded to what the product is computed in: it stays double until then.
  const at::Tensor bias = slopes.to(at::kBFloat16) * at::arange(keys, at::kLong);
  return bias.to(at::kDouble) * spec.alibi.scale;
}

at::Tensor relative_buckets(const model::RelativeSpec& spec, bool causal, std::int64_t first, std::int64_t n,
                            std::int64_t m) {
  const at::Tensor away =
      at::arange(m, at::kLong).unsqueeze(0) - at::arange(first, first + n, at::kLong).unsqueeze(1);  // key - query
  const std::int64_t buckets = causal ? spec.buckets : spec.buckets / 2;
  const at::Tensor side = causal ? at::zeros_like(away) : (away > 0).to(at::kLong) * buckets;
  const at::Tensor distance = causal ? at::clamp_min(-away, 0) : away.abs();
  const std::int64_t exact = buckets / 2;
  const double span = std::log(static_cast<double>(spec.max_distance) / static_cast<double>(exact));
  const at::Tensor grown =
      at::log(distance.to(at::kFloat) / static_cast<double>(exact)) / span * static_cast<double>(buckets - exact);
  // The logarithm of distance 0 is not used: those are exact.
  const at::Tensor far = (grown.clamp_min(0).to(at::kLong) + exact).clamp_max(buckets - 1);
  return side + at::where(distance < exact, distance, far);
}

}  // namespace deltascape::engine
