#include "represent/hidden_states.h"

#include <algorithm>

#include "core/processor.h"
#include "exec/device.h"
#include "exec/gemm.h"

namespace deltascape::represent {
namespace {

constexpr double kLargeError = 1e-2;  // of an embedding: docs/design.md §6.1

constexpr std::pair<const char*, engine::Precision> kPrecisions[] = {
    {"delta", engine::Precision::kDelta}, {"fp32", engine::Precision::kFp32}, {"fp64", engine::Precision::kFp64}};

engine::Precision precision_named(const std::string& name, c10::Device device) {
  for (const auto& [known, precision] : kPrecisions)
    if (name == known) return precision;
  const bool fast = engine::bfloat16_on(device).speed != Bfloat16::kSlow;  // auto
  return fast ? engine::Precision::kDelta : engine::Precision::kFp32;
}

const char* name_of(engine::Precision precision) {
  return std::ranges::find(kPrecisions, precision, &std::pair<const char*, engine::Precision>::second)->first;
}

// A full finetune's delta takes two bfloat16 products a linear, and conversions: less than one in fp32 only where
// bfloat16 is much faster. Full finetunes run in fp32 on a device.
engine::Precision full_precision_named(const std::string& name) {
  const bool fast = engine::bfloat16_on(c10::kCPU).speed == Bfloat16::kVeryFast;
  const bool delta = name == "delta" || (name == "auto" && fast);
  return delta ? engine::Precision::kDelta : engine::Precision::kFp32;
}

}  // namespace

HiddenStates::HiddenStates(const Base& base, const std::string& layer, const std::string& position)
    : base_(base),
      taps_(engine::parse_taps(layer, position, base.model->spec())),
      layout_(engine::make_layout(base.ids)) {}

std::string HiddenStates::precision_reason() const {
  return base_.options.precision == "auto" ? engine::bfloat16_on(base_.device).why : "";
}

engine::RunOptions HiddenStates::how(Progress& progress) const {
  const EmbedOptions& options = base_.options;
  const engine::RunOptions asked{.precision = precision_named(options.precision, base_.device),
                                 .full_precision = full_precision_named(options.precision),
                                 .memory = base_.memory(),
                                 .breakdown = options.breakdown,
                                 .device = base_.device,
                                 .layers = nullptr};
  const engine::RunOptions out = engine::computed(asked, base_.model->spec());
  if (options.precision == "delta" && out.precision != asked.precision)
    progress.note("deltas are not propagated through experts, nor through an encoder and a decoder: running in fp32");
  return out;
}

std::vector<Measured> HiddenStates::run(std::span<const Member> members, Progress& progress) {
  if (!how_) {
    how_ = how(progress);
    if (!base_.device.is_cpu()) {
      layers_.emplace(*base_.model, base_.device, engine::free_bytes(base_.device) / 2);
      how_->layers = &*layers_;
    }
  }
  std::vector<engine::Variant> variants;
  for (const Member& m : members) variants.push_back(*m.variant);
  const engine::RunResult result = engine::run(*base_.model, variants, layout_, taps_, *how_, progress);
  if (result.numeric_error.value_or(0) > kLargeError)
    progress.note("the numerical error of " + std::string(name_of(how_->precision)) + " is " +
                  std::to_string(*result.numeric_error) + " of the embedding: " + option("precision") +
                  " fp32 is exact");
  std::vector<Measured> out;
  for (const engine::VariantResult& v : result.variants) {
    Measured one{.error = v.error, .samples = v.delta, .base = result.base, .precision = name_of(v.precision)};
    if (v.precision == how_->precision) one.numeric_error = result.numeric_error;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace deltascape::represent
