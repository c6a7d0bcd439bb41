#include "engine/stream.h"

#include "deltascape/error.h"
#include "engine/plain_ops.h"

namespace deltascape::engine {

using model::Module;
using model::Site;

at::Tensor Stream::read(std::int64_t v, const Tap& tap, Position position, const Ending& ending) const {
  const auto after = [&](const at::Tensor& x) { return tap.ended ? ending.apply(spec, x) : x; };
  if (pooled) return after(of(v).cpu());
  // The ending is a token's own affair, so the last position needs it for the last token alone.
  if (position == Position::kLast) return after(of(v).index_select(0, last).cpu());
  return pool(after(of(v).cpu()).unsqueeze(0), *layout, position)[0];
}

void Stream::branch(std::int64_t v, const Stream& base, std::optional<std::int64_t> probe) {
  const auto of_probe = [&](const at::Tensor& all, const Layout& l) {
    return probe ? all.narrow(0, l.starts[static_cast<std::size_t>(*probe)], l.length(*probe)) : all;
  };
  of(v).copy_(of_probe(base.rows, *base.layout));
  if (encoded) encoded_of(v).copy_(of_probe(base.encoded->rows, *base.encoded->layout));
}

void Stream::switch_to(const Layout& decoder) {
  encoded = Encoded{layout, std::move(attention), rows};
  layout = &decoder;
  attention = Attention(spec, decoder, variants, rows.scalar_type());
  last = decoder.last.to(rows.device());
  rows = at::empty({variants * decoder.tokens, spec.hidden}, rows.options());
}

void Stream::start_decoder(std::int64_t v, const Norm& encoder_norm, const at::Tensor& first_rows) {
  const at::Tensor own = encoded_of(v);
  own.copy_(normed(spec, Module::kEncoderNorm, own, encoder_norm));
  of(v).copy_(first_rows);
}

namespace {

// Each row's own in the table of learned positions.
std::vector<std::int64_t> position_ids(const model::ModelSpec& spec, const Layout& layout) {
  std::vector<std::int64_t> out;
  const std::int64_t offset = spec.architecture->position_offset;
  for (std::size_t p = 0; p < layout.probes.size(); ++p) {
    const std::int64_t first = layout.before.keys, end = first + layout.length(static_cast<std::int64_t>(p));
    if (end > spec.longest_text())
      throw Error(
          ErrorCode::kMismatch, "a probe is longer than the positions this model has learned",
          {.expected = "at most " + std::to_string(spec.longest_text()) + " tokens", .found = std::to_string(end)});
    for (std::int64_t i = first; i < end; ++i) out.push_back(i + offset);
  }
  return out;
}

// A variant's virtual rows before each probe's own: [tokens, hidden] -> [rows, hidden].
at::Tensor with_virtual_rows(const at::Tensor& rows, const at::Tensor& before, const Layout& layout) {
  std::vector<at::Tensor> parts;
  std::int64_t first = 0;
  for (const auto& probe : layout.probes) {
    const auto tokens = static_cast<std::int64_t>(probe.size());
    parts.push_back(before);
    parts.push_back(rows.narrow(0, first, tokens));
    first += tokens;
  }
  return at::cat(parts);
}

// `adapter` may be null.
at::Tensor first_rows(const model::Checkpoint& c, const adapter::Adapter* adapter, const Layout& layout,
                      at::ScalarType dtype) {
  const model::ModelSpec& spec = c.spec();
  const auto ops_of = [&](Module m) { return adapter ? adapter->ops(Site{m}, dtype) : adapter::ModuleOps(); };
  auto own = adapter ? adapter->embedding_rows(layout.ids, dtype) : std::nullopt;
  at::Tensor rows = own ? *own : c.embedding_rows(layout.ids, dtype);
  // Gemma's scale is a part of its embedding of tokens, Granite's of what follows.
  const bool scales_tokens = spec.architecture->scale_embeddings;
  if (scales_tokens && spec.embedding_scale != 1) rows.mul_(spec.embedding_scale);
  if (layout.before.rows > 0) rows = with_virtual_rows(rows, adapter->virtual_rows(dtype), layout);
  if (!scales_tokens && spec.embedding_scale != 1) rows.mul_(spec.embedding_scale);
  OuterLinear projection = loaded_linear(c, Module::kProjectIn, dtype);
  projection.ops = ops_of(Module::kProjectIn);
  if (!spec.architecture->project_sum) rows = projection.apply(rows);
  if (spec.has(Module::kPositions)) {
    const auto ids = position_ids(spec, layout);
    const at::Tensor table = ops_of(Module::kPositions).weight;
    rows.add_(table.defined() ? table.index_select(0, at::tensor(ids, at::kLong))
                              : c.rows(Module::kPositions, ids, dtype));
  }
  if (spec.has(Module::kTokenTypes)) {
    const at::Tensor table = ops_of(Module::kTokenTypes).weight;
    constexpr std::int64_t kFirst[] = {0};
    rows.add_(table.defined() ? table.narrow(0, 0, 1) : c.rows(Module::kTokenTypes, kFirst, dtype));
  }
  if (spec.has(Module::kEmbedNorm)) {
    const adapter::ModuleOps ops = ops_of(Module::kEmbedNorm);
    const Norm norm = replaced(spec, loaded_norm(c, {Module::kEmbedNorm}, dtype), ops.weight, ops.bias);
    rows = normed(spec, Module::kEmbedNorm, rows, norm);
  }
  return spec.architecture->project_sum ? projection.apply(rows) : rows;
}

}  // namespace

at::Tensor embedded(const model::Checkpoint& model, const Layout& layout, at::ScalarType dtype) {
  return first_rows(model, nullptr, layout, dtype);
}

std::optional<at::Tensor> embedded(const model::Checkpoint& base, const adapter::Adapter& adapter, const Layout& layout,
                                   at::ScalarType dtype) {
  if (adapter.first_layer() > 0 || !adapter.changes_embedding()) return {};
  return first_rows(base, &adapter, layout, dtype);
}

}  // namespace deltascape::engine
