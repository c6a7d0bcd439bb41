// Logits against transformers and PEFT in float64 (tests/make_representation_goldens.py).
#include "represent/logits.h"

#include <gmock/gmock.h>

#include "io/float_bits.h"
#include "represent/representation_goldens.h"

namespace deltascape::represent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RepresentationGolden;

class Logits : public ::testing::TestWithParam<std::string> {};

TEST_P(Logits, OfTransformersAndPeft) {
  const RepresentationGolden golden(GetParam());
  for (const std::string precision : {"fp64", "fp32"}) {
    const EmbedOptions options{.base = golden.base(), .representation = "logits", .precision = precision};
    const auto measured = testing::measured(golden, options);
    const auto &expected = golden.array("logits"), &base = golden.array("base_logits");
    for (std::size_t v = 0; v < measured.size(); ++v) {
      SCOPED_TRACE(golden.names()[v] + ", " + precision);
      ASSERT_FALSE(measured[v].error) << measured[v].error->what();
      EXPECT_TRUE(measured[v].half);
      EXPECT_EQ(measured[v].precision, precision);
      const at::Tensor got = measured[v].samples[0], ref = expected[static_cast<std::int64_t>(v)];
      ASSERT_EQ(got.sizes(), ref.sizes());
      testing::expect_parity(got, ref, base, precision == "fp64");
      testing::expect_parity(measured[v].base[0], base, base, precision == "fp64");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Logits, ::testing::Values("llama", "gemma2", "gemma3", "gpt2", "t5", "cohere", "phi"),
                         [](const auto& test) { return test.param; });

// The record holds float16's values: the mean of all digits, rounded once.
TEST(LogitsRecord, KeepsHalves) {
  const RepresentationGolden golden("gemma2");
  const EmbedOptions options{.base = golden.base(), .representation = "logits", .precision = "fp64"};
  const auto measured = testing::measured(golden, options);
  std::size_t next = 0;
  embed(golden.models(), options, [&](const store::Record& r) {
    const at::Tensor mean = measured[next++].samples[0].mean(0).contiguous();
    ASSERT_EQ(static_cast<std::int64_t>(r.mean.size()), mean.numel());
    ASSERT_EQ(r.per_probe.size(), 5 * r.mean.size());
    const double* exact = mean.const_data_ptr<double>();
    for (std::size_t i = 0; i < r.mean.size(); ++i) {
      EXPECT_EQ(r.mean[i], io::from_f16(io::to_f16(r.mean[i])));
      // Half a step of float16, and no other value of it is nearer.
      EXPECT_LE(std::abs(r.mean[i] - exact[i]), std::max(std::abs(exact[i]) * 0x1p-11, 0x1p-25));
    }
    EXPECT_EQ(r.space.representation, "logits");
    EXPECT_EQ(r.space.parameters.size(), 1U);  // the probes
    EXPECT_EQ(r.space.parameter("probes").size(), 32U);
  });
  EXPECT_EQ(next, golden.names().size());
}

TEST(LogitsRecord, OfTheBaseAndOfNoEffectAreZero) {
  const RepresentationGolden golden("llama");
  const std::string folder = testing::models_folder() / "llama";
  std::size_t seen = 0;
  embed({{golden.base(), "", "copy"}, {folder + "/lora_zero_b", "", "zero"}},
        {.base = golden.base(), .representation = "logits"}, [&](const store::Record& r) {
          ++seen;
          EXPECT_TRUE(r.no_effect) << r.name;
          EXPECT_EQ(std::ranges::count(r.mean, 0.0F), static_cast<std::ptrdiff_t>(r.mean.size()));
        });
  EXPECT_EQ(seen, 2U);
}

// A head in parts of a few rows, and variants in groups of one, are the same.
TEST(LogitsRecord, MemoryChangesNothing) {
  const RepresentationGolden golden("llama");
  EmbedOptions options{.base = golden.base(), .representation = "logits", .precision = "fp64"};
  const auto whole = testing::measured(golden, options);
  options.memory = std::size_t{1} << 20;
  const auto parts = testing::measured(golden, options);
  for (std::size_t v = 0; v < whole.size(); ++v)
    EXPECT_TRUE(at::allclose(whole[v].samples, parts[v].samples, 1e-12, 1e-12)) << golden.names()[v];
}

TEST(LogitsRecord, AnEncoderHasNone) {
  const std::string base = testing::models_folder() / "bert" / "base";
  try {
    embed({}, {.base = base, .representation = "logits"}, [](const store::Record&) {});
    provenance({.base = base, .representation = "logits"});
    ADD_FAILURE() << "measured";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("encoder"), HasSubstr("bert")));
  }
}

}  // namespace
}  // namespace deltascape::represent
