#include "model/mixers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deltascape::model {
namespace {

// A layer's parameters, [variants or 1, …]; undefined where the mixer has none of the kind.
struct Parameters {
  at::Tensor conv, conv_bias, decay, step, skip, norm;
  at::Tensor of(const at::Tensor& all, std::int64_t variant) const {
    return all.defined() ? all[all.size(0) == 1 ? 0 : variant] : all;
  }
};

Parameters parameters(const ModelSpec& s, BlockOps& ops) {
  Parameters p{.conv = ops.parameter(Module::kMixerConv),
               .decay = -ops.parameter(Module::kMixerDecay).exp(),
               .step = ops.parameter(Module::kMixerStep),
               .norm = ops.parameter(Module::kMixerNorm)};
  if (s.recurrent.conv_bias) p.conv_bias = ops.parameter(Module::kMixerConv, Param::kBias);
  if (s.recurrent.kind == MixerKind::kMamba2) p.skip = ops.parameter(Module::kMixerSkip);
  return p;
}

// Each channel over its last `kernel` rows, then SiLU: [n, channels] -> the same.
at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, RecurrentState& state) {
  const std::int64_t n = x.size(0), kernel = weight.size(1);
  const at::Tensor before = state.conv.defined() ? state.conv : at::zeros({kernel - 1, x.size(1)}, x.options());
  const at::Tensor rows = at::cat({before, x});
  at::Tensor y = rows.narrow(0, 0, n) * weight.select(1, 0);
  for (std::int64_t k = 1; k < kernel; ++k) y = y + rows.narrow(0, k, n) * weight.select(1, k);
  state.conv = rows.narrow(0, n, kernel - 1).clone();
  return at::silu(bias.defined() ? y + bias : y);
}

// exp of the sums of log decays from j to i, for j <= i (`strict`: j < i), else 0: sums [heads, m] -> [heads, m, m].
at::Tensor decays(const at::Tensor& sums, bool strict) {
  const std::int64_t m = sums.size(1);
  const at::Tensor behind = at::ones({m, m}, sums.options().dtype(at::kBool)).triu(strict ? 0 : 1);
  const at::Tensor between = sums.unsqueeze(2) - sums.unsqueeze(1);
  return between.masked_fill(behind, -std::numeric_limits<double>::infinity()).exp();
}

// What a scan reads, by head: keys and queries [heads, n, key_dim], values [heads, n, head_dim], log decays [heads, n].
struct Scan {
  at::Tensor queries, keys, values, decay;
  at::Tensor beta;  // of the delta rule, [heads, n]; undefined: values are added as they are
};

// One chunk: what it gives, [heads, m, head_dim], and the state after it.
at::Tensor scan_chunk(const Scan& s, at::Tensor& state) {
  const at::Tensor sums = s.decay.cumsum(1), grown = sums.exp().unsqueeze(2);  // [heads, m], [heads, m, 1]
  at::Tensor values = s.values;
  if (s.beta.defined()) {
    // A row writes what its key does not find yet: (I + T) u = beta · (v - k S).
    const at::Tensor beta = s.beta.unsqueeze(2);
    const at::Tensor among = at::matmul(s.keys * beta, s.keys.transpose(1, 2)) * decays(sums, true);
    const at::Tensor found = at::matmul(s.keys, state) * grown;
    values = at::linalg_solve_triangular(among, (values - found) * beta, false, true, /*unitriangular=*/true);
  }
  const at::Tensor scores = at::matmul(s.queries, s.keys.transpose(1, 2)) * decays(sums, false);
  const at::Tensor y = at::matmul(scores, values) + at::matmul(s.queries, state) * grown;
  const at::Tensor last = sums.narrow(1, sums.size(1) - 1, 1);
  const at::Tensor kept = s.keys * (last - sums).exp().unsqueeze(2);
  state = state * last.exp().unsqueeze(2) + at::matmul(kept.transpose(1, 2), values);
  return y;
}

// All of a sequence's rows: [n, heads, head_dim].
at::Tensor scanned(const Scan& s, RecurrentState& state) {
  const std::int64_t n = s.values.size(1);
  at::Tensor memory = state.memory;
  if (!memory.defined()) memory = at::zeros({s.keys.size(0), s.keys.size(2), s.values.size(2)}, s.values.options());
  std::vector<at::Tensor> out;
  for (std::int64_t first = 0; first < n; first += kMixerChunk) {
    const auto part = [&](const at::Tensor& x) {
      return x.defined() ? x.narrow(1, first, std::min(kMixerChunk, n - first)) : x;
    };
    out.push_back(scan_chunk({part(s.queries), part(s.keys), part(s.values), part(s.decay), part(s.beta)}, memory));
  }
  state.memory = memory;
  return at::cat(out, 1).transpose(0, 1);
}

// [n, heads·dim] -> [repeat·heads, n, dim], each head `repeat` times one after the other.
at::Tensor by_head(const at::Tensor& x, std::int64_t heads, std::int64_t repeat = 1) {
  const at::Tensor y = x.view({x.size(0), heads, -1}).transpose(0, 1);
  return repeat == 1 ? y : y.repeat_interleave(repeat, 0);
}

at::Tensor mamba2(const ModelSpec& s, const Parameters& p, std::int64_t variant, const at::Tensor& rows,
                  RecurrentState& state) {
  const RecurrentSpec& r = s.recurrent;
  const std::int64_t n = rows.size(0), inner = r.inner(), shared = r.key_heads * r.key_dim;
  const auto of = [&](const at::Tensor& all) { return p.of(all, variant); };
  const at::Tensor gate = rows.narrow(1, 0, inner);
  const at::Tensor mixed = convolved(rows.narrow(1, inner, r.channels()), of(p.conv), of(p.conv_bias), state);
  const at::Tensor step = at::softplus(rows.narrow(1, inner + r.channels(), r.heads) + of(p.step));  // [n, heads]
  const std::int64_t share = r.heads / r.key_heads;
  const at::Tensor x = mixed.narrow(1, 0, inner).reshape({n, r.heads, r.head_dim});
  const at::Tensor y =
      scanned({.queries = by_head(mixed.narrow(1, inner + shared, shared).contiguous(), r.key_heads, share),
               .keys = by_head(mixed.narrow(1, inner, shared).contiguous(), r.key_heads, share),
               .values = (x * step.unsqueeze(2)).transpose(0, 1),
               .decay = (step * of(p.decay)).t()},
              state) +
      x * of(p.skip).unsqueeze(1);
  return unit(y.reshape({n, inner}) * at::silu(gate), inner / r.key_heads, s.norm_eps) * of(p.norm);
}

// What a delta net reads, however its linears are divided: channels of the convolution, gate, beta and alpha by head.
struct DeltaInputs {
  at::Tensor channels, gate, beta, alpha;
};

// The rows of one linear, and of another with beta and alpha, stand by key head (Qwen3-Next).
DeltaInputs joined(const RecurrentSpec& r, const at::Tensor& rows) {
  const std::int64_t n = rows.size(0), share = r.heads / r.key_heads, values = share * r.head_dim;
  const at::Tensor first = rows.narrow(1, 0, r.channels() + r.inner()).reshape({n, r.key_heads, -1});
  const at::Tensor second = rows.narrow(1, r.channels() + r.inner(), 2 * r.heads).reshape({n, r.key_heads, -1});
  const auto part = [n](const at::Tensor& of, std::int64_t from, std::int64_t width) {
    return of.narrow(2, from, width).reshape({n, -1});
  };
  return {
      at::cat({part(first, 0, r.key_dim), part(first, r.key_dim, r.key_dim), part(first, 2 * r.key_dim, values)}, 1),
      part(first, 2 * r.key_dim + values, values), part(second, 0, share), part(second, share, share)};
}

DeltaInputs apart(const RecurrentSpec& r, const at::Tensor& rows) {
  const std::int64_t gate = r.channels(), beta = gate + r.inner();
  return {rows.narrow(1, 0, gate), rows.narrow(1, gate, r.inner()), rows.narrow(1, beta, r.heads),
          rows.narrow(1, beta + r.heads, r.heads)};
}

at::Tensor delta_net(const ModelSpec& s, const Parameters& p, std::int64_t variant, const at::Tensor& rows,
                     RecurrentState& state) {
  constexpr double kEps = 1e-6;  // of the lengths of q and k, whatever the config says of norms
  const RecurrentSpec& r = s.recurrent;
  const std::int64_t n = rows.size(0), keys = r.key_heads * r.key_dim, share = r.heads / r.key_heads;
  const auto of = [&](const at::Tensor& all) { return p.of(all, variant); };
  const DeltaInputs in = s.architecture->split_delta ? apart(r, rows) : joined(r, rows);
  const at::Tensor mixed = convolved(in.channels, of(p.conv), of(p.conv_bias), state);
  const auto length_one = [&](std::int64_t first) {
    const at::Tensor x = by_head(mixed.narrow(1, first, keys).contiguous(), r.key_heads, share);
    return x * at::rsqrt(x.square().sum({2}, true) + kEps);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(r.key_dim));
  const at::Tensor y = scanned({.queries = length_one(0) * scale,
                                .keys = length_one(keys),
                                .values = by_head(mixed.narrow(1, 2 * keys, r.inner()).contiguous(), r.heads),
                                .decay = (at::softplus(in.alpha + of(p.step)) * of(p.decay)).t(),
                                .beta = at::sigmoid(in.beta).t()},
                               state);
  const at::Tensor normed = unit(y.reshape({n, r.inner()}), r.head_dim, s.norm_eps).view({n, r.heads, r.head_dim});
  return (normed * of(p.norm)).view({n, r.inner()}) * at::silu(in.gate);
}

}  // namespace

at::Tensor unit(const at::Tensor& x, std::int64_t width, double eps) {
  const at::Tensor runs = x.view({x.size(0), -1, width});
  return (runs * at::rsqrt(runs.square().mean({2}, true) + eps)).view(x.sizes());
}

at::Tensor run_mixer(const ModelSpec& spec, const LayerSpec& layer, BlockOps& ops, const at::Tensor& x) {
  std::vector<at::Tensor> read = {ops.linear(Module::kMixerIn, x)};
  const bool delta = layer.mixer == MixerKind::kDeltaNet;
  if (delta && spec.architecture->split_delta) read.push_back(ops.linear(Module::kMixerGate, x));
  if (delta) read.push_back(ops.linear(Module::kMixerBeta, x));
  if (delta && spec.architecture->split_delta) read.push_back(ops.linear(Module::kMixerAlpha, x));
  const Parameters p = parameters(spec, ops);
  const at::Tensor rows = read.size() == 1 ? read[0] : at::cat(read, 1);
  const at::Tensor y = ops.sequences(rows, [&](std::int64_t variant, const at::Tensor& own, RecurrentState& state) {
    return delta ? delta_net(spec, p, variant, own, state) : mamba2(spec, p, variant, own, state);
  });
  return ops.linear(Module::kMixerOut, ops.needed(y));
}

}  // namespace deltascape::model
