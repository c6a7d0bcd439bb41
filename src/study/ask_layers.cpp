// What do the deltas of each layer consist of, and why do layers inside tell domains apart better than the last?
// (arXiv 2509.04442 §4, its ablation of layers)
#include <cmath>

#include "adapter/fetch.h"
#include "deltascape/error.h"
#include "study/head_reading.h"
#include "study/question.h"

namespace deltascape::study {
namespace {

// The pool's embeddings at a layer, [variants, hidden] in float64.
at::Tensor matrix(const std::vector<store::Record>& pool, std::int64_t layer) {
  const std::int64_t dim = pool.front().dim;
  at::Tensor out = at::empty({std::ssize(pool), dim}, at::kDouble);
  for (std::int64_t i = 0; i < std::ssize(pool); ++i) {
    const float* row = pool[static_cast<std::size_t>(i)].mean.data() + layer * dim;
    std::copy(row, row + dim, out[i].data_ptr<double>());
  }
  return out;
}

// A pool of as many variants of each domain, in their order: the mean of all, each domain's mean beside it, and each
// variant beside its domain's mean. Their squares add up to the pool's.
struct Divided {
  at::Tensor common, domain, own;  // [variants, hidden]
};
Divided divided(const at::Tensor& x, std::int64_t splits) {
  const at::Tensor common = x.mean(0, true).expand_as(x);
  const at::Tensor domains = x.view({-1, splits, x.size(1)}).mean(1).repeat_interleave(splits, 0);
  return {.common = common, .domain = domains - common, .own = x - domains};
}

StudyTable::Cell known(double value) { return std::isfinite(value) ? StudyTable::Cell(value) : StudyTable::Cell(); }

}  // namespace

std::vector<StudyTable> ask_layers(const Studied& studied) {
  StudyTable out{
      .name = "parts",
      .title = "What the deltas of each layer consist of",
      .text =
          "Shares of the pool's squared length: of the mean of all (common), of the domains' means beside it "
          "(domain), the rest (own). Read: how strongly the head reads the deltas, and the domains' part alone, "
          "over directions by chance (1); before the last norm with its weight. Inside: their share within the "
          "fewest directions that hold 90 % of the head's energy, beside the share of directions that these are.",
      .columns = {"layer", "common", "domain", "own", "domain of the rest", "nearest", "read", "domain read", "inside",
                  "domain inside", "inside by chance"},
      .rows = {},
      .drawn = {"common", "domain", "own", "nearest", "inside", "inside by chance"}};
  const std::vector<store::Record>& pool = studied.own("all").pool;
  std::optional<HeadReading> stream, end;
  try {
    const auto model = model::Checkpoint::open(adapter::fetch_model(studied.options.base, studied.progress));
    stream.emplace(*model, false);
    end.emplace(*model, true);
  } catch (const Error& error) {
    studied.progress.note(std::string("what the head reads is left out: ") + error.what());
  }
  const std::int64_t layers = pool.front().layers;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const at::Tensor x = matrix(pool, layer);
    const Divided parts = divided(x, studied.options.splits);
    const auto share = [&](const at::Tensor& part) { return (part.square().sum() / x.square().sum()).item<double>(); };
    const double common = share(parts.common), domain = share(parts.domain), own = share(parts.own);
    std::vector<StudyTable::Cell> row = {layer,
                                         known(common),
                                         known(domain),
                                         known(own),
                                         known(domain / (domain + own)),
                                         cell(separation(pool, {}, layer).nearest)};
    const std::optional<HeadReading>& head = layer + 1 == layers ? end : stream;
    for (const at::Tensor& part : {x, parts.domain}) row.push_back(head ? known(head->gain(part)) : StudyTable::Cell());
    for (const at::Tensor& part : {x, parts.domain})
      row.push_back(head ? known(head->inside(part)) : StudyTable::Cell());
    row.push_back(head ? known(head->chance()) : StudyTable::Cell());
    out.rows.push_back(std::move(row));
  }
  return {std::move(out)};
}

}  // namespace deltascape::study
