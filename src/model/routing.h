// Owns which experts a row takes, and with what weights: pure functions of the router's scores.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "model/spec.h"

namespace deltascape::model {

// The experts of every row.
struct Routing {
  at::Tensor experts;     // [rows, chosen], int64
  at::Tensor weights;     // [rows, chosen]; autograd reaches the scores through it
  bool on_input = false;  // they multiply what an expert reads, not what it gives
};
// scores: what the router's linear gives, [rows, experts].
Routing route(const RoutingSpec& spec, const at::Tensor& scores);

// The rows of one expert.
struct ExpertRows {
  int expert = 0;
  at::Tensor rows;     // [n], int64, ascending
  at::Tensor weights;  // [n, 1]
  bool on_input = false;
  // What the expert reads of all rows, and what its result adds to them.
  at::Tensor read(const at::Tensor& x) const;
  at::Tensor given(const at::Tensor& y) const { return on_input ? y : y * weights; }
};
// Experts that some row takes, ascending.
std::vector<ExpertRows> by_expert(const Routing& routing);

}  // namespace deltascape::model
