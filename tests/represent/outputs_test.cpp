// Answers to the probes against transformers and PEFT in float64, and the vectors of a sentence encoder against
// sentence-transformers' pooling (tests/make_representation_goldens.py).
#include "represent/outputs.h"

#include <gmock/gmock.h>

#include <fstream>

#include "io/file.h"
#include "message_of.h"
#include "represent/representation_goldens.h"
#include "represent/sentence_encoder.h"
#include "temporary_folder.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string encoder_folder(const std::string& name) { return testing::representations_folder() / name; }

class Encoder : public testing::FolderTest {
 protected:
  // A copy of the encoder with another file in it.
  fs::path changed(const std::string& file, const io::Json& json) const {
    const fs::path out = folder_ / "encoder";
    fs::remove_all(out);
    fs::copy(encoder_folder("mean"), out, fs::copy_options::recursive);
    std::ofstream(out / file) << json;
    return out;
  }
  static std::string refusal(const fs::path& folder) {
    return message_of([&] { SentenceEncoder(folder, at::kFloat, silent_progress()); });
  }
};

TEST_F(Encoder, PoolsAsSentenceTransformersDoes) {
  const auto golden = io::read_npz(encoder_folder("sentences.npz"));
  const auto& texts = std::get<std::vector<std::string>>(golden.at("texts").values);
  std::set<std::string> identities;
  for (const std::string name : {"mean", "cls", "bare"}) {
    const at::Tensor expected = testing::tensor_of(golden.at(name));
    SentenceEncoder encoder(encoder_folder(name), at::kDouble, silent_progress());
    const at::Tensor got = encoder(texts);
    ASSERT_EQ(got.sizes(), expected.sizes()) << name;
    testing::expect_parity(got, expected, expected, true);
    SentenceEncoder plain(encoder_folder(name), at::kFloat, silent_progress());
    testing::expect_parity(plain(texts), expected, expected, false);
    EXPECT_EQ(plain.identity(), encoder.identity());
    identities.insert(encoder.identity());
  }
  EXPECT_EQ(identities.size(), 3U);
}

TEST_F(Encoder, WhatIsNotSupportedIsNamed) {
  const auto module = [](const std::string& type, const std::string& path) {
    return io::Json{{"path", path}, {"type", "sentence_transformers.models." + type}};
  };
  const io::Json transformer = module("Transformer", ""), pooling = module("Pooling", "1_Pooling");
  EXPECT_THAT(refusal(changed("modules.json", {transformer, pooling, module("Dense", "2_Dense")})),
              AllOf(HasSubstr("modules.json"), HasSubstr("Dense")));
  EXPECT_THAT(refusal(changed("modules.json", {transformer, module("Pooling", "../1_Pooling")})), HasSubstr(".."));
  EXPECT_THAT(refusal(changed("1_Pooling/config.json", {{"pooling_mode_max_tokens", true}})),
              AllOf(HasSubstr("1_Pooling"), HasSubstr("max")));
  EXPECT_THAT(refusal(changed("1_Pooling/config.json",
                              {{"pooling_mode_max_tokens", true}, {"pooling_mode_mean_tokens", true}})),
              HasSubstr("pooling"));
  EXPECT_THAT(refusal(changed("sentence_bert_config.json", {{"do_lower_case", true}})), HasSubstr("do_lower_case"));
  EXPECT_THAT(refusal(changed("sentence_bert_config.json", {{"max_seq_length", 0}})), HasSubstr("max_seq_length"));
  EXPECT_THAT(refusal(testing::models_folder() / "llama/base"),
              AllOf(HasSubstr("sentence encoder"), HasSubstr("llama")));
  EXPECT_THAT(refusal("nobody/nothing"), AllOf(HasSubstr("hf download nobody/nothing"), HasSubstr("encoder")));
}

class Answered : public testing::FolderTest {
 protected:
  EmbedOptions options(const std::string& model) const {
    return {.base = testing::models_folder() / model / "base",
            .representation = "outputs",
            .encoder = encoder_folder("mean"),
            .outputs_file = folder_ / "said.jsonl",
            .precision = "fp64"};
  }
  std::map<std::string, std::vector<std::string>> said() const {
    std::map<std::string, std::vector<std::string>> out;
    std::ifstream in(folder_ / "said.jsonl");
    for (std::string line; std::getline(in, line);) {
      const io::Json json = io::Json::parse(line);
      auto& texts = out[json.at("name")];
      EXPECT_EQ(json.at("probe"), texts.size());
      texts.push_back(json.at("text"));
    }
    return out;
  }
};

class Outputs : public Answered, public ::testing::WithParamInterface<std::string> {};

TEST_P(Outputs, OfTransformersAndPeft) {
  const io::Json index = io::read_json(encoder_folder("index.json"));
  io::Json answers;
  for (const io::Json& c : index.at("cases"))
    if (c.at("name") == GetParam()) answers = c.at("answers");
  ASSERT_TRUE(answers.contains("base"));
  const auto golden = io::read_npz(encoder_folder(GetParam() + "_outputs.npz"));
  const EmbedOptions o = options(GetParam());
  std::vector<ModelRef> models;
  for (const auto& [name, texts] : answers.items())
    if (name != "base") models.push_back({testing::models_folder() / GetParam() / name, "", name});
  ASSERT_FALSE(models.empty());
  const auto measured = testing::measured(models, o);
  const auto got = said();
  EXPECT_EQ(got.at(o.base), answers.at("base").get<std::vector<std::string>>());
  const at::Tensor base = testing::tensor_of(golden.at("base"));
  for (std::size_t v = 0; v < models.size(); ++v) {
    const std::string& name = models[v].name;
    SCOPED_TRACE(name);
    ASSERT_FALSE(measured[v].error) << measured[v].error->what();
    EXPECT_EQ(got.at(name), answers.at(name).get<std::vector<std::string>>());
    testing::expect_parity(measured[v].samples[0], testing::tensor_of(golden.at(name)) - base, base, true);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Outputs, ::testing::Values("llama", "gemma2", "t5"),
                         [](const auto& test) { return test.param; });

TEST_F(Answered, OfACopyAreZeroAndSpacesNameTheEncoder) {
  EmbedOptions o = options("llama");
  o.precision = "fp32";
  embed({{o.base, "", "copy"}}, o, [&](const store::Record& r) {
    EXPECT_TRUE(r.no_effect);
    EXPECT_EQ(r.probe_count, 5);
    EXPECT_EQ(r.dim, 48);
  });
  EXPECT_EQ(said().size(), 2U);
  const store::Space mean = provenance(o);
  EXPECT_EQ(mean.parameters.size(), 2U);
  o.encoder = encoder_folder("cls");
  EXPECT_NE(provenance(o).parameter("encoder"), mean.parameter("encoder"));
}

TEST_F(Answered, AMissingEncoderIsNamedFirst) {
  EmbedOptions o = options("llama");
  o.encoder = "nobody/nothing";
  EXPECT_THAT(message_of([&] {
                embed({{o.base, "", "copy"}}, o, [](const store::Record&) {});
              }),
              HasSubstr("hf download nobody/nothing"));
  EXPECT_FALSE(fs::exists(folder_ / "said.jsonl"));
}

}  // namespace
}  // namespace deltascape::represent
