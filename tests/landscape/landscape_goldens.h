// Owns reading the goldens of tests/make_landscape_goldens.py, and making records of plain numbers.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "deltascape/record.h"

namespace deltascape::landscape {

using Json = nlohmann::json;

// The golden of this name; a missing one fails the test that asks.
inline Json golden(const std::string& name) {
  const char* folder = std::getenv("DELTASCAPE_GOLDENS");
  const std::filesystem::path file =
      std::filesystem::path(folder ? folder : "goldens") / "landscape" / (name + ".json");
  std::ifstream in(file);
  if (!in) {
    ADD_FAILURE() << file << " is missing: make it with tests/make_landscape_goldens.py FOLDER and set "
                  << "DELTASCAPE_GOLDENS to FOLDER";
    return Json::object();
  }
  return Json::parse(in);
}

inline store::Record record(const std::string& name, const std::string& label, std::vector<float> values) {
  store::Record r;
  r.name = name;
  r.label = label;
  r.space = {.representation = "activations",
             .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "p"}},
             .base = "b",
             .base_name = "base",
             .tokenizer = "t"};
  r.precision = "fp32";
  r.dim = static_cast<std::int64_t>(values.size());
  r.mean = std::move(values);
  return r;
}

// A record of per-probe deltas [probes, dim].
inline store::Record probed(const std::string& name, const std::string& label,
                            const std::vector<std::vector<float>>& deltas) {
  std::vector<float> mean(deltas.front().size());
  for (std::size_t k = 0; k < mean.size(); ++k) {
    double sum = 0;
    for (const auto& delta : deltas) sum += delta[k];
    mean[k] = static_cast<float>(sum / static_cast<double>(deltas.size()));
  }
  store::Record r = record(name, label, mean);
  r.probe_count = static_cast<std::int64_t>(deltas.size());
  for (const auto& delta : deltas) r.per_probe.insert(r.per_probe.end(), delta.begin(), delta.end());
  return r;
}

// Records v000, v001, … of a golden.
inline std::vector<store::Record> records_of(const Json& golden) {
  std::vector<store::Record> out;
  for (std::size_t i = 0; i < golden.value("embeddings", Json::array()).size(); ++i) {
    std::string number = std::to_string(i);
    number.insert(0, 3 - std::min<std::size_t>(3, number.size()), '0');
    out.push_back(record("v" + number, golden["labels"][i], golden["embeddings"][i].get<std::vector<float>>()));
  }
  return out;
}

// The names of the cases, for parameterised tests.
inline const char* const kCases[] = {"clear", "blurred", "few", "lone", "many"};

// A test over goldens by name: the golden and its records.
class LandscapeGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = golden(GetParam());
    records_ = records_of(golden_);
    ASSERT_FALSE(records_.empty());
  }
  Json golden_;
  std::vector<store::Record> records_;
};

}  // namespace deltascape::landscape
