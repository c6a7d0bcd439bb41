// Owns RoPE frequencies, with the same float32 operations as transformers' modeling_rope_utils, so that angles agree
// to the bit with what the models were trained and published with.
#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "model/spec.h"

namespace deltascape::model {
namespace {

// base ** (0, 2, 4 … / dim): [dim/2]
at::Tensor position_frequencies(double base, int dim) {
  return at::pow(at::Scalar(base), at::arange(0, dim, 2, at::kLong).to(at::kFloat).div(static_cast<double>(dim)));
}

at::Tensor llama3(const at::Tensor& inv, const RopeSpec& r) {
  const double low = r.original_positions / r.low_freq_factor, high = r.original_positions / r.high_freq_factor;
  const at::Tensor wavelength = at::reciprocal(inv).mul(2 * std::numbers::pi);
  const at::Tensor scaled = at::where(wavelength > low, inv / r.factor, inv);
  const at::Tensor smooth = (at::reciprocal(wavelength).mul(r.original_positions) - r.low_freq_factor) /
                            (r.high_freq_factor - r.low_freq_factor);
  const at::Tensor smoothed = (1 - smooth) * scaled / r.factor + smooth * scaled;
  return at::where(~(wavelength < high) & ~(wavelength > low), smoothed, scaled);
}

// NTK by length: past max_positions the base grows, in float32 as transformers' tensors have it.
at::Tensor dynamic(const RopeSpec& r, std::int64_t length) {
  if (static_cast<double>(length) <= r.max_positions) return at::reciprocal(position_frequencies(r.theta, r.dim));
  const at::Tensor stretch = at::scalar_tensor(length, at::kLong).mul(r.factor).div(r.max_positions).sub(r.factor - 1);
  const at::Tensor base = stretch.pow(r.dim / (r.dim - 2.0)).mul(r.theta);
  const at::Tensor exponents = at::arange(0, r.dim, 2, at::kLong).to(at::kFloat).div(static_cast<double>(r.dim));
  return at::reciprocal(at::pow(base, exponents));
}

// arXiv 2309.00071 §3.2: high frequencies kept, low ones interpolated, a ramp between.
at::Tensor yarn(const RopeSpec& r) {
  const auto correction = [&](double rotations) {
    return r.dim * std::log(r.original_positions / (rotations * 2 * std::numbers::pi)) / (2 * std::log(r.theta));
  };
  double low = correction(r.beta_fast), high = correction(r.beta_slow);
  if (r.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, r.dim - 1.0);
  if (low == high) high += 0.001;
  const at::Tensor frequencies = position_frequencies(r.theta, r.dim);
  const at::Tensor kept = 1 - ((at::arange(r.dim / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  return at::reciprocal(frequencies * r.factor) * (1 - kept) + at::reciprocal(frequencies) * kept;
}

// Every frequency by a factor of its own, one list up to the trained length and another beyond.
at::Tensor longrope(const RopeSpec& r, std::int64_t length) {
  const bool beyond = static_cast<double>(length) > r.original_positions;
  return at::reciprocal(at::tensor(beyond ? r.long_factors : r.short_factors) * position_frequencies(r.theta, r.dim));
}

}  // namespace

std::vector<float> inverse_frequencies(const RopeSpec& r, std::int64_t length) {
  at::Tensor inv;
  if (r.type == "yarn") {
    inv = yarn(r);
  } else if (r.type == "longrope") {
    inv = longrope(r, length);
  } else if (r.type == "dynamic") {
    inv = dynamic(r, length);
  } else {
    inv = at::reciprocal(position_frequencies(r.theta, r.dim));
    if (r.type == "linear") inv = inv / r.factor;
    if (r.type == "llama3") inv = llama3(inv, r);
  }
  inv = inv.contiguous();
  std::vector<float> out(inv.data_ptr<float>(), inv.data_ptr<float>() + inv.numel());
  for (std::size_t i = 0; i < r.divisors.size() && i < out.size(); ++i) out[i] /= r.divisors[i];
  return out;
}

}  // namespace deltascape::model
