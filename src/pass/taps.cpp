#include "pass/taps.h"

#include <algorithm>

#include "core/layer_choice.h"
#include "deltascape/error.h"

namespace deltascape::engine {
namespace {

[[noreturn]] void bad_layer(const std::string& layer, int layers) {
  throw Error(ErrorCode::kUsage, "no such layer",
              {.field = option("layer"),
               .expected = "last, all, 0 to " + std::to_string(layers) + ", a fraction such as 0.5, or " +
                           std::to_string(layers) + "-pre",
               .found = layer});
}

// Blocks are counted in the stack, which has `layers`.
std::vector<Tap> parse_layer(const std::string& layer, int layers) {
  // Row L of hidden_states is what comes out of the final norm.
  const auto row = [&](int n) { return Tap{n, n == layers}; };
  if (layer == "all") {
    std::vector<Tap> out;
    for (int n = 0; n <= layers; ++n) out.push_back(row(n));
    return out;
  }
  const std::optional<LayerChoice> choice = read_layer(layer);
  const std::optional<std::int64_t> n = choice ? choice->row(layers) : std::nullopt;
  if (!n) bad_layer(layer, layers);
  if (choice->kind == LayerChoice::Kind::kBeforeNorm) return {Tap{layers, false}};
  return {row(static_cast<int>(*n))};
}

}  // namespace

int Taps::deepest() const {
  int most = 0;
  for (const Tap& t : taps) most = std::max(most, t.block);
  return most;
}

Taps parse_taps(const std::string& layer, const std::string& position, const model::ModelSpec& spec) {
  const model::StackSpec& decoder = spec.stacks.back();
  Taps out{parse_layer(layer, decoder.layers), parse_position(position), decoder.first};
  for (Tap& t : out.taps) t.block += decoder.first;
  return out;
}

Position parse_position(const std::string& position) {
  if (position == "last") return Position::kLast;
  if (position == "mean") return Position::kMean;
  if (position == "weighted") return Position::kWeighted;
  throw Error(ErrorCode::kUsage, "no such position",
              {.field = option("position"), .expected = "last, mean or weighted", .found = position});
}

at::Tensor pool(const at::Tensor& hidden, const Layout& layout, Position position) {
  if (position == Position::kLast) return hidden.index_select(1, layout.last);
  std::vector<at::Tensor> rows;
  for (std::size_t p = 0; p < layout.probes.size(); ++p) {
    const auto length = static_cast<std::int64_t>(layout.probes[p].size());
    const at::Tensor tokens = hidden.narrow(1, layout.starts[p] + layout.before.rows, length);  // [variants, length, d]
    if (position == Position::kMean) {
      rows.push_back(tokens.mean(1));
    } else {
      at::Tensor weight = at::arange(1, length + 1, hidden.options());
      weight = weight / weight.sum();
      rows.push_back((tokens * weight.view({1, length, 1})).sum(1));
    }
  }
  return at::stack(rows, 1);
}

at::Tensor stacked(std::vector<at::Tensor> taps) {
  std::int64_t width = 0;
  for (const at::Tensor& x : taps) width = std::max(width, x.size(1));
  for (at::Tensor& x : taps)
    if (x.size(1) < width) x = at::constant_pad_nd(x, {0, width - x.size(1)});
  return at::stack(taps);
}

}  // namespace deltascape::engine
