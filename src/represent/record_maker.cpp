#include "represent/record_maker.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/utc_now.h"

#include "io/float_bits.h"

namespace deltascape::represent {
namespace {

// The nearest value of float16. By way of a float that is rounded to odd, so that nothing is rounded twice.
float half_of(double value) {
  auto nearest = static_cast<float>(value);
  if (std::abs(static_cast<double>(nearest)) > std::abs(value)) nearest = std::nextafter(nearest, 0.0F);
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (static_cast<double>(nearest) != value && std::isfinite(nearest)) bits |= 1U;
  return io::from_f16(io::to_f16(std::bit_cast<float>(bits)));
}

at::Tensor halves(const at::Tensor& values) {
  at::Tensor out = at::empty(values.sizes(), at::kDouble);
  const at::Tensor from = values.contiguous();
  const double* in = from.const_data_ptr<double>();
  std::transform(in, in + from.numel(), out.data_ptr<double>(), half_of);
  return out;
}

std::vector<float> floats(const at::Tensor& t) {
  const at::Tensor flat = t.to(at::kFloat).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

}  // namespace

store::Record make_record(const at::Tensor& delta, const at::Tensor& base, bool half) {
  store::Record r;
  const at::Tensor deltas = delta.to(at::kDouble);  // [taps, probes, d]
  const auto kept = [&](const at::Tensor& values) { return half ? halves(values) : values; };
  const at::Tensor mean = kept(deltas.mean(1));  // [taps, d]
  r.layers = deltas.size(0);
  r.probe_count = deltas.size(1);
  r.dim = deltas.size(2);
  r.mean = floats(mean);
  const at::Tensor error = r.probe_count > 1
                               ? deltas.std(1, /*unbiased=*/true) / std::sqrt(static_cast<double>(r.probe_count))
                               : at::zeros_like(mean);
  r.standard_error = floats(kept(error));
  if (r.layers == 1) r.per_probe = floats(kept(deltas));
  const at::Tensor hidden = base.to(at::kDouble).mean(1)[r.layers - 1];
  r.norm = mean[r.layers - 1].norm().item<double>();
  r.relative_norm = r.norm / std::max(hidden.norm().item<double>(), 1e-300);
  r.no_effect = r.norm == 0;
  r.program_version = DELTASCAPE_VERSION;
  r.created = utc_now();
  return r;
}

store::Record make_record(std::map<std::string, double> products, const std::string& own) {
  store::Record r;
  r.norm = std::sqrt(std::max(0.0, products.at(own)));
  r.products = std::move(products);
  r.no_effect = r.norm == 0;
  r.precision = "fp32";
  r.program_version = DELTASCAPE_VERSION;
  r.created = utc_now();
  return r;
}

}  // namespace deltascape::represent
