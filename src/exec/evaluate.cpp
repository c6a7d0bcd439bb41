#include "exec/evaluate.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace deltascape::engine {
namespace {

// Without gradients y is overwritten.
at::Tensor plus(const at::Tensor& y, const at::Tensor& more, double scale = 1) {
  if (!at::GradMode::is_enabled()) return y.add_(more, scale);
  return y + (scale == 1 ? more : more * scale);
}

at::Tensor times(const at::Tensor& y, const at::Tensor& factors) {
  return at::GradMode::is_enabled() ? y * factors : y.mul_(factors);
}

at::Tensor on(c10::Device device, const at::Tensor& t) { return t.defined() ? t.to(device) : t; }

adapter::InputChange on(c10::Device device, adapter::InputChange change) {
  for (at::Tensor* t : {&change.scale, &change.a, &change.b, &change.blocks}) *t = on(device, *t);
  return change;
}

adapter::Product on(c10::Device device, adapter::Product product) {
  for (at::Tensor* t : {&product.left, &product.right, &product.left2, &product.right2}) *t = on(device, *t);
  return product;
}

// `change` makes each variant's new rows of y from those of y, those of x, and its terms.
template <class Change>
at::Tensor by_variant(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms> variants, const Change& change) {
  if (variants.size() == 1) return change(y, x, variants[0]);
  std::int64_t first = 0;
  for (const LinearTerms& v : variants) {
    const at::Tensor rows = y.narrow(0, first, v.rows), changed = change(rows, x.narrow(0, first, v.rows), v);
    if (!changed.is_same(rows)) rows.copy_(changed);
    first += v.rows;
  }
  return y;
}

// What the weights read: x itself, or a copy where a variant changes its rows.
at::Tensor changed_input(const LinearSteps& steps, std::span<const LinearTerms> variants, const at::Tensor& x) {
  if (std::ranges::none_of(variants, [](const LinearTerms& v) { return v.input != nullptr; })) return x;
  const Timed timed(steps.breakdown, Work::kOperators);
  return by_variant(variants.size() == 1 ? x : x.clone(), x, variants,
                    [&](const at::Tensor& rows, const at::Tensor& given, const LinearTerms& v) {
                      return v.input ? on(x.device(), *v.input).apply(given, steps.multiply) : rows;
                    });
}

// W x, y's scale and the bias of each variant. The bias goes with the product unless something comes between.
at::Tensor base_part(LinearSteps& steps, std::span<const LinearTerms> variants, const at::Tensor& read,
                     const at::Tensor& base_bias) {
  const auto apart = [&](const LinearTerms& v) { return v.out_scale.defined() || !v.bias.is_same(base_bias); };
  const bool some_apart = std::ranges::any_of(variants, apart);
  const bool alone =
      steps.one_by_one() || std::ranges::any_of(variants, [](const LinearTerms& v) { return v.weight.defined(); });
  at::Tensor y;
  if (alone) {
    std::vector<at::Tensor> parts;
    std::int64_t first = 0;
    for (std::size_t v = 0; v < variants.size(); first += variants[v].rows, ++v) {
      const at::Tensor rows = variants.size() == 1 ? read : read.narrow(0, first, variants[v].rows);
      const at::Tensor bias = apart(variants[v]) ? at::Tensor() : base_bias;
      parts.push_back(variants[v].weight.defined() ? steps.own(rows, on(read.device(), variants[v].weight), bias, v)
                                                   : steps.base(rows, bias, v));
    }
    y = parts.size() == 1 ? parts[0] : at::cat(parts);
  } else {
    y = steps.base(read, some_apart ? at::Tensor() : base_bias, 0);
  }
  if (!some_apart) return y;
  const Timed timed(steps.breakdown, Work::kOperators);
  return by_variant(y, read, variants, [&](at::Tensor rows, const at::Tensor&, const LinearTerms& v) {
    if (alone && !apart(v)) return rows;
    if (v.out_scale.defined()) rows = times(rows, on(read.device(), v.out_scale));
    return v.bias.defined() ? plus(rows, on(read.device(), v.bias)) : rows;
  });
}

}  // namespace

LinearTerms terms_of(const adapter::ModuleOps& ops, std::int64_t rows, const at::Tensor& base_bias) {
  return {.rows = rows,
          .weight = ops.weight,
          .bias = ops.bias.defined() ? ops.bias : base_bias,
          .out_scale = ops.out_scale,
          .input = ops.input ? &*ops.input : nullptr,
          .low_rank = ops.low_rank,
          .products = ops.products};
}

at::Tensor LinearSteps::own(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::size_t) {
  const Timed timed(breakdown, Work::kOperators);
  return PackedWeight(weight, x.size(0), x.size(0)).apply(x, bias);
}

at::Tensor LinearSteps::add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms> variants) {
  const Timed timed(breakdown, Work::kOperators);
  return by_variant(std::move(y), x, variants, [&](at::Tensor rows, const at::Tensor& read, const LinearTerms& v) {
    for (const adapter::LowRank& l : v.low_rank)
      rows = plus(rows, multiply(multiply(read, on(x.device(), l.a)), on(x.device(), l.b)), l.scale);
    return rows;
  });
}

at::Tensor evaluate(LinearSteps& steps, std::span<const LinearTerms> variants, const at::Tensor& x,
                    const at::Tensor& base_bias) {
  const at::Tensor read = changed_input(steps, variants, x);
  steps.reads(read);
  at::Tensor y = steps.add_low_rank(base_part(steps, variants, read, base_bias), x, variants);
  if (std::ranges::all_of(variants, [](const LinearTerms& v) { return v.products.empty(); })) return y;
  const Timed timed(steps.breakdown, Work::kOperators);
  return by_variant(y, x, variants, [&](at::Tensor rows, const at::Tensor& given, const LinearTerms& v) {
    for (const adapter::Product& p : v.products) rows = plus(rows, on(x.device(), p).apply(given, steps.multiply));
    return rows;
  });
}

}  // namespace deltascape::engine
