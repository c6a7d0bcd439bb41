#include "pass/stream.h"

#include "exec/first_rows.h"
#include "exec/plain_ops.h"

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

// `adapter` may be null.
at::Tensor rows_of(const model::Checkpoint& c, const adapter::Adapter* adapter, const Layout& layout,
                   at::ScalarType dtype) {
  const model::ModelSpec& spec = c.spec();
  const auto ops_of = [&](Module m) { return adapter ? adapter->ops(Site{m}, dtype) : adapter::ModuleOps(); };
  OuterSteps steps;
  steps.rows = [&](Module table, std::span<const std::int64_t> ids) {
    if (table == Module::kEmbed) {
      const auto own = adapter ? adapter->embedding_rows(ids, dtype) : std::nullopt;
      return own ? *own : c.embedding_rows(ids, dtype);
    }
    const at::Tensor own = ops_of(table).weight;
    if (!own.defined()) return c.rows(table, ids, dtype);
    return own.index_select(0, at::tensor(at::ArrayRef(ids.data(), ids.size()), at::kLong));
  };
  steps.linear = [&](Module module, const at::Tensor& x) {
    OuterLinear linear = loaded_linear(c, module, dtype);
    linear.ops = ops_of(module);
    return linear.apply(x);
  };
  steps.norm = [&](Module module, const at::Tensor& x) {
    const adapter::ModuleOps ops = ops_of(module);
    return normed(spec, module, x, replaced(spec, loaded_norm(c, {module}, dtype), ops.weight, ops.bias));
  };
  std::vector<std::int64_t> rows;
  for (std::size_t p = 0; p < layout.probes.size(); ++p) rows.push_back(layout.length(static_cast<std::int64_t>(p)));
  const std::vector<std::int64_t> behind(rows.size(), layout.before.keys);
  const at::Tensor before = layout.before.rows > 0 ? adapter->virtual_rows(dtype) : at::Tensor();
  return first_rows(spec, steps, {.ids = layout.ids, .rows = rows, .behind = behind, .virtual_rows = before});
}

}  // namespace

at::Tensor embedded(const model::Checkpoint& model, const Layout& layout, at::ScalarType dtype) {
  return rows_of(model, nullptr, layout, dtype);
}

std::optional<at::Tensor> embedded(const model::Checkpoint& base, const adapter::Adapter& adapter, const Layout& layout,
                                   at::ScalarType dtype) {
  if (adapter.first_layer() > 0 || !adapter.changes_embedding()) return {};
  return rows_of(base, &adapter, layout, dtype);
}

}  // namespace deltascape::engine
