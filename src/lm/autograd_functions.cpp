#include "lm/autograd_functions.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "exec/few_rows.h"
#include "exec/gemm.h"
#include "lm/kept.h"

namespace deltascape::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 16384;  // elements that are worth a thread

// run(first row, rows) over all rows in parallel.
template <class Run>
void by_rows(const at::Tensor& x, std::int64_t rows, Run&& run) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain * rows / std::max<std::int64_t>(1, x.numel())),
                   [&](std::int64_t begin, std::int64_t end) { run(begin, end - begin); });
}

// y (+)= s · b, in float or double; `moved`, where defined, is bfloat16 and is what y starts as.
void add_low_rank(const at::Tensor& y, const at::Tensor& moved, const at::Tensor& s, const at::Tensor& b) {
  const std::int64_t out = y.size(1), rank = s.size(1);
  by_rows(y, y.size(0), [&](std::int64_t first, std::int64_t rows) {
    if (y.scalar_type() == at::kDouble) {
      kernels::add_low_rank(s.const_data_ptr<double>() + first * rank, rank, b.const_data_ptr<double>(), rank,
                            y.data_ptr<double>() + first * out, rows, out);
      return;
    }
    float* to = y.data_ptr<float>() + first * out;
    const auto* from = moved.defined()
                           ? reinterpret_cast<const kernels::bf16*>(moved.const_data_ptr<at::BFloat16>()) + first * out
                           : nullptr;
    kernels::add_moved(from ? nullptr : to, from, s.const_data_ptr<float>() + first * rank, rank,
                       b.const_data_ptr<float>(), rank, to, rows, out);
  });
}

struct LinearPlan {
  Weights* weights;
  model::Site site;
  at::Tensor bias;  // or undefined
  double scale;
  bool few = false;  // few_rows() computes the product
};

// x · Wᵀ with W as the file holds it.
at::Tensor few_rows(const at::Tensor& x, const LinearPlan& plan) {
  const at::Tensor w = plan.weights->checkpoint().view(plan.site, model::Param::kWeight, at::kBFloat16);
  const std::int64_t rows = x.size(0), in = x.size(1), out = w.size(0);
  at::Tensor y = at::empty({rows, out}, x.options());
  at::parallel_for(0, out, std::max<std::int64_t>(32, kGrain * 8 / in), [&](std::int64_t begin, std::int64_t end) {
    kernels::few_rows(x.const_data_ptr<float>(),
                      reinterpret_cast<const kernels::bf16*>(w.const_data_ptr<at::BFloat16>()), y.data_ptr<float>(),
                      rows, in, out, begin, end);
  });
  return y;
}

// Where no gradient is wanted, as in decoding.
bool reads_file(const Weights& weights, model::Site site, const at::Tensor& x) {
  return !at::GradMode::is_enabled() && x.size(0) <= kernels::kFewRows && x.scalar_type() == at::kFloat &&
         weights.products() == at::kFloat && weights.checkpoint().can_view(site, model::Param::kWeight, at::kBFloat16);
}

// product + s · b, where the product may have come out in bfloat16.
at::Tensor with_low_rank(at::Tensor product, at::ScalarType type, const at::Tensor& s, const at::Tensor& b) {
  if (product.scalar_type() == type) {
    add_low_rank(product, {}, s, b);
    return product;
  }
  const at::Tensor y = at::empty(product.sizes(), s.options());
  add_low_rank(y, product, s, b);
  return y;
}

struct FrozenLinear : Function<FrozenLinear> {
  // a [r, in] and b [out, r]: both or none.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const std::optional<at::Tensor>& a,
                            const std::optional<at::Tensor>& b, const LinearPlan& plan) {
    const at::ScalarType type = x.scalar_type(), products = plan.weights->products();
    keep(ctx, plan);
    const at::Tensor read = x.to(products).contiguous();
    at::Tensor y =
        plan.few ? few_rows(read, plan) : product(read, plan.weights->for_product(plan.site));  // [rows, out]
    if (a) {
      const at::Tensor s = product(read, a->to(products)).to(type);  // [rows, r]
      y = with_low_rank(std::move(y), type, s, (b->t() * plan.scale).contiguous());
      ctx->save_for_backward({read, s, *a, *b});
    }
    y = y.to(type);
    return plan.bias.defined() ? y.add_(plan.bias) : y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const LinearPlan& plan = kept<LinearPlan>(ctx);
    const at::ScalarType type = gradients[0].scalar_type(), products = plan.weights->products();
    const at::Tensor dy = gradients[0].to(products).contiguous();
    const variable_list saved = ctx->get_saved_variables();
    at::Tensor dx, da, db, ds;
    if (!saved.empty()) {
      const at::Tensor &x = saved[0], &s = saved[1], &b = saved[3];
      ds = product(dy, (b.t() * plan.scale).to(products));               // [rows, r]
      da = at::mm(ds.t(), x).to(type);                                   // [r, in]
      db = at::mm(s.to(products).t(), dy).t().to(type).mul(plan.scale);  // [out, r]
    }
    if (ctx->needs_input_grad(0)) {
      dx = product(dy, plan.weights->for_product(plan.site).t());
      if (!saved.empty()) dx = with_low_rank(std::move(dx), type, ds.to(type), saved[2].contiguous());
      dx = dx.to(type);
    }
    return {dx, da, db, {}};
  }
};

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& given, const at::Tensor& weight, double eps) {
    const at::Tensor x = given.contiguous();
    ctx->save_for_backward({x, weight});
    keep(ctx, eps);
    at::Tensor y = at::empty_like(x);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm", [&] {
      const std::int64_t width = weight.size(0);
      by_rows(x, x.numel() / width, [&](std::int64_t first, std::int64_t rows) {
        kernels::rms_norm(x.const_data_ptr<scalar_t>() + first * width, weight.const_data_ptr<scalar_t>(),
                          y.data_ptr<scalar_t>() + first * width, rows, width, eps);
      });
    });
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], dy = gradients[0].contiguous();
    const double eps = kept<double>(ctx);
    at::Tensor dx = at::empty_like(x);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_gradient", [&] {
      const std::int64_t width = weight.size(0);
      by_rows(x, x.numel() / width, [&](std::int64_t first, std::int64_t rows) {
        kernels::rms_norm_gradient(x.const_data_ptr<scalar_t>() + first * width, weight.const_data_ptr<scalar_t>(),
                                   dy.const_data_ptr<scalar_t>() + first * width,
                                   dx.data_ptr<scalar_t>() + first * width, rows, width, eps);
      });
    });
    return {dx, {}, {}};
  }
};

struct Gate : Function<Gate> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& given_gate, const at::Tensor& given_up,
                            kernels::GateKind kind) {
    const at::Tensor gate = given_gate.contiguous(), up = given_up.contiguous();
    ctx->save_for_backward({gate, up});
    keep(ctx, kind);
    at::Tensor y = at::empty_like(gate);
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "gate", [&] {
      at::parallel_for(0, gate.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernels::gate(kind, gate.const_data_ptr<scalar_t>() + begin, up.const_data_ptr<scalar_t>() + begin,
                      y.data_ptr<scalar_t>() + begin, end - begin);
      });
    });
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], dy = gradients[0].contiguous();
    const kernels::GateKind kind = kept<kernels::GateKind>(ctx);
    at::Tensor dgate = at::empty_like(gate), dup = at::empty_like(up);
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "gate_gradient", [&] {
      at::parallel_for(0, gate.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernels::gate_gradient(kind, gate.const_data_ptr<scalar_t>() + begin, up.const_data_ptr<scalar_t>() + begin,
                               dy.const_data_ptr<scalar_t>() + begin, dgate.data_ptr<scalar_t>() + begin,
                               dup.data_ptr<scalar_t>() + begin, end - begin);
      });
    });
    return {dgate, dup, {}};
  }
};

struct DropPlan {
  double kept;
  std::uint64_t key;
};

at::Tensor drop(const at::Tensor& given, const DropPlan& plan) {
  const at::Tensor x = given.contiguous();
  at::Tensor y = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "drop", [&] {
    at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels::drop(x.const_data_ptr<scalar_t>() + begin, y.data_ptr<scalar_t>() + begin, begin, end - begin, plan.key,
                    plan.kept);
    });
  });
  return y;
}

// The mask is made again for the gradient.
struct Dropout : Function<Dropout> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const DropPlan& plan) {
    keep(ctx, plan);
    return drop(x, plan);
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {drop(gradients[0], kept<DropPlan>(ctx)), {}};
  }
};

}  // namespace

at::Tensor frozen_linear(Weights& weights, model::Site site, const at::Tensor& x, const at::Tensor& bias,
                         const adapter::LowRank* low_rank) {
  using Some = std::optional<at::Tensor>;
  return FrozenLinear::apply(
      x, low_rank ? Some(low_rank->a) : Some(), low_rank ? Some(low_rank->b) : Some(),
      LinearPlan{&weights, site, bias, low_rank ? low_rank->scale : 1.0, reads_file(weights, site, x)});
}

at::Tensor own_linear(const Weights& weights, const at::Tensor& weight, const at::Tensor& x, const at::Tensor& bias) {
  if (weights.products() == x.scalar_type()) return at::linear(x, weight, bias);
  const at::Tensor y = at::linear(x.to(weights.products()), weight.to(weights.products())).to(x.scalar_type());
  return bias.defined() ? y + bias : y;
}

at::Tensor rms_normalised(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps);
}

bool has_fused_gate(model::Activation activation) {
  return activation == model::Activation::kSilu || activation == model::Activation::kGeluTanh;
}

at::Tensor fused_gate(model::Activation activation, const at::Tensor& gate, const at::Tensor& up) {
  return Gate::apply(gate, up,
                     activation == model::Activation::kSilu ? kernels::GateKind::kSilu : kernels::GateKind::kGeluTanh);
}

at::Tensor dropped(const at::Tensor& x, double share, std::uint64_t key) {
  return Dropout::apply(x, DropPlan{1 - share, key});
}

}  // namespace deltascape::engine
