// Owns a checkpoint's weights for passes that use them again and again: each read when it is first asked for, kept
// while a limit allows.
#pragma once

#include <ATen/ATen.h>

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "model/checkpoint.h"

namespace deltascape::engine {

// An expert that no row takes is never read. Not thread-safe. The tensors require no gradient; what is trained are
// operators. Must outlive the graphs of passes that used it: gradients ask for weights again instead of keeping them.
class Weights {
 public:
  // `products`: the type in which linears multiply, dtype or bfloat16 (all else, and what is trained, stays in dtype).
  Weights(std::shared_ptr<const model::Checkpoint> checkpoint, at::ScalarType dtype,
          std::optional<at::ScalarType> products = {})
      : checkpoint_(std::move(checkpoint)), dtype_(dtype), products_(products.value_or(dtype)) {}
  // As the option --precision says: "fp32", "fp64", or "bf16", which multiplies in bfloat16 and is fp32 otherwise.
  Weights(std::shared_ptr<const model::Checkpoint> checkpoint, const std::string& precision)
      : Weights(std::move(checkpoint), precision == "fp64" ? at::kDouble : at::kFloat,
                precision == "bf16" ? std::optional(at::kBFloat16) : std::nullopt) {}
  // From here on the weights that were used longest ago are dropped, and read again when they are asked for, so that
  // those in memory take at most so many bytes, or one tensor where that is larger. 0: no limit. With recomputation
  // (TrainingPass) a model that is larger than memory trains.
  void limit(std::size_t bytes);
  const model::ModelSpec& spec() const { return checkpoint_->spec(); }
  const model::Checkpoint& checkpoint() const { return *checkpoint_; }
  at::ScalarType dtype() const { return dtype_; }
  at::ScalarType products() const { return products_; }
  at::Tensor operator()(model::Site site, model::Param param = model::Param::kWeight) {
    return get(site, param, dtype_);
  }
  at::Tensor for_product(model::Site site) { return get(site, model::Param::kWeight, products_); }  // of a linear
  std::size_t loaded() const { return loaded_.size(); }                                             // tensors in memory
  std::size_t bytes() const { return bytes_; }                                                      // that they take
  void forget();

 private:
  struct Key {
    model::Site site;
    model::Param param;
    at::ScalarType type;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Loaded {
    at::Tensor tensor;
    std::list<Key>::iterator use;  // in uses_
  };
  at::Tensor get(model::Site site, model::Param param, at::ScalarType type);
  void drop_down_to(std::size_t bytes);

  std::shared_ptr<const model::Checkpoint> checkpoint_;
  at::ScalarType dtype_, products_;
  std::map<Key, Loaded> loaded_;
  std::list<Key> uses_;  // the oldest first
  std::size_t bytes_ = 0, limit_ = 0;
};

}  // namespace deltascape::engine
