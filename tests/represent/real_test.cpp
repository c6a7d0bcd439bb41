// A real model: SmolLM2-135M-Instruct in bf16 and straight from its GGUF, against transformers + PEFT in float64
// (tests/make_real_goldens.py); and the project's pool of trained adapters where that lies beside the checkout.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "deltascape/embed.h"
#include "goldens.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

// Empty where the model is not there.
fs::path real_folder() {
  const fs::path folder = testing::models_folder().parent_path() / "real";
  return fs::exists(folder / "stamp") ? folder : fs::path();
}
constexpr const char* kNoModel = "no real model: run scripts/real_model.sh and tests/make_real_goldens.py";

// Embeds all layers of `models` and compares every row with the golden's.
std::map<std::string, store::Record> expect_golden(const fs::path& npz, const fs::path& base,
                                                   const std::vector<ModelRef>& models, const std::string& precision) {
  const auto arrays = io::read_npz(npz);
  const auto& reference = testing::doubles(arrays.at("embeddings"));
  const auto& hidden = testing::doubles(arrays.at("base_mean"));
  const auto& names = std::get<std::vector<std::string>>(arrays.at("model_names").values);
  std::map<std::string, store::Record> records;
  const EmbedReport report = embed(models, {.base = base.string(), .layer = "all", .precision = precision},
                                   [&](store::Record r) { records.emplace(r.name, std::move(r)); });
  for (const EmbedFailure& f : report.failed) ADD_FAILURE() << f.error;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!records.contains(names[i])) {
      ADD_FAILURE() << names[i] << " is missing";
      continue;
    }
    const store::Record& r = records.at(names[i]);
    const auto dim = static_cast<std::size_t>(r.dim);
    EXPECT_EQ(r.mean.size(), hidden.size());
    for (std::size_t at = 0; at < hidden.size(); at += dim)
      testing::expect_parity(std::span(r.mean).subspan(at, dim),
                             std::span(reference).subspan(i * hidden.size() + at, dim),
                             std::span(hidden).subspan(at, dim), precision == "fp64",
                             names[i] + " " + precision + " row " + std::to_string(at / dim));
  }
  return records;
}

TEST(Real, Bf16FormEqualsTheOracle) {
  const fs::path real = real_folder();
  if (real.empty()) GTEST_SKIP() << kNoModel;
  for (const std::string precision : {"fp32", "fp64"})
    expect_golden(real / "golden_bf16.npz", real / "bf16", {{(real / "adapter").string(), "", "adapter"}}, precision);
}

TEST(Real, GgufEqualsTheOracleOnItsDequantisedForm) {
  const fs::path real = real_folder();
  if (real.empty()) GTEST_SKIP() << kNoModel;
  expect_golden(real / "golden_gguf.npz", real / "base.gguf", {{(real / "adapter").string(), "", "adapter"}}, "fp32");
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TEST(Real, PoolEqualsItsGoldenAndFindsItsOwnDomains) {
  const char* source = std::getenv("DELTASCAPE_SOURCE_DIR");
  const fs::path pool = fs::path(source ? source : ".") / "../shared/pool";
  const fs::path real = real_folder();
  if (real.empty()) GTEST_SKIP() << kNoModel;
  if (!fs::exists(pool / "golden.npz")) GTEST_SKIP() << "the pool is not beside the checkout: " << pool;
  std::vector<ModelRef> models;
  for (const std::string name : {"math-1", "math-2", "code-1", "code-2", "legal-1", "legal-2"})
    models.push_back({(pool / name).string(), name.substr(0, name.find('-')), name});
  const auto records = expect_golden(pool / "golden.npz", real / "bf16", models, "fp32");
  ASSERT_EQ(records.size(), models.size());
  const auto last = [](const store::Record& r) { return std::span(r.mean).last(static_cast<std::size_t>(r.dim)); };
  for (const auto& [name, r] : records) {
    std::string nearest;
    double best = -2;
    for (const auto& [other, s] : records) {
      const double c = other == name ? -2 : cosine(last(r), last(s));
      if (c > best) best = c, nearest = other;
    }
    EXPECT_EQ(records.at(nearest).label, r.label) << name << " -> " << nearest;
  }
}

}  // namespace
}  // namespace deltascape
