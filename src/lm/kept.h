// Owns how a hand-written autograd function hands plain values from its forward to its backward.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace deltascape::engine {

template <class T>
struct Kept final : torch::CustomClassHolder {
  explicit Kept(T v) : value(std::move(v)) {}
  T value;
};

template <class T>
void keep(torch::autograd::AutogradContext* ctx, T value) {
  ctx->saved_data["kept"] = c10::IValue::make_capsule(c10::make_intrusive<Kept<T>>(std::move(value)));
}

// What keep() was given, of the same type. Lives as long as the context.
template <class T>
const T& kept(torch::autograd::AutogradContext* ctx) {
  return static_cast<const Kept<T>&>(*ctx->saved_data["kept"].toCapsule()).value;
}

}  // namespace deltascape::engine
