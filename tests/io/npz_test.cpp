// Owns the tests of npz: what numpy writes is read, what is written numpy reads.
#include "io/npz.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "io/io_files.h"
#include "io/json.h"
#include "oracle.h"

namespace deltascape::io {
namespace {

class Npz : public Scratch {};

class NpzGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(NpzGolden, HoldsWhatNumpyWrote) {
  const auto path = golden(GetParam());
  const auto arrays = read_npz(path);
  const Json wanted = read_json(golden(std::string(GetParam()) + ".json"));
  ASSERT_EQ(arrays.size(), wanted.size());
  for (const auto& [name, array] : arrays) {
    const Json& expected = wanted.at(name);
    const Json& values = expected["values"];
    const auto kind = expected["kind"].get<std::string>();
    EXPECT_EQ(array.shape, expected["shape"].get<std::vector<std::int64_t>>()) << name;
    EXPECT_EQ(array.half, expected["half"].get<bool>()) << name;
    if (kind == "f4") EXPECT_EQ(std::get<std::vector<float>>(array.values), values.get<std::vector<float>>()) << name;
    else if (kind == "f8")
      EXPECT_EQ(std::get<std::vector<double>>(array.values), values.get<std::vector<double>>()) << name;
    else if (kind == "text")
      EXPECT_EQ(std::get<std::vector<std::string>>(array.values), values.get<std::vector<std::string>>()) << name;
    else if (!values.empty() && values[0].is_boolean())
      EXPECT_EQ(std::get<std::vector<std::int64_t>>(array.values), (std::vector<std::int64_t>{1, 0})) << name;
    else EXPECT_EQ(std::get<std::vector<std::int64_t>>(array.values), values.get<std::vector<std::int64_t>>()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, NpzGolden, ::testing::Values("stored.npz", "deflated.npz", "versions.npz", "none.npz"));

// Kept in step with check_npz.py.
std::map<std::string, NpyArray> sample() {
  std::vector<float> halves;
  for (const float x : {0.f, -0.f, 1.f, 65504.f, 65519.f, 65520.f, 6e-8f, 2.9e-8f, 2.98023224e-8f, 6.1e-5f, 1.0009765f,
                        1.00048828f, -0.1f, 1e-3f})
    halves.push_back(x);
  halves.push_back(std::numeric_limits<float>::infinity());
  halves.push_back(std::nanf(""));
  return {{"embeddings", {{2, 3}, std::vector<float>{0, 1.5f, -2, 3, 1e-40f, 5}}},
          {"doubles", {{3}, std::vector<double>{0.1, -1e300, 5e-324}}},
          {"integers", {{2, 1}, std::vector<std::int64_t>{INT64_MIN, INT64_MAX}}},
          {"model_names", {{4}, std::vector<std::string>{"", "a/b", "grüße", "\xF0\x9F\x99\x82x"}}},
          {"base_model", {{}, std::vector<std::string>{"org/base"}}},
          {"halves", {{16}, halves, true}},
          {"empty", {{0, 7}, std::vector<float>{}}},
          {"no_texts", {{0}, std::vector<std::string>{}}},
          {"broken",
           {{1},
            std::vector<std::string>{"a\xFF"
                                     "b\xED\xA0\x80"}}}};
}

TEST_F(Npz, ReadsBackWhatItWrote) {
  const auto file = folder_ / "a.npz";
  auto wanted = sample();
  write_npz(file, wanted);
  auto got = read_npz(file);
  EXPECT_EQ(std::get<std::vector<std::string>>(got["broken"].values)[0],
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  wanted.erase("broken"), wanted.erase("halves");
  for (const auto& [name, array] : wanted) {
    EXPECT_EQ(got.at(name).shape, array.shape) << name;
    EXPECT_EQ(got.at(name).values, array.values) << name;
  }
  write_npz(folder_ / "b.npz", sample());
  EXPECT_EQ(content_of(file), content_of(folder_ / "b.npz"));  // no dates inside
}

TEST_F(Npz, NumpyReadsWhatItWrote) {
  const std::string oracle = testing::oracle_command("io/check_npz.py");
  if (oracle.empty()) GTEST_SKIP() << testing::kNoOracle;
  const auto file = folder_ / "a.npz";
  write_npz(file, sample());
  EXPECT_EQ(std::system((oracle + " " + file.string()).c_str()), 0);
}

TEST_F(Npz, RefusesValuesThatDoNotFitTheirShape) {
  EXPECT_THROW(write_npz(folder_ / "a.npz", {{"a", {{2, 2}, std::vector<float>{1}}}}), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.npz"));
}

TEST_F(Npz, FloatsThatLieAsTheyAreUsedStayInTheFile) {
  write_npz(folder_ / "a.npz", sample());
  const auto mapped = map_floats(folder_ / "a.npz", "embeddings");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->shape, (std::vector<std::int64_t>{2, 3}));
  std::vector<float> values(6);
  ASSERT_EQ(mapped->values.size(), 24u);
  std::memcpy(values.data(), mapped->values.data(), 24);
  EXPECT_EQ(values, std::get<std::vector<float>>(sample().at("embeddings").values));
  for (const char* other : {"doubles", "halves", "integers", "model_names", "nothing"})
    EXPECT_FALSE(map_floats(folder_ / "a.npz", other)) << other;
  EXPECT_EQ(read_npz(folder_ / "a.npz", "embeddings").size(), sample().size() - 1);
}

}  // namespace
}  // namespace deltascape::io
