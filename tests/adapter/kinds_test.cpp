// Adapter kinds beside LoRA: their products equal the matrices they stand for, and tensors that do not go together are
// refused by name. That the formulas are PEFT's is what the parity goldens show (tests/goldens/adapters.py).
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "adapter/adapter.h"
#include "adapter/kinds.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Site;
using Shape = std::vector<std::int64_t>;
using ::testing::AllOf;
using ::testing::HasSubstr;

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

TEST(Products, EqualTheirMatrices) {
  at::manual_seed(1);
  const auto random = [](Shape shape) { return at::randn(shape, at::kDouble); };
  const at::Tensor x = random({5, 12});
  const Product kronecker{Product::Kind::kKronecker, 0.5, random({2, 3}), random({5, 4}), {}, {}};
  const at::Tensor whole = at::kron(kronecker.left, kronecker.right);  // [10, 12]
  EXPECT_LT(distance(kronecker.apply(x), at::linear(x, whole) * 0.5), 1e-14);
  const Product hadamard{Product::Kind::kHadamard, 2, random({7, 3}), random({3, 12}), random({7, 3}), random({3, 12})};
  const at::Tensor change = at::mm(hadamard.left, hadamard.right) * at::mm(hadamard.left2, hadamard.right2);
  EXPECT_LT(distance(hadamard.apply(x), at::linear(x, change) * 2), 1e-14);
}

TEST(KindTable, NamesTensorsAndOptionsOnce) {
  std::set<std::string_view> titles;
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.peft);
    EXPECT_EQ(find_kind(kind.peft), &kind);
    EXPECT_TRUE(titles.insert(kind.title).second);
    EXPECT_TRUE(kind.options.ends_with(' ') && kind.others.ends_with(' '));
    std::istringstream others{std::string(kind.others)};
    for (std::string option; others >> option;)
      EXPECT_EQ(option_kind(kind, option), OptionKind::kNotComputed) << option << " stands in both lists";
    for (const Component& c : kind.tensors) {
      const auto key = parse_key("base_model.model.model.layers.1.self_attn.q_proj." + std::string(c.name) + ".weight");
      ASSERT_TRUE(key) << c.name;
      EXPECT_EQ(key->role, c.weight) << c.name;
      EXPECT_TRUE(key->adapts && holds(kind, key->role)) << c.name;
    }
  }
  EXPECT_EQ(find_kind("NO_SUCH_KIND"), nullptr);
  EXPECT_EQ(find_kind(""), nullptr);
  EXPECT_EQ(find_gguf_kind(""), nullptr);
}

class Kinds : public testing::FolderTest {
 protected:
  void SetUp() override {
    base_ = model::Checkpoint::open(testing::models_folder() / "llama/base");
    in_ = base_->spec().shape(Module::kQ)[1];
    out_ = base_->spec().shape(Module::kQ)[0];
  }

  // F32 tensors of ones; names without the module stand on q_proj of layer 1, others are whole.
  void write(const io::Json& config, const std::map<std::string, Shape>& tensors) const {
    std::ofstream(folder_ / "adapter_config.json") << config;
    io::Json header = io::Json::object();
    std::size_t offset = 0;
    for (const auto& [name, shape] : tensors) {
      std::size_t bytes = 4;
      for (const std::int64_t n : shape) bytes *= static_cast<std::size_t>(n);
      const bool whole = name.starts_with("base_model") || name == kVirtualTokensName;
      const std::string key = whole ? name : kModule + name;
      header[key] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
      offset += bytes;
    }
    const std::string text = header.dump();
    const std::uint64_t size = text.size();
    std::ofstream file(folder_ / "adapter_model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), 8).write(text.data(), static_cast<std::streamsize>(size));
    const std::vector<float> ones(offset / 4, 1.0f);
    file.write(reinterpret_cast<const char*>(ones.data()), static_cast<std::streamsize>(offset));
  }
  std::string refusal(const io::Json& config, const std::map<std::string, Shape>& tensors) const {
    write(config, tensors);
    try {
      Adapter::open(folder_, *base_);
    } catch (const Error& e) {
      EXPECT_LT(std::string(e.what()).size(), 400u);
      return e.what();
    }
    return "nothing was thrown";
  }

  static constexpr const char* kModule = "base_model.model.model.layers.1.self_attn.q_proj.";
  static constexpr const char* kEmbed = "base_model.model.model.embed_tokens.";
  std::shared_ptr<const model::Checkpoint> base_;
  std::int64_t in_ = 0, out_ = 0;
};

TEST_F(Kinds, TensorsThatDoNotGoTogetherAreNamed) {
  const io::Json lora = {{"peft_type", "LORA"}, {"r", 4}};
  io::Json dora = lora;
  dora["use_dora"] = true;
  const Shape a{4, in_}, b{out_, 4};
  EXPECT_THAT(refusal(dora, {{"lora_A.weight", a}, {"lora_B.weight", b}}),
              AllOf(HasSubstr("use_dora"), HasSubstr("lora_A")));
  EXPECT_THAT(refusal(lora, {{"lora_A.weight", a}, {"lora_B.weight", b}, {"lora_magnitude_vector", {out_}}}),
              HasSubstr("lora_magnitude_vector"));
  EXPECT_THAT(refusal(dora, {{"lora_magnitude_vector", {out_}}}),
              AllOf(HasSubstr("lora_magnitude_vector"), HasSubstr("missing")));
  EXPECT_THAT(refusal(dora, {{"lora_A.weight", a}, {"lora_B.weight", b}, {"lora_magnitude_vector", {out_ + 1}}}),
              AllOf(HasSubstr("lora_magnitude_vector"), HasSubstr("shape")));
  EXPECT_THAT(refusal(lora, {{"ia3_l", {out_, 1}}}), AllOf(HasSubstr("ia3_l"), HasSubstr("not supported")));
  EXPECT_THAT(refusal({{"peft_type", "IA3"}}, {{"ia3_l", {out_, 2}}}), AllOf(HasSubstr("ia3_l"), HasSubstr("shape")));
  EXPECT_THAT(refusal({{"peft_type", "IA3"}}, {{std::string(kEmbed) + "ia3_l", {out_, 1}}}),
              HasSubstr("token embedding"));
  EXPECT_THAT(refusal({{"peft_type", "IA3"}}, {{"base_model.model.model.norm.ia3_l", {in_, 1}}}), HasSubstr("norm"));
  EXPECT_THAT(refusal({{"peft_type", "ADALORA"}, {"init_r", 4}}, {{"lora_A", a}, {"lora_B", b}}), HasSubstr("missing"));
  EXPECT_THAT(refusal({{"peft_type", "LOHA"}, {"r", 4}}, {{"hada_w1_a", {out_, 4}}, {"hada_w1_b", {4, in_}}}),
              HasSubstr("missing"));
  EXPECT_THAT(refusal({{"peft_type", "HRA"}, {"r", 4}}, {{"hra_u", {in_, 5}}}), HasSubstr("hra_u"));
  EXPECT_THAT(refusal({{"peft_type", "OFT"}}, {{"oft_R.weight", {in_ / 8, 27}}}), HasSubstr("oft_R"));
  EXPECT_THAT(refusal({{"peft_type", "OFT"}}, {{"oft_R.weight", {in_ / 8 + 1, 28}}}), HasSubstr("oft_R"));
  EXPECT_THAT(refusal({{"peft_type", "MISS"}, {"r", 4}}, {{"miss_block", {5, out_}}}), HasSubstr("miss_block"));
}

TEST_F(Kinds, AStartIsTakenOnceFromASavedWeight) {
  const std::string head = "base_model.model.lm_head.";
  const std::int64_t words = base_->spec().vocabulary;
  std::map<std::string, Shape> tensors = {{head + "lora_A.weight", {4, in_}}, {head + "lora_B.weight", {words, 4}}};
  const auto pairs = [&](const char* start) {
    write({{"peft_type", "LORA"}, {"r", 4}, {"init_lora_weights", start}}, tensors);
    return Adapter::open(folder_, *base_)->ops(Site{Module::kHead}, at::kDouble).low_rank.size();
  };
  for (const char* start : {"pissa", "olora"}) EXPECT_EQ(pairs(start), 2u) << start;
  for (const char* start : {"gaussian", "Gaussian", "eva"}) EXPECT_EQ(pairs(start), 1u) << start;
  tensors[head + "base_layer.weight"] = {words, in_};
  for (const char* start : {"pissa", "olora"}) EXPECT_EQ(pairs(start), 1u) << start;
  base_ = model::Checkpoint::open(testing::models_folder() / "llama_rope3/base");
  ASSERT_TRUE(base_->spec().tied_head);
  for (const char* start : {"pissa", "olora"})
    EXPECT_THAT(refusal({{"peft_type", "LORA"}, {"r", 4}, {"init_lora_weights", start}}, tensors),
                AllOf(HasSubstr("tied"), HasSubstr("lm_head")))
        << start;
}

TEST_F(Kinds, KroneckerFactorsMustMakeTheWeight) {
  const io::Json config = {{"peft_type", "LOKR"}, {"r", 2}};
  EXPECT_THAT(refusal(config, {{"lokr_w1", {4, 4}}, {"lokr_w2", {out_ / 4, in_ / 4 + 1}}}), HasSubstr("Kronecker"));
  EXPECT_THAT(refusal(config, {{"lokr_w1", {4, 4}}}), HasSubstr("lokr_w1"));
  EXPECT_THAT(refusal(config, {{"lokr_w1", {4, 4}}, {"lokr_w2", {0, in_ / 4}}}), HasSubstr("Kronecker"));
  EXPECT_THAT(refusal(config, {{"lokr_w1", {4, 4}}, {"lokr_w2_a", {out_ / 4, 3}}, {"lokr_w2_b", {3, in_ / 4}}}),
              HasSubstr("rank"));
  EXPECT_THAT(refusal(config, {{"lokr_w1", {4}}, {"lokr_w2", {out_ / 4, in_ / 4}}}), HasSubstr("matrix"));
}

TEST_F(Kinds, ProjectionsOfVeraMustBeThere) {
  const io::Json config = {{"peft_type", "VERA"}, {"r", 3}};
  const Shape b{out_}, d{3};
  EXPECT_THAT(refusal(config, {{"vera_lambda_b", b}, {"vera_lambda_d", d}}), HasSubstr("vera_A"));
  EXPECT_THAT(refusal(config, {{"vera_lambda_b", b},
                               {"vera_lambda_d", d},
                               {"base_model.vera_A", {3, in_ - 1}},
                               {"base_model.vera_B", {out_, 3}}}),
              AllOf(HasSubstr("vera_A"), HasSubstr("too small")));
}

TEST_F(Kinds, TrainedRowsMustBeNamed) {
  const std::string key = std::string(kEmbed) + "trainable_tokens_delta";
  const io::Json config = {{"peft_type", "TRAINABLE_TOKENS"}, {"token_indices", {1, 2}}};
  EXPECT_THAT(refusal(config, {{key, {3, in_}}}), HasSubstr("trainable_tokens_delta"));
  EXPECT_THAT(refusal({{"peft_type", "TRAINABLE_TOKENS"}, {"token_indices", {1, -2}}}, {{key, {2, in_}}}),
              HasSubstr("token_indices"));
  write(config, {{key, {2, in_}}});
  const auto adapter = Adapter::open(folder_, *base_);
  const std::vector<std::int64_t> ids{0, 2, 1, 2};
  const at::Tensor rows = *adapter->embedding_rows(ids, at::kFloat), own = base_->embedding_rows(ids, at::kFloat);
  EXPECT_TRUE(at::equal(rows[0], own[0]));
  for (const std::int64_t i : {1, 2, 3}) EXPECT_TRUE(at::equal(rows[i], at::ones({in_}))) << i;
  EXPECT_EQ(adapter->first_layer(), 0);
}

TEST_F(Kinds, VirtualTokensMustFit) {
  const io::Json prompt = {{"peft_type", "PROMPT_TUNING"}, {"num_virtual_tokens", 3}};
  const io::Json prefix = {{"peft_type", "PREFIX_TUNING"}, {"num_virtual_tokens", 3}};
  EXPECT_THAT(refusal(prompt, {{"prompt_embeddings", {3, in_ + 1}}}), HasSubstr("prompt_embeddings"));
  EXPECT_THAT(refusal(prompt, {{"prompt_embeddings", {4, in_}}}), HasSubstr("[3, "));
  EXPECT_THAT(refusal(prefix, {{"prompt_embeddings", {3, in_}}}), HasSubstr("do not fit"));
  EXPECT_THAT(refusal(prompt, {{"lora_A.weight", {3, in_}}}), HasSubstr("lora_A"));
  EXPECT_THAT(refusal(prompt, {{"base_model.model.model.norm.weight", {in_}}}), HasSubstr("missing"));
  EXPECT_THAT(refusal({{"peft_type", "LORA"}}, {{"prompt_embeddings", {3, in_}}}), HasSubstr("prompt_embeddings"));
  EXPECT_THAT(refusal({{"peft_type", "P_TUNING"}}, {{"prompt_embeddings", {3, in_}}}), HasSubstr("num_virtual_tokens"));
  io::Json both = prompt;
  both["num_transformer_submodules"] = 2;
  EXPECT_THAT(refusal(both, {{"prompt_embeddings", {6, in_}}}), HasSubstr("an encoder and a decoder"));
  base_ = model::Checkpoint::open(testing::models_folder() / "deepseek_v2/base");
  EXPECT_THAT(refusal(prefix, {{"prompt_embeddings", {3, 64}}}), HasSubstr("latent attention"));
}

TEST_F(Kinds, APrefixIsReadLayerByLayer) {
  const std::int64_t width = base_->spec().kv_heads * base_->spec().head_dim, layers = base_->spec().layer_count();
  write({{"peft_type", "PREFIX_TUNING"}, {"num_virtual_tokens", 2}}, {{"prompt_embeddings", {2, 2 * layers * width}}});
  const fs::path file = folder_ / "adapter_model.safetensors";
  // The last row's first value of layer 1: a seven among ones. Then, in its values of layer 2, no number.
  const auto put = [&](float value, std::int64_t place) {
    std::fstream f(file, std::ios::binary | std::ios::in | std::ios::out);
    f.seekp(static_cast<std::streamoff>(fs::file_size(file)) - (2 * layers * width - place) * 4);
    f.write(reinterpret_cast<const char*>(&value), 4);
  };
  put(7, 2 * width);
  const auto adapter = Adapter::open(folder_, *base_);
  EXPECT_EQ(adapter->virtual_tokens().keys, 2);
  EXPECT_EQ(adapter->virtual_tokens().rows, 0);
  EXPECT_EQ(adapter->first_layer(), 0);
  const Prefix prefix = *adapter->prefix(1, at::kDouble);
  EXPECT_EQ(prefix.k[1][0].item<double>(), 7);
  EXPECT_EQ(prefix.k.sum().item<double>(), static_cast<double>(2 * width + 6));
  EXPECT_TRUE(at::equal(prefix.v, at::ones({2, width}, at::kDouble)));
  put(std::nanf(""), 5 * width);
  const auto broken = Adapter::open(folder_, *base_);
  EXPECT_TRUE(broken->prefix(0, at::kFloat).has_value());
  try {
    broken->prefix(2, at::kFloat);
    ADD_FAILURE() << "no number went through";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("prompt_embeddings"), HasSubstr("NaN")));
  }
}

TEST_F(Kinds, AZeroFactorIsNoOperator) {
  write({{"peft_type", "LOHA"}, {"r", 4}},
        {{"hada_w1_a", {out_, 4}}, {"hada_w1_b", {4, in_}}, {"hada_w2_a", {out_, 4}}, {"hada_w2_b", {4, in_}}});
  EXPECT_EQ(Adapter::open(folder_, *base_)->ops(Site{Module::kQ, 1}, at::kFloat).products.size(), 1u);
  const fs::path file = folder_ / "adapter_model.safetensors";
  const auto zeros = static_cast<std::streamsize>(out_ * 4 * 4);
  std::fstream f(file, std::ios::binary | std::ios::in | std::ios::out);
  f.seekp(static_cast<std::streamoff>(fs::file_size(file)) - (out_ + in_) * 4 * 4);  // hada_w2_a
  f.write(std::string(static_cast<std::size_t>(zeros), '\0').data(), zeros);
  f.close();
  const auto idle = Adapter::open(folder_, *base_);
  EXPECT_TRUE(idle->ops(Site{Module::kQ, 1}, at::kFloat).empty());
  EXPECT_EQ(idle->first_layer(), base_->spec().layer_count() + 1);
}

TEST(Inspections, TellKindRankAndTargets) {
  const auto look = [](const std::string& name) {
    return inspect((testing::models_folder() / "llama" / name).string());
  };
  for (const auto& [name, kind, rank] :
       {std::tuple("dora", "dora", 8), std::tuple("ia3", "ia3", 0), std::tuple("loha", "loha", 4),
        std::tuple("lokr", "lokr", 4), std::tuple("adalora", "adalora", 6), std::tuple("tokens", "trainable_tokens", 0),
        std::tuple("hra", "hra", 4), std::tuple("vera", "vera", 16), std::tuple("miss", "miss", 8),
        std::tuple("pissa", "lora", 8)}) {
    const Inspection i = look(name);
    EXPECT_EQ(i.kind, kind);
    EXPECT_EQ(i.rank, rank) << name;
    EXPECT_EQ(i.verdict, "exact") << name << " " << i.reason;
    EXPECT_FALSE(i.targets.empty()) << name;
  }
  EXPECT_THAT(look("ia3").targets, ::testing::ElementsAre("down_proj", "k_proj", "v_proj"));
  EXPECT_THAT(look("ln_tuning").targets, ::testing::ElementsAre("input_layernorm", "norm", "post_attention_layernorm"));
  EXPECT_THAT(look("lora_embedding").targets, ::testing::ElementsAre("embed_tokens", "q_proj"));
  for (const auto& [name, kind] : {std::pair("prefix", "prefix_tuning"), std::pair("prompt", "prompt_tuning"),
                                   std::pair("p_tuning", "p_tuning")}) {
    EXPECT_EQ(look(name).kind, kind);
    EXPECT_EQ(look(name).verdict, "exact") << look(name).reason;
    EXPECT_EQ(look(name).precision, "fp32") << name;
  }
  EXPECT_EQ(look("refused/pissa_niter").verdict, "refused");
  EXPECT_THAT(look("refused/pissa_niter").reason, HasSubstr("pissa_niter_4"));
}

}  // namespace
}  // namespace deltascape::adapter
