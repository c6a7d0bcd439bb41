// Owns attention of packed sequences under autograd (see autograd_functions.h).
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "lm/autograd_functions.h"
#include "lm/kept.h"

namespace deltascape::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// One sequence's rows as ATen's kernel reads them: [1, heads, rows, width], of memory [rows, heads, width].
at::Tensor heads_first(const at::Tensor& x, std::int64_t heads) {
  return x.view({1, x.size(0), heads, -1}).transpose(1, 2);
}

// q, k and v of one sequence, rotated, each key and value head once for every query head that reads it.
struct Sequence {
  at::Tensor q, k, v;
};

// x [rows, heads·dim] -> [rows, heads·repeat·dim].
at::Tensor turned(const kernels::Turn& turn, const Angles* angles, const at::Tensor& x, std::int64_t repeat) {
  const std::int64_t heads = x.size(1) / turn.dim;
  at::Tensor out = at::empty({x.size(0), x.size(1) * repeat}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "turn", [&] {
    const std::int64_t half = turn.turned / 2;
    at::parallel_for(0, x.size(0), 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        kernels::turn(turn, x.const_data_ptr<scalar_t>() + r * x.size(1), out.data_ptr<scalar_t>() + r * out.size(1),
                      half ? angles->cos.const_data_ptr<scalar_t>() + r * half : nullptr,
                      half ? angles->sin.const_data_ptr<scalar_t>() + r * half : nullptr, heads, repeat);
    });
  });
  return out;
}

// The gradient of turned(), added to the rows dx.
void turn_back(const kernels::Turn& turn, const Angles* angles, const at::Tensor& dout, const at::Tensor& dx) {
  const std::int64_t heads = dx.size(1) / turn.dim, repeat = dout.size(1) / dx.size(1);
  AT_DISPATCH_FLOATING_TYPES(dx.scalar_type(), "turn_back", [&] {
    const std::int64_t half = turn.turned / 2;
    at::parallel_for(0, dx.size(0), 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        kernels::turn_gradient(turn, dout.const_data_ptr<scalar_t>() + r * dout.size(1),
                               dx.data_ptr<scalar_t>() + r * dx.size(1),
                               half ? angles->cos.const_data_ptr<scalar_t>() + r * half : nullptr,
                               half ? angles->sin.const_data_ptr<scalar_t>() + r * half : nullptr, heads, repeat);
    });
  });
}

kernels::Turn unturned(std::int64_t dim) { return {.dim = dim, .turned = 0, .offset = 0, .interleaved = false}; }

// One sequence's place: the shared rows, then `own` ones from `first` on. The first sequence's lie in one piece.
struct Place {
  std::int64_t shared, first, own;
  bool whole() const { return shared == first; }
  at::Tensor of(const at::Tensor& x) const {
    return whole() ? x.narrow(0, 0, shared + own) : at::cat({x.narrow(0, 0, shared), x.narrow(0, first, own)});
  }
};

template <class Run>
void each_sequence(const PackedAttention& p, const Run& run) {
  std::int64_t first = p.shared;
  for (std::size_t s = 0; s < p.lengths.size(); first += p.lengths[s++]) run(s, Place{p.shared, first, p.lengths[s]});
}

const Angles* angles_of(const PackedAttention& p, std::size_t s) { return p.angles.empty() ? nullptr : &p.angles[s]; }

Sequence sequence(const PackedAttention& p, std::size_t s, const Place& place, const variable_list& qkv) {
  const std::int64_t share = p.heads / p.kv_heads;
  const at::Tensor q = turned(p.turn, angles_of(p, s), place.of(qkv[0]), 1);
  const at::Tensor k = turned(p.turn, angles_of(p, s), place.of(qkv[1]), share), rows = place.of(qkv[2]);
  const at::Tensor v = share == 1 ? rows : turned(unturned(p.value_dim), nullptr, rows, share);
  return {heads_first(q, p.heads), heads_first(k, p.heads), heads_first(v, p.heads)};
}

// [1, heads, rows, width] of memory [rows, heads, width] -> [rows, heads·width].
at::Tensor rows_first(const at::Tensor& x) { return x[0].transpose(0, 1).contiguous().flatten(1); }

// turn_back() of a sequence's rows to where they came from: shared rows take a part from every sequence.
void turn_back_to(const Place& place, const kernels::Turn& turn, const Angles* angles, const at::Tensor& dout,
                  const at::Tensor& dx) {
  const at::Tensor rows = rows_first(dout);
  if (place.whole()) return turn_back(turn, angles, rows, dx.narrow(0, 0, place.shared + place.own));
  turn_back(turn, angles, rows.narrow(0, 0, place.shared), dx.narrow(0, 0, place.shared));
  Angles own;
  if (angles != nullptr)
    own = {angles->cos.narrow(0, place.shared, place.own), angles->sin.narrow(0, place.shared, place.own)};
  turn_back(turn, angles ? &own : nullptr, rows.narrow(0, place.shared, place.own),
            dx.narrow(0, place.first, place.own));
}

struct Packed : Function<Packed> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedAttention& p) {
    const variable_list qkv = {q.contiguous(), k.contiguous(), v.contiguous()};
    at::Tensor out = at::empty({q.size(0), p.heads * p.value_dim}, q.options());
    variable_list log_sums;  // of each sequence, as the kernel has them
    each_sequence(p, [&](std::size_t s, const Place& place) {
      const Sequence x = sequence(p, s, place, qkv);
      const auto [y, sums] = at::_scaled_dot_product_flash_attention_for_cpu(x.q, x.k, x.v, 0.0, p.causal, {}, p.scale);
      const std::int64_t known = place.whole() ? 0 : place.shared;  // the first sequence has given the shared rows
      const std::int64_t rows = place.shared + place.own - known;
      out.narrow(0, place.first - place.shared + known, rows).copy_(rows_first(y).narrow(0, known, rows));
      log_sums.push_back(sums);
    });
    variable_list saved = {qkv[0], qkv[1], qkv[2], out};
    saved.insert(saved.end(), log_sums.begin(), log_sums.end());
    ctx->save_for_backward(std::move(saved));
    keep(ctx, p);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const PackedAttention& p = kept<PackedAttention>(ctx);
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor dout = gradients[0].contiguous(), &out = saved[3];
    const variable_list d = {at::zeros_like(saved[0]), at::zeros_like(saved[1]), at::zeros_like(saved[2])};
    each_sequence(p, [&](std::size_t s, const Place& place) {
      const Sequence x = sequence(p, s, place, saved);
      at::Tensor given = place.of(dout);
      if (!place.whole()) given.narrow(0, 0, place.shared).zero_();  // a copy; the first sequence's results were taken
      const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(given, p.heads), x.q, x.k, x.v, heads_first(place.of(out), p.heads), saved[4 + s], 0.0, p.causal,
          {}, p.scale);
      turn_back_to(place, p.turn, angles_of(p, s), dq, d[0]);
      turn_back_to(place, p.turn, angles_of(p, s), dk, d[1]);
      turn_back_to(place, unturned(p.value_dim), nullptr, dv, d[2]);
    });
    return {d[0], d[1], d[2], {}};
  }
};

}  // namespace

at::Tensor packed_attention(PackedAttention attention, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (attention.angles.empty()) attention.turn = unturned(attention.head_dim);
  return Packed::apply(q, k, v, attention);
}

}  // namespace deltascape::engine
