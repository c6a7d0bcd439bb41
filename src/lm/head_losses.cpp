// Owns the loss over a large vocabulary without its logits (see autograd_functions.h): arXiv 2410.10989 and 2411.09009
// have the idea. Where p is the softmax of a row's logits, the gradient of its loss with respect to hidden is
// Wᵀ (p − target), known before anything is known of what the losses are used for: the way back scales each row.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "exec/gemm.h"
#include "lm/autograd_functions.h"

namespace deltascape::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsAtOnce = 128;  // 25 MB of logits at a vocabulary of 49152

struct Head {
  Weights* weights;
  model::Site site;
};

// Each row of z [rows, vocabulary] becomes e^(z − its largest); gives the logarithm of the sum of e^z, and the sum as
// it is now, [rows] both.
std::pair<at::Tensor, at::Tensor> softmax_in_place(const at::Tensor& z) {
  at::Tensor log_sums = at::empty({z.size(0)}, z.options()), sums = at::empty_like(log_sums);
  AT_DISPATCH_FLOATING_TYPES(z.scalar_type(), "exponentials", [&] {
    at::parallel_for(0, z.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const auto of = kernels::exponentials(z.data_ptr<scalar_t>() + r * z.size(1), z.size(1));
        log_sums.data_ptr<scalar_t>()[r] = static_cast<scalar_t>(of.log_sum);
        sums.data_ptr<scalar_t>()[r] = static_cast<scalar_t>(of.sum);
      }
    });
  });
  return {log_sums, sums};
}

struct Losses {
  at::Tensor losses, gradient;  // [rows]; [rows, hidden], where it was asked for
};

Losses part_losses(const Head& head, const at::Tensor& hidden, const at::Tensor& targets, bool wants_gradient) {
  const model::ModelSpec& spec = head.weights->spec();
  const at::ScalarType type = hidden.scalar_type(), products = head.weights->products();
  const at::Tensor weight = head.weights->for_product(head.site);  // [vocabulary, hidden]
  const double cap = spec.final_softcap;
  at::Tensor z = product((hidden * spec.logit_scale).to(products), weight).to(type);
  if (spec.has_bias(head.site.module)) z.add_((*head.weights)(head.site, model::Param::kBias));
  at::Tensor slope;  // of the soft cap, [rows, vocabulary]
  if (cap > 0) {
    z.div_(cap).tanh_();
    if (wants_gradient) slope = 1 - z.square();
    z.mul_(cap);
  }
  const at::Tensor ids = targets.unsqueeze(1), of_target = z.gather(1, ids).squeeze(1);
  const auto [log_sums, sums] = softmax_in_place(z);
  Losses out{log_sums - of_target, {}};
  if (!wants_gradient) return out;
  z.scatter_add_(1, ids, -sums.unsqueeze(1));  // (p − target) · sum
  if (slope.defined()) z.mul_(slope);
  out.gradient = product(z.to(products), weight.t()).to(type).mul_((spec.logit_scale / sums).unsqueeze(1));
  return out;
}

struct HeadLosses : Function<HeadLosses> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& targets, const Head& head,
                            bool wants_gradient) {
    at::Tensor losses = at::empty({hidden.size(0)}, hidden.options());
    at::Tensor gradient = wants_gradient ? at::empty_like(hidden) : at::Tensor();
    for (std::int64_t first = 0; first < hidden.size(0); first += kRowsAtOnce) {
      const auto part = [&](const at::Tensor& x) {
        return x.narrow(0, first, std::min(kRowsAtOnce, hidden.size(0) - first));
      };
      const Losses of = part_losses(head, part(hidden), part(targets), wants_gradient);
      part(losses).copy_(of.losses);
      if (wants_gradient) part(gradient).copy_(of.gradient);
    }
    ctx->save_for_backward({gradient});
    return losses;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {ctx->get_saved_variables()[0] * gradients[0].unsqueeze(1), {}, {}, {}};
  }
};

}  // namespace

at::Tensor head_losses(Weights& weights, model::Site head, const at::Tensor& hidden, const at::Tensor& targets) {
  const bool wants_gradient = at::GradMode::is_enabled() && hidden.requires_grad();
  return HeadLosses::apply(hidden, targets, Head{&weights, head}, wants_gradient);
}

}  // namespace deltascape::engine
