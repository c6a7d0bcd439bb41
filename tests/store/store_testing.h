// Owns what the tests of the store share: a folder of their own, records of plain numbers, messages of errors.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "deltascape/error.h"
#include "store/store.h"

namespace deltascape::store {

// A fresh folder for one test, removed with it.
class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("deltascape-" + std::to_string(getpid()) + "-" + info->test_suite_name() + "-" + info->name());
    std::filesystem::create_directories(folder_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name = "s.db") const { return folder_ / name; }
  std::unique_ptr<Store> create(const std::string& name = "s.db") const {
    return Store::open(file(name), Store::Mode::kCreate);
  }
  std::unique_ptr<Store> read(const std::string& name = "s.db") const {
    return Store::open(file(name), Store::Mode::kRead);
  }

 private:
  std::filesystem::path folder_;
};

// A record whose numbers follow from `seed`: 5 probes, 4 dimensions.
inline Record sample(const std::string& name, int seed = 1) {
  Record r;
  r.name = name;
  r.label = "law";
  r.path = "adapters/" + name;
  r.space = {.representation = "activations",
             .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "pro"}},
             .base = "base-hash",
             .base_name = "tiny",
             .tokenizer = "tok"};
  r.variant_hash = "hash-" + std::to_string(seed);
  r.program_version = "0.1.0";
  r.device = "cpu";
  r.precision = "fp32";
  r.created = "2026-01-02T03:04:05Z";
  r.probe_count = 5;
  r.dim = 4;
  for (int i = 0; i < 20; ++i) r.per_probe.push_back(static_cast<float>(seed) + 0.1f * static_cast<float>(i));
  for (int i = 0; i < 4; ++i) {
    r.mean.push_back(static_cast<float>(seed) / 3.0f + static_cast<float>(i));
    r.standard_error.push_back(1e-20f * static_cast<float>(i + seed));
  }
  r.norm = 1.0 / 3 + seed;
  r.relative_norm = 0.1;
  r.numeric_error = 1e-7;
  return r;
}

inline void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.path, b.path);
  EXPECT_EQ(a.space.base, b.space.base);
  EXPECT_EQ(a.space.base_name, b.space.base_name);
  EXPECT_EQ(a.space.tokenizer, b.space.tokenizer);
  EXPECT_EQ(a.space.parameter("probes"), b.space.parameter("probes"));
  EXPECT_EQ(a.space.representation, b.space.representation);
  EXPECT_EQ(a.space.parameter("layer"), b.space.parameter("layer"));
  EXPECT_EQ(a.space.parameter("position"), b.space.parameter("position"));
  EXPECT_EQ(a.variant_hash, b.variant_hash);
  EXPECT_EQ(a.program_version, b.program_version);
  EXPECT_EQ(a.device, b.device);
  EXPECT_EQ(a.precision, b.precision);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.probe_count, b.probe_count);
  EXPECT_EQ(a.dim, b.dim);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.norm, b.norm);
  EXPECT_EQ(a.relative_norm, b.relative_norm);
  EXPECT_EQ(a.numeric_error, b.numeric_error);
  EXPECT_EQ(a.no_effect, b.no_effect);
}

// What an Error says and its code; fails when nothing is thrown.
struct Thrown {
  std::string message;
  ErrorCode code = ErrorCode::kInternal;
};
template <typename Function>
Thrown thrown_by(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return {error.what(), error.code()};
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace deltascape::store
