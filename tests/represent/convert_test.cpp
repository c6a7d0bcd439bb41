// LoRA from PEFT to GGUF and back: every form embeds alike, the gguf package and PEFT read what was written, and what
// is not LoRA is refused by name.
#include "deltascape/convert.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "io/gguf.h"
#include "io/gguf_write.h"
#include "oracle.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Convert : public testing::FolderTest {
 protected:
  void SetUp() override { ::setenv("HF_HUB_OFFLINE", "1", 1); }  // "tiny/llama" is no repository
  fs::path model(const std::string& name) const { return testing::models_folder() / name; }
  Converted made(const fs::path& in, const fs::path& out, const std::string& base, ConvertOptions o = {}) const {
    o.in = in.string(), o.out = out.string(), o.base = (model(base) / "base").string();
    return convert(o);
  }
  std::string refusal(ConvertOptions options) const {
    try {
      convert(options);
    } catch (const Error& e) {
      EXPECT_LT(std::string(e.what()).size(), 400u);
      return e.what();
    }
    return "nothing was thrown";
  }
  std::string refusal(const std::string& adapter, const std::string& base = "llama") const {
    return refusal({.in = (model(base) / adapter).string(),
                    .out = (folder_ / "out.gguf").string(),
                    .base = (model(base) / "base").string()});
  }
  // One embedding each, all layers.
  std::vector<store::Record> embedded(const std::vector<fs::path>& paths, const fs::path& base) const {
    std::vector<ModelRef> models;
    for (const fs::path& p : paths) models.push_back({p.string(), "", std::to_string(models.size())});
    std::map<std::string, store::Record> records;
    const EmbedReport report = embed(models, {.base = base.string(), .layer = "all", .precision = "fp64"},
                                     [&](store::Record r) { records.emplace(r.name, std::move(r)); });
    for (const auto& f : report.failed) ADD_FAILURE() << f.name << ": " << f.error;
    std::vector<store::Record> out;
    for (std::size_t i = 0; i < models.size(); ++i) out.push_back(records[std::to_string(i)]);
    return out;
  }
  void expect_same(const std::vector<fs::path>& paths, const fs::path& base, double relative) const {
    const auto records = embedded(paths, base);
    for (std::size_t i = 1; i < records.size(); ++i) {
      ASSERT_EQ(records[i].mean.size(), records[0].mean.size());
      double distance = 0, size = 0;
      for (std::size_t k = 0; k < records[0].mean.size(); ++k) {
        distance += std::pow(records[i].mean[k] - records[0].mean[k], 2);
        size += std::pow(records[0].mean[k], 2);
      }
      EXPECT_LE(std::sqrt(distance), relative * std::sqrt(size)) << paths[0] << " and " << paths[i];
      EXPECT_GT(size, 0);
    }
  }
  void expect_python(const std::vector<fs::path>& paths) const {
    std::string command = testing::oracle_command("represent/check_convert.py");
    if (command.empty()) GTEST_SKIP() << testing::kNoOracle;
    for (const fs::path& p : paths) command.append(" ").append(p.string());
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
};

TEST_F(Convert, RoundTripsGiveTheSameEmbedding) {
  for (const auto& [base, name, folded] :
       {std::tuple("llama", "lora_linears", false), std::tuple("llama", "lora_rs", false),
        std::tuple("llama", "lora_patterns", true), std::tuple("llama", "lora_pattern_rs", true),
        std::tuple("llama", "lora_few_late", false), std::tuple("llama", "lora_regex", false),
        std::tuple("llama", "lora_bf16", false), std::tuple("llama", "lora_embedding", false),
        std::tuple("llama", "lora_all_linear", false), std::tuple("qwen2", "lora_patterns", true),
        std::tuple("mistral", "lora_linears", false), std::tuple("gemma3", "lora_linears", false)}) {
    SCOPED_TRACE(std::string(base) + " " + name);
    const fs::path given = model(base) / name, gguf = folder_ / (std::string(base) + name + ".gguf");
    const fs::path back = folder_ / (std::string(base) + name);
    EXPECT_EQ(made(given, gguf, base).folded, folded);
    const Converted again = made(gguf, back, base);
    EXPECT_EQ(again.form, "peft");
    EXPECT_GT(again.pairs, 0u);
    // A scale in B is rounded once to float32; else nothing is.
    expect_same({given, gguf, back}, model(base) / "base", 2e-7);
    EXPECT_EQ(inspect(gguf.string()).kind, "lora");
    EXPECT_EQ(inspect(gguf.string()).verdict, "exact") << inspect(gguf.string()).reason;
    EXPECT_EQ(inspect(gguf.string()).rank, inspect(given.string()).rank);
    EXPECT_EQ(inspect(gguf.string()).base, inspect(given.string()).base);
  }
}

// PEFT keeps a copy of an untied head beside LoRA on it, as it does of a token embedding.
TEST_F(Convert, ACopyOfTheBasesHeadIsLeftOut) {
  const fs::path heads = testing::goldens_folder("heads", "make_head_goldens.py") / "rows_apart";
  for (const char* name : {"lora_head", "lora_both", "lora_embed"}) {
    const fs::path given = heads / name, gguf = folder_ / (std::string(name) + ".gguf"), back = folder_ / name;
    made(given, gguf, "llama");
    made(gguf, back, "llama");
    const auto config = io::read_json(back / "adapter_config.json");
    EXPECT_EQ(config.at("target_modules"), io::read_json(given / "adapter_config.json").at("target_modules"));
  }
  expect_same({heads / "lora_both", folder_ / "lora_both.gguf", folder_ / "lora_both"}, model("llama/base"), 2e-7);
  for (const char* name : {"copied_head", "copied_embed"})
    EXPECT_THAT(refusal({.in = (heads / name).string(),
                         .out = (folder_ / "out.gguf").string(),
                         .base = model("llama/base").string()}),
                AllOf(HasSubstr("replaced embedding table"), HasSubstr("base_layer.weight")));
}

TEST_F(Convert, OthersReadWhatWasWritten) {
  std::vector<fs::path> forms;
  for (const char* name : {"lora_patterns", "lora_rs", "lora_few_late"}) {
    const fs::path given = model("llama") / name, gguf = folder_ / (std::string(name) + ".gguf"), back = folder_ / name;
    made(given, gguf, "llama");
    made(gguf, back, "llama");
    for (const fs::path& p : {given, gguf, back}) forms.push_back(p);
  }
  forms.insert(forms.begin(), model("llama") / "base");
  expect_python(forms);
}

TEST_F(Convert, TheTypeIsWhatWasAskedFor) {
  const fs::path given = model("llama/lora_linears");
  EXPECT_EQ(made(given, folder_ / "own.gguf", "llama").dtype, "F32");
  EXPECT_EQ(made(given, folder_ / "half.gguf", "llama", {.dtype = "F16"}).dtype, "F16");
  EXPECT_EQ(made(model("llama/lora_bf16"), folder_ / "bf16.gguf", "llama").dtype, "BF16");
  EXPECT_EQ(made(folder_ / "own.gguf", folder_ / "again.gguf", "llama", {.to = "gguf", .dtype = "BF16"}).dtype, "BF16");
  EXPECT_LT(fs::file_size(folder_ / "half.gguf"), fs::file_size(folder_ / "own.gguf") * 2 / 3);
  expect_same({given, folder_ / "half.gguf"}, model("llama/base"), 1e-3);
  expect_same({given, folder_ / "again.gguf"}, model("llama/base"), 1e-2);
}

TEST_F(Convert, WorksForAGgufBase) {
  const fs::path base = model("llama_gguf/base.gguf"), given = model("llama_gguf/gguf_linears.gguf");
  convert({.in = given.string(), .out = (folder_ / "peft").string(), .base = base.string()});
  convert({.in = (folder_ / "peft").string(), .out = (folder_ / "back.gguf").string(), .base = base.string()});
  expect_same({given, folder_ / "peft", folder_ / "back.gguf"}, base, 2e-7);
}

TEST_F(Convert, WhatIsNotLoraIsRefusedByName) {
  EXPECT_THAT(refusal("dora"), HasSubstr("DoRA"));
  EXPECT_THAT(refusal("pissa"), HasSubstr("init_lora_weights"));
  EXPECT_THAT(refusal("ia3"), HasSubstr("IA3"));
  EXPECT_THAT(refusal("prompt"), HasSubstr("PROMPT_TUNING"));
  EXPECT_THAT(refusal("lora_saved_norms"), HasSubstr("layernorm"));
  EXPECT_THAT(refusal("lora_tokens"), HasSubstr("trainable_tokens_delta"));
  EXPECT_THAT(refusal("lora_bias_all", "qwen2"), HasSubstr("bias"));
  EXPECT_THAT(refusal("lora_head_only", "qwen2"), AllOf(HasSubstr("lm_head"), HasSubstr("head")));
  EXPECT_THAT(refusal("base"), HasSubstr("not an adapter"));
  EXPECT_THAT(refusal("lora_linears", "helium"), HasSubstr("helium"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

// Not what other families with the same order of rows have.
TEST_F(Convert, TheArchitectureIsTheOneThatTheFamilysFilesName) {
  const std::pair<const char*, const char*> expected[] = {
      {"llama", "llama"}, {"mistral", "llama"}, {"granite", "granite"}, {"smollm3", "smollm3"}, {"arcee", "arcee"}};
  for (const auto& [family, architecture] : expected) {
    const fs::path out = folder_ / (std::string(family) + ".gguf");
    made(model(std::string(family) + "/lora_linears"), out, family);
    EXPECT_EQ(io::GgufFile::open(out)->string("general.architecture"), architecture) << family;
  }
}

TEST_F(Convert, TheBaseAndTheOutputMustBeThere) {
  const std::string in = model("llama/lora_qv").string(), base = model("llama/base").string();
  EXPECT_THAT(refusal({.in = in, .out = (folder_ / "a.gguf").string()}), HasSubstr("base"));
  EXPECT_THAT(refusal({.in = in, .out = folder_.string(), .to = "peft", .base = base}), HasSubstr("exists"));
  EXPECT_THAT(refusal({.in = in, .out = folder_.string(), .base = base}), HasSubstr("not a regular file"));
  const std::string nowhere = (folder_ / "not" / "there").string();
  EXPECT_THAT(refusal({.in = in, .out = nowhere, .to = "peft", .base = base}), HasSubstr("there"));
  EXPECT_THAT(refusal({.in = in, .out = nowhere, .base = base}), HasSubstr("there"));
  EXPECT_THAT(refusal({.in = in, .out = "x", .to = "onnx", .base = base}), HasSubstr("onnx"));
  EXPECT_THAT(refusal({.in = in, .out = "x", .base = base, .dtype = "Q4_K"}), HasSubstr("Q4_K"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Convert, GgufAdaptersOfAnotherKindAreRefused) {
  const auto failure = [&](const fs::path& path, const std::string& base) {
    const EmbedReport report = embed({{path.string(), "", "x"}}, {.base = (model(base) / "base").string()},
                                     [](const store::Record&) { ADD_FAILURE() << "embedded"; });
    return report.failed.empty() ? "nothing failed" : report.failed[0].error;
  };
  EXPECT_THAT(failure(model("qwen2/gguf_linears.gguf"), "llama"),
              AllOf(HasSubstr("another architecture"), HasSubstr("qwen2"), HasSubstr("llama")));
  EXPECT_THAT(failure(model("llama/gguf_linears.gguf"), "bloom"), HasSubstr("another architecture"));
  const std::vector<float> values(64 * 4, 0.5F);
  const auto write = [&](const std::string& type, const std::string& more, const std::string& tensor) {
    io::GgufMetadata metadata = {
        {"general.type", "adapter"}, {"general.architecture", "llama"}, {"adapter.type", type}};
    if (!more.empty()) metadata.emplace_back(more, std::uint32_t{7});
    io::write_gguf(folder_ / "odd.gguf", metadata,
                   {{tensor, io::DType::kF32, {4, 64}, std::as_bytes(std::span(values))}});
    return folder_ / "odd.gguf";
  };
  const std::string half = "blk.0.attn_q.weight.lora_a";
  EXPECT_THAT(failure(write("control", "", half), "llama"), HasSubstr("control"));
  EXPECT_THAT(failure(write("lora", "adapter.alora.invocation_tokens", half), "llama"), HasSubstr("aLoRA"));
  EXPECT_EQ(inspect((folder_ / "odd.gguf").string()).verdict, "refused");
  EXPECT_THAT(failure(write("lora", "", half), "llama"), AllOf(HasSubstr(half), HasSubstr("missing")));
  EXPECT_THAT(failure(write("lora", "", "blk.77.attn_q.weight.lora_a"), "llama"), HasSubstr("blk.77"));
  EXPECT_THAT(failure(write("lora", "", "blk.0.attn_norm.weight"), "llama"), HasSubstr("attn_norm"));
}

}  // namespace
}  // namespace deltascape
