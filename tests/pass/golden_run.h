// Owns a golden's models opened for the engine, with the token ids and embeddings of the oracle.
#pragma once

#include <gtest/gtest.h>

#include "goldens.h"
#include "io/json.h"
#include "pass/engine.h"

namespace deltascape::engine {

struct Fixture {
  std::shared_ptr<const model::Checkpoint> base;
  std::vector<Variant> variants;
  std::vector<std::string> names;
  Layout layout;
  Taps taps;
  std::vector<double> reference;  // [variants, rows, dim]
};

inline Fixture load(const std::string& name) {
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
    f.taps = parse_taps("all", "last", f.base->spec());
    f.reference = testing::doubles(arrays.at("embeddings"));
    return f;
  }
  throw std::runtime_error("no golden " + name);
}

inline constexpr std::size_t kAmple = std::size_t{1} << 30;

inline RunResult run_all(const Fixture& f, const std::vector<Variant>& variants, const RunOptions& options) {
  RunResult r = run(*f.base, variants, f.layout, f.taps, options, silent_progress());
  for (const VariantResult& v : r.variants)
    if (v.error) ADD_FAILURE() << v.error->what();
  return r;
}

inline RunResult run_all(const Fixture& f, const std::vector<Variant>& variants, std::size_t memory,
                         Precision precision) {
  return run_all(f, variants, {.precision = precision, .full_precision = precision, .memory = memory});
}

}  // namespace deltascape::engine
