// The engine's kernels against ATen in float64, at widths that fill vectors and widths that do not.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "exec/attention_kernel.h"
#include "exec/few_rows.h"
#include "exec/kernels.h"

namespace deltascape::engine::kernels {
namespace {

constexpr double kEps = 1.2e-7;  // float's
const std::vector<std::int64_t> kWidths = {1, 7, 15, 16, 17, 31, 32, 33, 64, 96, 100, 257};

at::Tensor random(std::vector<std::int64_t> shape, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape);
}

bf16* data16(const at::Tensor& t) { return reinterpret_cast<bf16*>(t.data_ptr<at::BFloat16>()); }

// |got − expected| ≤ units·eps·scale, element by element.
void expect_near(const at::Tensor& got, const at::Tensor& expected, const at::Tensor& scale, double units) {
  const at::Tensor bound = scale.to(at::kDouble).abs() * (units * kEps);
  EXPECT_TRUE(((got.to(at::kDouble) - expected).abs() <= bound).all().item<bool>()) << "width " << got.size(-1);
}

TEST(Kernels, FewRowsIsTheProduct) {
  for (const std::int64_t width : kWidths)
    for (const std::int64_t rows : {1, 2, 3, 7, 8, 13}) {
      constexpr std::int64_t kOut = 71;  // two blocks and a part
      const at::Tensor x = random({rows, width}, 1), w = random({kOut, width}, 2).to(at::kBFloat16);
      at::Tensor y = at::empty({rows, kOut});
      few_rows(x.data_ptr<float>(), data16(w), y.data_ptr<float>(), rows, width, kOut, 0, 40);
      few_rows(x.data_ptr<float>(), data16(w), y.data_ptr<float>(), rows, width, kOut, 40, kOut);
      const at::Tensor xd = x.to(at::kDouble), wd = w.to(at::kDouble);
      expect_near(y, at::mm(xd, wd.t()), at::mm(xd.abs(), wd.abs().t()), 4 + static_cast<double>(width) / 16);
    }
}

TEST(Kernels, NormIsRmsNorm) {
  for (const std::int64_t width : kWidths) {
    const at::Tensor x = random({5, width}, 1), weight = random({width}, 2), base = random({5, width}, 3);
    const at::Tensor xd = x.to(at::kDouble);
    const at::Tensor expected = xd * (xd.square().mean({1}, true) + 1e-5).rsqrt() * weight.to(at::kDouble);
    at::Tensor out = at::empty_like(x);
    rms_norm(x.data_ptr<float>(), weight.data_ptr<float>(), out.data_ptr<float>(), 5, width, 1e-5);
    expect_near(out, expected, expected, 16);
    at::Tensor fused = at::empty_like(x), d = at::empty({5, width}, at::kBFloat16);
    for (std::int64_t r = 0; r < 5; ++r)
      EXPECT_TRUE(rms_norm_difference(x[r].data_ptr<float>(), weight.data_ptr<float>(), base[r].data_ptr<float>(),
                                      fused[r].data_ptr<float>(), data16(d[r]), width, 1e-5));
    expect_near(fused, out.to(at::kDouble), out, 1);
    EXPECT_TRUE(at::equal(d, (fused - base).to(at::kBFloat16))) << width;
    EXPECT_FALSE(rms_norm_difference(x[0].data_ptr<float>(), weight.data_ptr<float>(), fused[0].data_ptr<float>(),
                                     fused[0].data_ptr<float>(), data16(d[0]), width, 1e-5));
  }
}

TEST(Kernels, DifferenceRoundsAsATenDoes) {
  for (const std::int64_t width : kWidths) {
    const at::Tensor base = random({width}, 4);
    at::Tensor x = random({width}, 5), d = at::empty({width}, at::kBFloat16);
    EXPECT_TRUE(difference(x.data_ptr<float>(), base.data_ptr<float>(), data16(d), width));
    EXPECT_TRUE(at::equal(d, (x - base).to(at::kBFloat16)));
    EXPECT_FALSE(difference(base.data_ptr<float>(), base.data_ptr<float>(), data16(d), width));
    EXPECT_TRUE(at::equal(d, at::zeros_like(d)));
    x.copy_(base);
    x[width - 1] += 1;  // one value alone
    EXPECT_TRUE(difference(x.data_ptr<float>(), base.data_ptr<float>(), data16(d), width));
  }
  // Halfway cases go to the even neighbour: 1 + 2^-8 is halfway between 1 and 1 + 2^-7.
  const at::Tensor ties = at::tensor({1.00390625F, 1.01171875F, -1.00390625F}), zero = at::zeros({3});
  at::Tensor d = at::empty({3}, at::kBFloat16);
  difference(ties.data_ptr<float>(), zero.data_ptr<float>(), data16(d), 3);
  EXPECT_TRUE(at::equal(d, ties.to(at::kBFloat16)));
}

TEST(Kernels, MovedAndLowRankAdd) {
  for (const std::int64_t out : kWidths)
    for (const std::int64_t rank : {0, 1, 8, 33})
      for (const std::int64_t rows : {1, 4, 6}) {
        const at::Tensor base = random({rows, out}, 6), moved = random({rows, out}, 7).to(at::kBFloat16);
        const at::Tensor s = random({rows, rank + 3}, 8), b = random({std::max<std::int64_t>(rank, 1), out}, 9);
        const at::Tensor terms =
            rank > 0 ? s.narrow(1, 2, rank).to(at::kDouble).mm(b.to(at::kDouble)) : at::zeros({rows, out}, at::kDouble);
        const at::Tensor size = base.abs() + moved.to(at::kFloat).abs() +
                                (rank > 0 ? s.narrow(1, 2, rank).abs().mm(b.abs()) : at::zeros({rows, out}));
        at::Tensor y = at::empty({rows, out});
        add_moved(base.data_ptr<float>(), data16(moved), s.data_ptr<float>() + 2, rank + 3, b.data_ptr<float>(), rank,
                  y.data_ptr<float>(), rows, out);
        expect_near(y, base.to(at::kDouble) + moved.to(at::kDouble) + terms, size, static_cast<double>(rank) + 2);
        at::Tensor in_place = base.clone();
        add_moved(in_place.data_ptr<float>(), nullptr, s.data_ptr<float>() + 2, rank + 3, b.data_ptr<float>(), rank,
                  in_place.data_ptr<float>(), rows, out);
        expect_near(in_place, base.to(at::kDouble) + terms, size, static_cast<double>(rank) + 2);
      }
}

TEST(Kernels, SiluGateToItsEnds) {
  for (const std::int64_t width : kWidths) {
    at::Tensor gate = random({width}, 10) * 20, up = random({width}, 11), base = random({width}, 12);
    gate[0] = 0.0F;
    if (width > 6) gate[1] = 200.0F, gate[2] = -200.0F, gate[3] = 88.0F, gate[4] = -88.0F, gate[5] = 1e-30F;
    const at::Tensor expected = at::silu(gate.to(at::kDouble)) * up.to(at::kDouble);
    at::Tensor fused = gate.clone(), d = at::empty({width}, at::kBFloat16);
    EXPECT_TRUE(
        silu_gate_difference(fused.data_ptr<float>(), up.data_ptr<float>(), base.data_ptr<float>(), data16(d), width));
    silu_gate(gate.data_ptr<float>(), up.data_ptr<float>(), width);
    // Where e^-x leaves float's range the value is below 1e-36: an absolute nothing.
    expect_near(gate, expected, expected.abs() + 1e-29, 8);
    EXPECT_TRUE(at::equal(gate, fused));
    EXPECT_TRUE(at::equal(d, (fused - base).to(at::kBFloat16)));
  }
}

// What else a layer's attention may have.
struct Others {
  std::int64_t chunk = 0;
  bool sinks = false;
};

template <class T>
void expect_attention(std::int64_t keys, std::int64_t dim, std::int64_t turned, std::int64_t window, double softcap,
                      std::int64_t first, bool causal = true, std::int64_t prefix = 0, Others others = {}) {
  const auto type = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  const std::int64_t share = 2;
  const at::Tensor q = random({keys, share * dim}, 13).to(type), k = random({keys, dim}, 14).to(type),
                   v = random({keys, dim}, 15).to(type), angle = random({keys, turned / 2}, 16).to(type);
  const at::Tensor prefix_k = random({prefix, dim}, 17).to(type), prefix_v = random({prefix, dim}, 18).to(type);
  const at::Tensor cos = angle.cos(), sin = angle.sin();
  at::Tensor out = at::empty({keys - first, share * dim}, type);
  const at::Tensor asked = q.narrow(0, first, keys - first).contiguous();
  // Not causal: with a number for each distance on the scores, another for each head.
  const at::Tensor bias = causal ? at::Tensor() : random({share, 2 * keys - 1}, 17).to(type);
  const at::Tensor sinks = random({share}, 19).to(type);
  std::vector<T> scratch;
  attend({.keys = prefix + keys,
          .prefix = prefix,
          .dim = dim,
          .values = dim,
          .turned = turned,
          .share = share,
          .scale = 0.3,
          .softcap = softcap,
          .window = window,
          .chunk = others.chunk,
          .causal = causal},
         prefix + first,
         Head<T>{.q = asked.data_ptr<T>(),
                 .k = k.data_ptr<T>(),
                 .v = v.data_ptr<T>(),
                 .q_stride = share * dim,
                 .k_stride = dim,
                 .v_stride = dim,
                 .out_stride = share * dim,
                 .cos = cos.data_ptr<T>(),
                 .sin = sin.data_ptr<T>(),
                 .bias = causal ? nullptr : bias.data_ptr<T>() + keys - 1,
                 .bias_stride = 2 * keys - 1,
                 .bias_step = 1,
                 .out = out.data_ptr<T>(),
                 .prefix_k = prefix_k.data_ptr<T>(),
                 .prefix_v = prefix_v.data_ptr<T>(),
                 .sinks = others.sinks ? sinks.data_ptr<T>() : nullptr},
         scratch);
  const auto rotated = [&](const at::Tensor& x) {
    const at::Tensor d = x.to(at::kDouble), a = d.narrow(1, 0, turned / 2), b = d.narrow(1, turned / 2, turned / 2);
    const at::Tensor c = cos.to(at::kDouble), s = sin.to(at::kDouble);
    return at::cat({a * c - b * s, b * c + a * s, d.narrow(1, turned, dim - turned)}, 1);
  };
  const at::Tensor i = at::arange(prefix, prefix + keys).unsqueeze(1), j = at::arange(prefix + keys).unsqueeze(0);
  const at::Tensor all_k = at::cat({prefix_k.to(at::kDouble), rotated(k)});
  const at::Tensor all_v = at::cat({prefix_v, v}).to(at::kDouble);
  at::Tensor hidden = causal ? j > i : at::zeros_like(j > i);
  if (window > 0) hidden = hidden | (j <= i - window);
  if (others.chunk > 0) hidden = hidden | (j.div(others.chunk, "floor") != i.div(others.chunk, "floor"));
  for (std::int64_t h = 0; h < share; ++h) {
    at::Tensor scores = rotated(q.narrow(1, h * dim, dim)).mm(all_k.t()) * 0.3;
    if (softcap > 0) scores = at::tanh(scores / softcap) * softcap;
    if (!causal) scores = scores + bias[h].to(at::kDouble).index({j - i + keys - 1});
    scores = scores.masked_fill(hidden, -1e300);
    if (others.sinks)  // one more column, whose value is zero
      scores = at::cat({scores, sinks[h].to(at::kDouble).expand({keys, 1})}, 1);
    const at::Tensor expected =
        at::softmax(scores, 1).narrow(1, 0, prefix + keys).mm(all_v).narrow(0, first, keys - first);
    const double bound = (sizeof(T) == 4 ? kEps : 2.3e-16) * 64 * all_v.abs().max().template item<double>();
    EXPECT_LE((out.narrow(1, h * dim, dim).to(at::kDouble) - expected).abs().max().template item<double>(), bound)
        << keys << " keys, prefix " << prefix << ", dim " << dim << ", window " << window << ", first " << first;
  }
}

TEST(Kernels, AttentionOfEveryShape) {
  for (const std::int64_t keys : {1, 2, 5, 16, 17, 38, 130})
    for (const std::int64_t dim : {8, 12, 64})
      for (const std::int64_t window : {0, 1, 7})
        for (const std::int64_t first : {std::int64_t{0}, keys - 1})
          for (const double softcap : {0.0, 5.0}) {
            expect_attention<float>(keys, dim, dim == 12 ? 4 : dim, window, softcap, first);
            expect_attention<double>(keys, dim, dim == 12 ? 4 : dim, window, softcap, first);
            if (window > 0) continue;
            expect_attention<float>(keys, dim, dim, 0, softcap, first, false);
            expect_attention<double>(keys, dim, dim, 0, softcap, first, false);
          }
}

TEST(Kernels, AttentionBehindAPrefix) {
  for (const std::int64_t prefix : {1, 3, 16, 21})
    for (const std::int64_t keys : {1, 5, 17, 38})
      for (const std::int64_t window : {0, 7})
        for (const std::int64_t first : {std::int64_t{0}, keys - 1}) {
          expect_attention<float>(keys, 12, 4, window, 0, first, true, prefix);
          expect_attention<double>(keys, 64, 64, window, 5, first, true, prefix);
        }
}

TEST(Kernels, AttentionInChunksAndWithSinks) {
  for (const std::int64_t keys : {1, 7, 8, 17, 38})
    for (const std::int64_t chunk : {0, 1, 5, 8, 50})
      for (const std::int64_t prefix : {0, 3})
        for (const std::int64_t first : {std::int64_t{0}, keys - 1})
          for (const bool sinks : {false, true}) {
            expect_attention<float>(keys, 12, 4, 0, 0, first, true, prefix, {chunk, sinks});
            expect_attention<double>(keys, 64, 64, sinks ? 7 : 0, 5, first, true, prefix, {chunk, sinks});
          }
}

}  // namespace
}  // namespace deltascape::engine::kernels
