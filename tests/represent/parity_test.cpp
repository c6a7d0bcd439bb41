// Every tiny golden of tests/make_goldens.py (transformers + PEFT in float64) against embed(), all layers.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <set>

#include "adapter/kinds.h"
#include "coverage_log.h"
#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "goldens.h"

namespace deltascape {
namespace {

using testing::GoldenCase;

class Parity : public ::testing::TestWithParam<std::tuple<std::size_t, std::string>> {};

std::size_t case_count() {
  try {
    return testing::golden_cases().size();
  } catch (const std::exception&) {
    return 1;  // the one test that is left then says what is missing
  }
}

// The bound of delta is for models of common width (docs/design.md §6.2). Here a linear sums 64 products of rounded
// differences, whose errors cancel less: up to ten roundings of bfloat16 (2^-8 each) of an embedding, four times that
// bound.
constexpr double kTinyDelta = 4;

// The common kinds are tried on every family: one that is refused by name, not for its shapes, is a line of
// docs/coverage.md and no failure here (that document's test fails when it was exact before).
bool is_refusal(const GoldenCase& golden, const EmbedFailure& failed) {
  const Inspection seen = inspect({failed.path}, {.base = golden.base.string()}).front();
  if (!golden.kinds || seen.verdict != "refused" || seen.fits) return false;
  testing::log_coverage("refusals", {{"family", golden.family}, {"variant", failed.path}, {"reason", failed.error}});
  return true;
}

TEST_P(Parity, EqualsTransformersAndPeft) {
  const GoldenCase golden = testing::golden_cases().at(std::get<0>(GetParam()));
  const std::string precision = std::get<1>(GetParam());
  SCOPED_TRACE(golden.name + " " + precision);
  const auto arrays = io::read_npz(golden.npz);
  const auto& reference = arrays.at("embeddings");
  const auto& hidden = testing::doubles(arrays.at("base_mean"));
  const std::size_t row = hidden.size();  // layers · dim, or dim

  std::vector<ModelRef> models;
  for (const auto& [name, path] : golden.variants) models.push_back({path.string(), "", name});
  const EmbedOptions options{.base = golden.base.string(),
                             .layer = golden.layer,
                             .position = golden.position,
                             .probes_file = golden.probes,
                             .precision = precision};
  const bool delta = precision == "delta";
  const double bound = delta ? kTinyDelta : 1;
  std::map<std::string, store::Record> records;
  const EmbedReport report = embed(models, options, [&](store::Record r) { records.emplace(r.name, std::move(r)); });
  for (const EmbedFailure& f : report.failed)
    if (!is_refusal(golden, f)) ADD_FAILURE() << f.name << ": " << f.error;

  const std::string base_dtype = inspect(golden.base.string()).dtype;
  const auto& names = std::get<std::vector<std::string>>(arrays.at("model_names").values);
  ASSERT_EQ(names.size(), golden.variants.size());
  EXPECT_EQ(records.size() + report.failed.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!records.contains(names[i])) continue;  // failed, as said above
    const store::Record& r = records.at(names[i]);
    const auto dim = static_cast<std::size_t>(r.dim);
    ASSERT_EQ(r.mean.size(), row) << names[i];
    double worst = 0;
    // In delta the embedding alone counts, that is the last row.
    for (std::size_t at = delta ? row - dim : 0; at < row; at += dim) {
      const double ratio = testing::parity(std::span(r.mean).subspan(at, dim),
                                           std::span(testing::doubles(reference)).subspan(i * row + at, dim),
                                           std::span(hidden).subspan(at, dim), precision);
      EXPECT_LE(ratio, bound) << names[i] << " row " << at / dim;
      worst = std::max(worst, ratio);
    }
    testing::log_coverage("parity", {{"family", golden.family},
                                     {"base", golden.base.string()},
                                     {"dtype", base_dtype},
                                     {"variant", golden.variants[i].second.string()},
                                     {"precision", precision},
                                     {"ran", r.precision},
                                     {"ratio", worst}});
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, Parity,
                         ::testing::Combine(::testing::Range<std::size_t>(0, case_count()),
                                            ::testing::Values("fp32", "fp64", "delta")),
                         [](const auto& p) {
                           return "case" + std::to_string(std::get<0>(p.param)) + "_" + std::get<1>(p.param);
                         });

// The titles of docs/coverage.md. No kind is in the table without an oracle.
TEST(Kinds, AreComparedWithPeft) {
  std::set<std::string> compared;
  for (const GoldenCase& golden : testing::golden_cases())
    for (const auto& [name, path] : golden.variants)
      if (const auto file = path / "adapter_config.json"; std::filesystem::exists(file))
        compared.insert(io::read_json(file).at("peft_type"));
  for (const adapter::Kind& kind : adapter::kinds()) {
    EXPECT_TRUE(compared.contains(std::string(kind.peft))) << kind.peft;
    testing::log_coverage("kinds", {{"peft", kind.peft}, {"title", kind.title}, {"of_modules", !kind.tensors.empty()}});
  }
}

TEST(Refusals, NameWhatIsNotComputed) {
  const auto folder = testing::models_folder();
  const io::Json index = io::read_json(folder / "index.json");
  ASSERT_FALSE(index.at("refused").empty());
  for (const io::Json& c : index.at("refused")) {
    const std::string path = (folder / std::string(c.at("path"))).string();
    const EmbedReport report = embed({{path, "", "refused"}}, {.base = (folder / std::string(c.at("base"))).string()},
                                     [](const store::Record&) { ADD_FAILURE() << "embedded"; });
    ASSERT_EQ(report.failed.size(), 1u) << path;
    EXPECT_THAT(report.failed[0].error, ::testing::HasSubstr(std::string(c.at("word"))));
    EXPECT_LT(report.failed[0].error.size(), 400u);
    testing::log_coverage("refusals", {{"variant", path}, {"reason", report.failed[0].error}});
  }
}

}  // namespace
}  // namespace deltascape
