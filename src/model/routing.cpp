#include "model/routing.h"

#include <set>

namespace deltascape::model {
namespace {

// Scores outside the groups that hold the best experts become 0 (DeepSeek-V2, arXiv 2405.04434 §2.2.2).
at::Tensor keep_best_groups(const RoutingSpec& r, const at::Tensor& scores) {
  const at::Tensor best = scores.detach().view({-1, r.groups, r.experts / r.groups}).amax(2);  // [rows, groups]
  const at::Tensor chosen = std::get<1>(best.topk(r.chosen_groups, 1));
  const at::Tensor kept = at::zeros_like(best).scatter(1, chosen, 1);
  return scores * kept.repeat_interleave(r.experts / r.groups, 1);
}

}  // namespace

Routing route(const RoutingSpec& r, const at::Tensor& scores) {
  if (r.sigmoid) {
    const auto [best, chosen] = scores.topk(r.chosen, 1);
    return {chosen, at::sigmoid(best) * r.scale, r.on_input};
  }
  at::Tensor p = at::softmax(scores, 1);
  if (r.groups > 0) p = keep_best_groups(r, p);
  auto [weights, experts] = p.topk(r.chosen, 1);
  if (r.normalised) weights = weights / weights.sum(1, true);
  return {experts, weights * r.scale, r.on_input};
}

std::vector<ExpertRows> by_expert(const Routing& routing) {
  const at::Tensor ids = routing.experts.cpu().contiguous();
  const std::int64_t* first = ids.const_data_ptr<std::int64_t>();
  const std::set<std::int64_t> taken(first, first + ids.numel());
  std::vector<ExpertRows> out;
  for (const std::int64_t expert : taken) {
    const std::vector<at::Tensor> where =
        (ids == expert).nonzero().to(routing.weights.device()).unbind(1);  // a row takes an expert once
    const at::Tensor weights = routing.weights.index({where[0], where[1]}).unsqueeze(1);
    out.push_back({static_cast<int>(expert), where[0], weights, routing.on_input});
  }
  return out;
}

at::Tensor ExpertRows::read(const at::Tensor& x) const {
  const at::Tensor own = x.index_select(0, rows);
  return on_input ? own * weights : own;
}

}  // namespace deltascape::model
