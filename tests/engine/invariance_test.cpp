// A variant's result depends on no other variant, no order, no group size and no number of threads (DESIGN §5), and
// equals the oracle's when token ids are given directly.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <numeric>

#include "engine/engine.h"
#include "goldens.h"
#include "io/json.h"

namespace deltascape::engine {
namespace {

struct Fixture {
  std::shared_ptr<const model::Checkpoint> base;
  std::vector<Variant> variants;
  std::vector<std::string> names;
  Layout layout;
  Taps taps;
  std::vector<double> reference;  // [variants, rows, dim]
};

Fixture load(const std::string& name) {
  for (const auto& golden : testing::golden_cases()) {
    if (golden.name != name) continue;
    Fixture f;
    f.base = model::Checkpoint::open(golden.base);
    for (const auto& [variant, path] : golden.variants) {
      f.names.push_back(variant);
      if (adapter::holds_adapter(path)) f.variants.push_back({adapter::Adapter::open(path, *f.base), nullptr});
      else f.variants.push_back({nullptr, model::Checkpoint::open(path)});
    }
    const auto arrays = io::read_npz(golden.npz);
    const auto tokens = io::parse_json(std::get<std::vector<std::string>>(arrays.at("tokens").values).at(0), "tokens");
    f.layout = make_layout(tokens.get<std::vector<std::vector<std::int64_t>>>());
    f.taps = {parse_layer("all", f.base->spec().layer_count()), Position::kLast};
    f.reference = testing::doubles(arrays.at("embeddings"));
    return f;
  }
  throw std::runtime_error("no golden " + name);
}

constexpr std::size_t kAmple = std::size_t{1} << 30;

RunResult run_all(const Fixture& f, const std::vector<Variant>& variants, std::size_t memory, at::ScalarType dtype) {
  RunResult r = run(*f.base, variants, f.layout, f.taps, {.dtype = dtype, .memory = memory}, silent_progress());
  for (const auto& e : r.errors)
    if (e) ADD_FAILURE() << e->what();
  return r;
}

at::Tensor embedding(const RunResult& r, std::size_t i) {
  return r.deltas[i].to(at::kDouble).mean(1);  // [rows, dim]
}

// ≤ 1e-6 ‖h‖, tap by tap.
void expect_same(const at::Tensor& a, const at::Tensor& b, const at::Tensor& base, const std::string& what) {
  const at::Tensor distance = (a - b).norm(2, {1}), bound = base.to(at::kDouble).mean(1).norm(2, {1}) * 1e-6;
  EXPECT_TRUE((distance <= bound).all().item<bool>()) << what << " " << (distance / bound).max().item<double>();
}

class Invariance : public ::testing::TestWithParam<const char*> {};

TEST_P(Invariance, EqualsTheOracleFromTokenIds) {
  const Fixture f = load(GetParam());
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const RunResult r = run_all(f, f.variants, kAmple, dtype);
    const at::Tensor hidden = r.base.to(at::kDouble).mean(1).contiguous();
    for (std::size_t i = 0; i < f.variants.size(); ++i) {
      const at::Tensor e = embedding(r, i).to(at::kFloat).contiguous();
      const auto size = static_cast<std::size_t>(e.numel()), dim = static_cast<std::size_t>(e.size(1));
      for (std::size_t at = 0; at < size; at += dim)
        testing::expect_parity({e.data_ptr<float>() + at, dim}, {f.reference.data() + i * size + at, dim},
                               {hidden.data_ptr<double>() + at, dim}, dtype == at::kDouble,
                               f.names[i] + " row " + std::to_string(at / dim));
    }
  }
}

TEST_P(Invariance, OrderGroupsAndCompany) {
  const Fixture f = load(GetParam());
  const RunResult together = run_all(f, f.variants, kAmple, at::kFloat);
  std::vector<std::size_t> order(f.variants.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  std::vector<Variant> reversed;
  for (const std::size_t i : order) reversed.push_back(f.variants[i]);
  const RunResult backwards = run_all(f, reversed, kAmple, at::kFloat);
  const RunResult small_groups = run_all(f, f.variants, 1, at::kFloat);  // a budget of one variant a pass
  for (std::size_t i = 0; i < order.size(); ++i) {
    const at::Tensor expected = embedding(together, order[i]);
    expect_same(embedding(backwards, i), expected, together.base, "reversed " + f.names[order[i]]);
    expect_same(embedding(small_groups, order[i]), expected, together.base, "one by one " + f.names[order[i]]);
    const RunResult alone = run_all(f, {f.variants[order[i]]}, kAmple, at::kFloat);
    expect_same(embedding(alone, 0), expected, together.base, "alone " + f.names[order[i]]);
  }
}

TEST_P(Invariance, Threads) {
  const Fixture f = load(GetParam());
  at::set_num_threads(1);
  const RunResult one = run_all(f, f.variants, kAmple, at::kFloat);
  at::set_num_threads(2);
  const RunResult two = run_all(f, f.variants, kAmple, at::kFloat);
  for (std::size_t i = 0; i < f.variants.size(); ++i)
    expect_same(embedding(one, i), embedding(two, i), one.base, f.names[i]);
}

INSTANTIATE_TEST_SUITE_P(Families, Invariance, ::testing::Values("llama", "qwen2", "gemma3", "gemma2"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace deltascape::engine
