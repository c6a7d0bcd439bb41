#include "adapter/virtual_tokens.h"

#include "adapter/kinds.h"
#include "deltascape/error.h"
#include "io/residency.h"

namespace deltascape::adapter {
namespace {

void expect_shape(const io::TensorFile& file, const io::TensorInfo& t, const std::vector<std::int64_t>& shape) {
  if (t.shape == shape) return;
  throw Error(ErrorCode::kMismatch, "the virtual tokens do not fit the base",
              {.path = file.path().string(),
               .field = t.name,
               .expected = io::shape_text(shape),
               .found = io::shape_text(t.shape)});
}

}  // namespace

VirtualTokens virtual_tokens(const PeftConfig& config, const io::TensorFile& file, const io::TensorInfo& t,
                             const model::ModelSpec& spec) {
  const auto unsupported = [&](const char* what) {
    throw Error(ErrorCode::kUnsupported, what, {.path = file.path().string(), .field = t.name});
  };
  if (spec.architecture->stacks != model::StackKind::kDecoder)
    unsupported("virtual tokens are supported for decoders only");
  const std::int64_t count = config.virtual_tokens;
  if (config.kind->virtual_tokens == Virtual::kRows) {
    expect_shape(file, t, {count, spec.embed_width});
    return {.rows = count};
  }
  if (spec.architecture->mixer == model::MixerKind::kLatent)
    unsupported("a prefix has no meaning for latent attention, whose keys are made in every pass");
  if (spec.recurrent.heads > 0) unsupported("a prefix of keys has no meaning for layers that keep a state");
  expect_shape(file, t, {count, 2 * spec.layer_count() * spec.kv_heads * spec.head_dim});
  return {.keys = count};
}

Prefix read_prefix(const io::TensorFile& file, const io::TensorInfo& t, const model::ModelSpec& spec, int layer,
                   at::ScalarType dtype) {
  // A row is a virtual token: for each layer its keys of all heads, then its values.
  const auto width = static_cast<std::uint64_t>(2 * spec.kv_heads * spec.head_dim);
  const std::uint64_t size = io::info(t.dtype).block_bytes;
  const io::Bytes bytes = file.bytes(t);
  std::vector<io::Bytes> slices;
  for (std::int64_t token = 0; token < t.shape[0]; ++token)
    slices.push_back(bytes.subspan(
        (static_cast<std::uint64_t>(token * t.shape[1]) + static_cast<std::uint64_t>(layer) * width) * size,
        width * size));
  const at::Tensor both = at::empty({t.shape[0], static_cast<std::int64_t>(width)}, at::TensorOptions(dtype));
  const auto decode = [&](auto* to) {
    io::BoundedPass(file).read_scattered(slices, [&](io::Bytes slice) {
      if (!io::decode_finite(t.dtype, slice, to, width)) io::check_finite(file, t);
      to += width;
    });
  };
  if (dtype == at::kDouble) decode(both.data_ptr<double>());
  else decode(both.data_ptr<float>());
  const std::int64_t half = both.size(1) / 2;
  return {both.narrow(1, 0, half).contiguous(), both.narrow(1, half, half).contiguous()};
}

}  // namespace deltascape::adapter
