// embed() with broken, odd and repeated variants beside good ones: each failure is one line that names it, and the
// others come out as if it were not there. Broken adapters are made from the tiny goldens by rewriting their files.
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <map>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "io/file.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct File {
  io::Json header;
  std::string data;
};

File read_safetensors(const fs::path& file) {
  const std::string all = io::read_text(file, std::size_t{1} << 30);
  std::uint64_t size = 0;
  std::memcpy(&size, all.data(), 8);
  return {io::parse_json(std::string_view(all).substr(8, size), file), all.substr(8 + size)};
}

void write_safetensors(const fs::path& file, const File& f) {
  const std::string header = f.header.dump();
  const std::uint64_t size = header.size();
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&size), 8).write(header.data(), static_cast<std::streamsize>(size));
  out.write(f.data.data(), static_cast<std::streamsize>(f.data.size()));
}

class Adapters : public testing::FolderTest {
 protected:
  void SetUp() override { golden_ = testing::models_folder() / "llama"; }

  // A copy of the golden adapter lora_linears under another name.
  fs::path copy(const std::string& name) const {
    fs::copy(golden_ / "lora_linears", folder_ / name);
    return folder_ / name;
  }
  fs::path changed_tensors(const std::string& name, const std::function<void(File&)>& change) const {
    const fs::path folder = copy(name);
    File f = read_safetensors(folder / "adapter_model.safetensors");
    change(f);
    write_safetensors(folder / "adapter_model.safetensors", f);
    return folder;
  }
  fs::path changed_config(const std::string& name, const std::function<void(io::Json&)>& change) const {
    const fs::path folder = copy(name);
    io::Json json = io::read_json(folder / "adapter_config.json");
    change(json);
    std::ofstream(folder / "adapter_config.json") << json.dump();
    return folder;
  }
  std::map<std::string, store::Record> run(const std::vector<fs::path>& paths, EmbedReport* report = nullptr,
                                           EmbedOptions options = {}) const {
    std::vector<ModelRef> models;
    for (const fs::path& p : paths) models.push_back({p.string(), "", p.filename().string()});
    if (options.base.empty()) options.base = (golden_ / "base").string();
    std::map<std::string, store::Record> out;
    const EmbedReport r = embed(models, options, [&](store::Record x) { out.emplace(x.name, std::move(x)); });
    if (report != nullptr) *report = r;
    else
      for (const auto& f : r.failed) ADD_FAILURE() << f.error;
    return out;
  }
  std::string failure_of(const fs::path& path) const {
    EmbedReport report;
    const auto records = run({golden_ / "lora_qv", path}, &report);
    EXPECT_EQ(records.count("lora_qv"), 1u) << "the good one must come through";
    EXPECT_EQ(report.failed.size(), 1u);
    if (report.failed.size() != 1) return "";
    EXPECT_LT(report.failed[0].error.size(), 400u);
    EXPECT_EQ(report.failed[0].error.find('\n'), std::string::npos);
    EXPECT_EQ(report.failed[0].name, path.filename().string());
    return report.failed[0].error;
  }

  fs::path golden_;
};

// docs/design.md §6.3: ≤ 1e-6 ‖h‖.
void expect_same(std::span<const float> a, std::span<const float> b, double hidden_norm, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  double distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) distance += std::pow(a[i] - b[i], 2);
  EXPECT_LE(std::sqrt(distance), 1e-6 * hidden_norm) << what;
}

// The byte range of the first tensor whose name holds `part`.
std::pair<std::string, std::size_t> find(const File& f, const std::string& part) {
  for (const auto& [name, value] : f.header.items())
    if (name.find(part) != std::string::npos) return {name, value.at("data_offsets").at(0).get<std::size_t>()};
  throw std::runtime_error("no tensor with " + part);
}

TEST_F(Adapters, NanNamesTheTensor) {
  std::string name;
  const fs::path broken = changed_tensors("nan", [&](File& f) {
    const auto [tensor, at] = find(f, "v_proj.lora_B");
    name = tensor;
    const float nan = std::nanf("");
    std::memcpy(f.data.data() + at, &nan, 4);
  });
  EXPECT_THAT(failure_of(broken), AllOf(HasSubstr(name), HasSubstr("NaN")));
}

TEST_F(Adapters, MissingHalfOfAPair) {
  const fs::path broken = changed_tensors("half", [](File& f) {
    const auto [tensor, at] = find(f, "q_proj.lora_B");
    // The bytes stay under a name that is no LoRA of this base's module list: an unknown tensor would hide the fault.
    std::string other = tensor;
    other.replace(other.find("q_proj"), 6, "o_proj");
    if (!f.header.contains(other)) f.header[other] = f.header[tensor];
    f.header.erase(tensor);
  });
  EXPECT_THAT(failure_of(broken),
              ::testing::AnyOf(HasSubstr("missing"), HasSubstr("hole"), HasSubstr("gap"), HasSubstr("offset")));
}

TEST_F(Adapters, ForAnotherBase) {
  const fs::path other = testing::models_folder() / "gemma3" / "lora_linears";
  EXPECT_THAT(failure_of(other),
              AllOf(HasSubstr("lora_linears"), ::testing::AnyOf(HasSubstr("another base"), HasSubstr("does not fit"))));
}

TEST_F(Adapters, RankOtherThanTheConfigs) {
  const fs::path broken = changed_config("rank", [](io::Json& j) { j["r"] = 3; });
  EXPECT_THAT(failure_of(broken), AllOf(HasSubstr("rank"), HasSubstr("[3,")));
}

// PEFT knows it; what it does not know is ignored (reading_test.cpp).
TEST_F(Adapters, AnOptionThatIsNotSupportedIsRefusedByName) {
  const fs::path broken = changed_config("future", [](io::Json& j) { j["use_qalora"] = true; });
  EXPECT_THAT(failure_of(broken), HasSubstr("use_qalora"));
  EXPECT_EQ(inspect(broken.string()).verdict, "refused");
  EXPECT_THAT(inspect(broken.string()).reason, HasSubstr("use_qalora"));
}

TEST_F(Adapters, UnknownTypeIsRefusedByName) {
  const fs::path broken = changed_config("type", [](io::Json& j) { j["peft_type"] = "WAVEFT"; });
  EXPECT_THAT(failure_of(broken), HasSubstr("WAVEFT"));
}

TEST_F(Adapters, TruncatedFile) {
  const fs::path broken = copy("short");
  fs::resize_file(broken / "adapter_model.safetensors", fs::file_size(broken / "adapter_model.safetensors") - 7);
  EXPECT_THAT(failure_of(broken), HasSubstr("adapter_model.safetensors"));
}

TEST_F(Adapters, EmptyFolderAndMissingPath) {
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT(failure_of(folder_ / "empty"), HasSubstr("the folder is empty"));
  EXPECT_THAT(failure_of(folder_ / "nowhere" / "at" / "all"), HasSubstr("nowhere"));
}

TEST_F(Adapters, CirclesOfLinksAndAbsurdScales) {
  const fs::path loop = copy("loop");
  fs::remove(loop / "adapter_model.safetensors");
  fs::create_symlink("adapter_model.safetensors", loop / "adapter_model.safetensors");
  EXPECT_THAT(failure_of(loop), HasSubstr("adapter_model.safetensors"));
  fs::create_symlink("self", folder_ / "self");
  EXPECT_THAT(failure_of(folder_ / "self"), HasSubstr("self"));
  EXPECT_THAT(failure_of(folder_ / std::string(3000, 'x')), HasSubstr("xxx"));
  const fs::path scale = changed_config("scale", [](io::Json& j) { j["lora_alpha"] = 1e308; });
  EXPECT_THAT(failure_of(scale), HasSubstr("lora_alpha"));
}

TEST_F(Adapters, AFileInTheFolderStandsForTheFolder) {
  const auto records = run({golden_ / "lora_qv", golden_ / "lora_qv" / "adapter_model.safetensors"});
  EXPECT_EQ(records.at("lora_qv").mean, records.at("adapter_model.safetensors").mean);
}

TEST_F(Adapters, FullModelOfOtherWidth) {
  const fs::path other = testing::models_folder() / "gemma3" / "base";
  EXPECT_THAT(failure_of(other), HasSubstr("not a finetune of the base"));
}

// The authors' flow leaves one adapter's layers in the next model; a few-module adapter is where that shows.
TEST_F(Adapters, FewModulesAfterMany) {
  const auto alone = run({golden_ / "lora_few_late"});
  const auto after = run({golden_ / "lora_all_linear", golden_ / "lora_saved_linear", golden_ / "lora_few_late"});
  const store::Record &a = alone.at("lora_few_late"), &b = after.at("lora_few_late");
  expect_same(a.mean, b.mean, a.norm / a.relative_norm, "alone and after many");
}

// A classifier's adapter: trained with the task's head, below the body's own prefix.
TEST_F(Adapters, WhatLiesBehindTheBodyIsNotRead) {
  golden_ = testing::models_folder() / "bert";
  const fs::path headed = changed_tensors("headed", [](File& f) {
    io::Json header;
    for (const auto& [name, tensor] : f.header.items()) {
      std::string to = name;
      if (name.starts_with("base_model.model.")) to.insert(17, "bert.");
      header[to] = tensor;
    }
    const std::size_t end = f.data.size();
    header["base_model.model.classifier.weight"] = {
        {"dtype", "F32"}, {"shape", {2, 48}}, {"data_offsets", {end, end + 2 * 48 * 4}}};
    f.data.append(std::size_t{2} * 48 * 4, '\0');
    f.header = header;
  });
  const auto records = run({golden_ / "lora_linears", headed});
  EXPECT_EQ(records.at("lora_linears").mean, records.at("headed").mean);
  EXPECT_FALSE(records.at("headed").no_effect);
}

// Neither a shared embedding's adapter nor one of a module that no layer of the stack has is left out in silence.
TEST_F(Adapters, OfAnEncoderDecoderAreRefusedWhereTheyChangeWhatIsNotRead) {
  golden_ = testing::models_folder() / "t5";
  const auto moved = [&](const std::string& name, const std::string& module, std::vector<int> shape) {
    const fs::path folder = changed_tensors(name, [&](File& f) {
      const std::size_t end = f.data.size(),
                        bytes = static_cast<std::size_t>(shape[0]) * static_cast<std::size_t>(shape[1]) * 4;
      f.header["base_model.model." + module + ".weight"] = {
          {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
      f.data.append(bytes, '\0');
    });
    EmbedReport report;
    run({folder}, &report);
    return report.failed.empty() ? std::string() : report.failed[0].error;
  };
  const int rows = io::read_json(golden_ / "base/config.json").at("vocab_size");
  EXPECT_THAT(moved("shared", "shared", {rows, 48}), HasSubstr("share"));
  EXPECT_THAT(moved("distances", "encoder.block.1.layer.0.SelfAttention.relative_attention_bias", {12, 4}),
              HasSubstr("no such module"));
}

// Where deltas are not propagated, `delta` is fp32, and every place that names the precision says so.
TEST_F(Adapters, OfAnEncoderDecoderRunInFp32) {
  golden_ = testing::models_folder() / "t5";
  const auto delta = run({golden_ / "lora_linears"}, nullptr, {.precision = "delta"});
  const auto plain = run({golden_ / "lora_linears"}, nullptr, {.precision = "fp32"});
  EXPECT_EQ(delta.at("lora_linears").precision, "fp32");
  EXPECT_EQ(delta.at("lora_linears").mean, plain.at("lora_linears").mean);
  for (const char* path : {"base", "lora_linears", "full_all"})
    EXPECT_EQ(inspect((golden_ / path).string()).precision, "fp32") << path;
  EXPECT_EQ(inspect((golden_ / "base").string()).family, "t5");
  for (const char* path : {"bert/base", "bert/lora_linears"})
    EXPECT_EQ(inspect((testing::models_folder() / path).string()).precision, "delta") << path;
  EXPECT_EQ(inspect((testing::models_folder() / "bert/base").string()).family, "bert");
}

TEST_F(Adapters, SameContentTwiceGivesTheSameTwice) {
  const fs::path twin = copy("twin");
  const auto records = run({golden_ / "lora_linears", twin});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records.at("lora_linears").variant_hash, records.at("twin").variant_hash);
  EXPECT_EQ(records.at("lora_linears").mean, records.at("twin").mean);
}

TEST_F(Adapters, ZeroDeltaIsFlagged) {
  // In company of every kind: what stands beside it in a product must not turn the zero into rounding.
  const std::vector<fs::path> company{golden_ / "lora_zero_b", golden_ / "lora_head_only", golden_ / "lora_qv",
                                      golden_ / "full_one", golden_ / "base"};
  for (const auto& [name, r] : run(company, nullptr, {.memory = 1}))  // one variant a pass
    EXPECT_EQ(r.no_effect, name != "lora_qv" && name != "full_one") << name;
  const auto records = run(company);
  EXPECT_TRUE(records.at("base").no_effect);
  EXPECT_TRUE(records.at("lora_zero_b").no_effect);
  EXPECT_TRUE(records.at("lora_head_only").no_effect);
  EXPECT_FALSE(records.at("lora_qv").no_effect);
}

TEST_F(Adapters, StandardErrorIsThatOfTheMeanOverProbes) {
  const auto records = run({golden_ / "lora_qv"});
  const store::Record& r = records.at("lora_qv");
  ASSERT_EQ(r.probe_count, 5);
  const auto dim = static_cast<std::size_t>(r.dim);
  for (std::size_t i = 0; i < dim; ++i) {
    double mean = 0, squares = 0;
    for (std::size_t p = 0; p < 5; ++p) mean += r.per_probe[p * dim + i] / 5.0;
    for (std::size_t p = 0; p < 5; ++p) squares += std::pow(r.per_probe[p * dim + i] - mean, 2);
    EXPECT_NEAR(r.mean[i], mean, 1e-6 + 1e-6 * std::abs(mean));
    EXPECT_NEAR(r.standard_error[i], std::sqrt(squares / 4 / 5), 1e-6 + 1e-5 * std::sqrt(squares));
  }
}

TEST_F(Adapters, GroupsByTheirOwnBase) {
  const fs::path named =
      changed_config("named", [&](io::Json& j) { j["base_model_name_or_path"] = (golden_ / "base").string(); });
  const fs::path lost = changed_config("lost", [](io::Json& j) { j["base_model_name_or_path"] = nullptr; });
  std::vector<ModelRef> models{{named.string(), "", ""}, {lost.string(), "", ""}};
  std::vector<std::string> names;
  const EmbedReport report = embed(models, {}, [&](const store::Record& r) { names.push_back(r.name); });
  EXPECT_THAT(names, ::testing::ElementsAre("named"));
  ASSERT_EQ(report.failed.size(), 1u);
  EXPECT_THAT(report.failed[0].error, HasSubstr("base"));
}

TEST_F(Adapters, BadOptionsAreUsageErrors) {
  const auto code = [&](EmbedOptions options) {
    options.base = (golden_ / "base").string();
    try {
      embed({{(golden_ / "lora_qv").string(), "", ""}}, options, [](const store::Record&) {});
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code({.layer = "5000"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.layer = "1.5"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.layer = "first"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.position = "middle"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.precision = "fp8"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.device = "tpu"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.representation = "vibes"}), ErrorCode::kUsage);
  EXPECT_EQ(code({.probes_file = "nowhere.txt"}), ErrorCode::kNotFound);
}

// All of its tokens run in full precision: no row is left to be rounded.
TEST_F(Adapters, ProbesOfOneTokenInReducedPrecision) {
  for (const char* text : {"a", "a\nb"}) {
    const fs::path probes = folder_ / "probes.txt";
    std::ofstream(probes) << text << "\n";
    for (const char* position : {"last", "mean"}) {
      const std::vector<fs::path> models = {golden_ / "lora_qv", golden_ / "dora", golden_ / "full_one"};
      EmbedOptions options{.layer = "all", .position = position, .probes_file = probes.string(), .precision = "fp32"};
      const auto expected = run(models, nullptr, options);
      options.precision = "delta";
      for (const auto& [name, record] : run(models, nullptr, options)) {
        ASSERT_EQ(record.mean.size(), expected.at(name).mean.size());
        for (std::size_t i = 0; i < record.mean.size(); ++i)
          EXPECT_NEAR(record.mean[i], expected.at(name).mean[i], 1e-2 * record.norm + 1e-6) << name << " " << i;
      }
    }
  }
}

TEST_F(Adapters, OneLayerEqualsItsRowOfAll) {
  const auto all = run({golden_ / "lora_qv"}, nullptr, {.layer = "all"});
  const auto& rows = all.at("lora_qv");
  const auto dim = static_cast<std::size_t>(rows.dim);
  const int layers = static_cast<int>(rows.layers) - 1;
  for (const auto& [layer, row] : std::map<std::string, int>{{"0", 0},
                                                             {"1", 1},
                                                             {"0.5", static_cast<int>(0.5 * layers + 0.5)},
                                                             {std::to_string(layers), layers},
                                                             {"last", layers}}) {
    const auto one = run({golden_ / "lora_qv"}, nullptr, {.layer = layer});
    // The last block that is read works on fewer rows than in a run of all layers.
    const store::Record& r = one.at("lora_qv");
    const double hidden = row == 0 ? 1 : r.norm / r.relative_norm;  // no delta at the embedding
    expect_same(r.mean, std::span(rows.mean).subspan(static_cast<std::size_t>(row) * dim, dim), hidden, layer);
    EXPECT_EQ(one.at("lora_qv").space.parameter("layer"), row == layers ? "last" : std::to_string(row));
  }
}

}  // namespace
}  // namespace deltascape
