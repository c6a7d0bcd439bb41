// Owns the tests of how much of a model is in memory while it is opened, hashed and read layer by layer, and of the
// types its weights can be had in.
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <memory>

#include "core/machine.h"
#include "deltascape/error.h"
#include "goldens.h"
#include "large_model.h"
#include "model/checkpoint.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;

constexpr testing::LargeShape kShape;  // 207 MB in bfloat16
constexpr int kLayers = kShape.layers, kHidden = kShape.hidden;
constexpr std::size_t kMiB = std::size_t{1} << 20;
using testing::reset_peak;

class LargeModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = std::make_unique<testing::LargeModel>(kShape);
    folder_ = model_->base();
  }
  static void TearDownTestSuite() { model_.reset(); }

  static inline fs::path folder_;

 private:
  static inline std::unique_ptr<testing::LargeModel> model_;
};

TEST_F(LargeModel, HashesLeaveNothingInMemory) {
  Checkpoint::open(folder_)->identity();  // what the libraries take for themselves the first time
  const std::size_t before = resident_memory().now;
  ASSERT_TRUE(reset_peak());
  const auto model = Checkpoint::open(folder_);
  ASSERT_GT(model->bytes(), 200'000'000u);
  const std::string identity = model->identity(), content = model->content_hash();
  const ResidentMemory after = resident_memory();
  EXPECT_LT(after.peak, before + 40 * kMiB);
  EXPECT_LT(after.now, before + 4 * kMiB);
  EXPECT_NE(identity, content);
  EXPECT_EQ(model->content_hash(), content);
}

TEST_F(LargeModel, LayersComeAndGo) {
  const auto model = Checkpoint::open(folder_);
  std::uint64_t in_blocks = 0;
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::size_t before = resident_memory().now;
    model->prefetch(layer);
    const std::size_t there = resident_memory().now;
    EXPECT_GT(there, before + model->layer_bytes(layer) * 9 / 10);
    EXPECT_LT(there, before + model->layer_bytes(layer) + 6 * kMiB);
    model->release(Site{Module::kDown, layer}, Param::kWeight);
    EXPECT_LT(resident_memory().now, there - 5 * kMiB);
    model->release(layer);
    EXPECT_LT(resident_memory().now, before + 3 * kMiB) << "layer " << layer;
    in_blocks += model->layer_bytes(layer);
  }
  EXPECT_EQ(in_blocks + 2 * 1001 * kHidden, model->bytes());
  EXPECT_THROW(model->prefetch(kLayers), Error);
  EXPECT_THROW(model->release(-1), Error);
}

TEST_F(LargeModel, RowsOfTheEmbeddingAreReadAlone) {
  const auto model = Checkpoint::open(folder_);
  const std::vector<std::int64_t> ids = {999, 0, 500, 0};
  const at::Tensor all = model->load({Module::kEmbed}, Param::kWeight, at::kFloat);
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const at::Tensor rows = model->embedding_rows(ids, dtype);
    EXPECT_TRUE(at::equal(rows.to(at::kFloat), all.index_select(0, at::tensor(ids, at::kLong))));
  }
}

TEST_F(LargeModel, AViewShowsTheFile) {
  auto model = Checkpoint::open(folder_);
  const Site site{Module::kGate, 5};
  const at::Tensor copied = model->load(site, Param::kWeight, at::kBFloat16);
  const at::Tensor seen = model->view(site, Param::kWeight, at::kBFloat16);
  EXPECT_EQ(seen.data_ptr(), model->view(site, Param::kWeight, at::kBFloat16).data_ptr());
  EXPECT_NE(seen.data_ptr(), copied.data_ptr());
  model->release();
  EXPECT_TRUE(at::equal(seen, copied));
  model.reset();
  EXPECT_TRUE(at::equal(seen, copied)) << "after the checkpoint has gone";
}

TEST_F(LargeModel, ABufferIsUsedAgain) {
  const auto model = Checkpoint::open(folder_);
  const at::Tensor buffer = at::empty({kShape.mlp * kHidden}, at::kFloat);
  const at::Tensor q = model->load({Module::kQ, 1}, Param::kWeight, at::kFloat, buffer);
  EXPECT_EQ(q.data_ptr(), buffer.data_ptr());
  EXPECT_EQ(q.sizes(), (std::vector<std::int64_t>{kHidden, kHidden}));
  EXPECT_TRUE(at::equal(q, model->load({Module::kQ, 1}, Param::kWeight, at::kFloat)));
  EXPECT_NE(model->load({Module::kQ, 1}, Param::kWeight, at::kDouble, buffer).data_ptr(), buffer.data_ptr());
  EXPECT_NE(model->load({Module::kQ, 1}, Param::kWeight, at::kFloat, at::empty({7})).data_ptr(), buffer.data_ptr());
}

// Of every kind of file, with the conventions that GGUF changes.
TEST(Loads, BFloat16IsFloatRounded) {
  for (const char* name : {"llama/base", "mistral/base", "gemma3/base", "llama_gguf/base.gguf", "gemma3_gguf/base.gguf",
                           "qwen2_gguf/base.gguf"}) {
    const auto model = Checkpoint::open(testing::models_folder() / name);
    for (std::size_t m = 0; m < kModules; ++m) {
      const Module module = module_at(m);
      if (!model->spec().has(module) || module == Module::kHead) continue;
      const Site site{module, in_block(module) ? 0 : -1};
      const at::Tensor exact = model->load(site, Param::kWeight, at::kFloat);
      EXPECT_TRUE(at::equal(model->load(site, Param::kWeight, at::kBFloat16), exact.to(at::kBFloat16))) << name << m;
      EXPECT_TRUE(at::equal(model->view(site, Param::kWeight, at::kBFloat16), exact.to(at::kBFloat16))) << name << m;
      EXPECT_TRUE(at::equal(model->view(site, Param::kWeight, at::kFloat), exact)) << name << m;
      EXPECT_TRUE(at::equal(model->load(site, Param::kWeight, at::kDouble).to(at::kFloat), exact)) << name << m;
    }
  }
}

class OneTensor : public io::TensorFile {
 public:
  explicit OneTensor(std::vector<float> values)
      : values_(std::move(values)),
        tensors_{{"w", io::DType::kF32, {static_cast<std::int64_t>(values_.size())}, values_.size()}} {}
  const std::vector<io::TensorInfo>& tensors() const override { return tensors_; }
  const io::TensorInfo* find(std::string_view) const override { return tensors_.data(); }
  std::span<const std::byte> bytes(const io::TensorInfo&) const override { return std::as_bytes(std::span(values_)); }
  const fs::path& path() const override { return path_; }

 private:
  std::vector<float> values_;
  std::vector<io::TensorInfo> tensors_;
  fs::path path_ = "one.safetensors";
};

TEST(Loads, TheFirstSpecialNumberIsNamed) {
  constexpr std::size_t kCount = 300'000;
  for (const std::size_t at : {std::size_t{0}, kCount / 2, kCount - 1}) {
    std::vector<float> values(kCount, 1.f);
    values[at] = values[kCount - 1] = NAN;
    const OneTensor file(std::move(values));
    for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) try {
        decode_tensor(file, file.tensors()[0], dtype);
        ADD_FAILURE() << "element " << at;
      } catch (const Error& e) {
        EXPECT_THAT(e.what(), ::testing::AllOf(::testing::HasSubstr("one.safetensors"), ::testing::HasSubstr("w"),
                                               ::testing::HasSubstr("element " + std::to_string(at) + " ")));
      }
  }
}

}  // namespace
}  // namespace deltascape::model
