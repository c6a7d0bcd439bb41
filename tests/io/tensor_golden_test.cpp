// Owns the comparison of every tensor reader and decoder with the libraries that own the formats, bit by bit.
#include <bit>
#include <cmath>
#include <cstring>

#include "io/gguf.h"
#include "io/io_files.h"
#include "io/json.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

std::unique_ptr<TensorFile> open_any(const std::filesystem::path& file) {
  const auto kind = file.extension();
  if (kind == ".gguf") return GgufFile::open(file);
  if (kind == ".safetensors") return open_safetensors(file);
  if (kind == ".json") return open_sharded(file);
  return open_torch_pickle(file);
}

template <class T>
std::vector<T> raw(const std::string& name) {
  const std::string content = content_of(golden("values/" + name));
  std::vector<T> out(content.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), content.data(), content.size());
  return out;
}

// Equal to the last bit; NaNs of any payload are equal.
template <class T>
void expect_same(const std::vector<T>& got, const std::vector<T>& wanted, const std::string& what) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(wanted[i])) continue;
    ASSERT_EQ(std::bit_cast<Bits>(got[i]), std::bit_cast<Bits>(wanted[i]))
        << what << " at " << i << ": " << got[i] << " for " << wanted[i];
  }
}

class TensorGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TensorGolden, HoldsWhatItsOwnerReads) {
  const auto path = golden(GetParam());
  const auto file = open_any(path);
  const Json wanted = read_json(golden(std::string(GetParam()) + ".json"));
  ASSERT_EQ(file->tensors().size(), wanted.size());
  for (const Json& tensor : wanted) {
    const auto name = tensor["name"].get<std::string>();
    const TensorInfo* found = file->find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(info(found->dtype).name, tensor["dtype"].get<std::string>()) << name;
    EXPECT_EQ(found->shape, tensor["shape"].get<std::vector<std::int64_t>>()) << name;
    const auto values = tensor["values"].get<std::string>();
    std::vector<float> floats(found->elements);
    decode(found->dtype, file->bytes(*found), floats.data(), found->elements);
    expect_same(floats, raw<float>(values + ".f32"), name);
    std::vector<double> doubles(found->elements);
    decode(found->dtype, file->bytes(*found), doubles.data(), found->elements);
    expect_same(doubles, raw<double>(values + ".f64"), name);
  }
  EXPECT_EQ(file->find("no such tensor"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Files, TensorGolden,
                         ::testing::Values("all.safetensors", "empty.safetensors",
                                           "sharded/model.safetensors.index.json", "all.gguf", "v2.gguf", "all.pt",
                                           "views.pt", "module.pt", "parameter.pt", "leaves.pt", "nested.pt",
                                           "protocol4.pt", "protocol5.pt", "legacy.pt", "legacy_module.bin",
                                           "deflated.pt", "empty.pt"),
                         [](const auto& one) {
                           std::string name = one.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

TEST(GgufGolden, Metadata) {
  const auto path = golden("all.gguf");
  const auto file = GgufFile::open(path);
  EXPECT_EQ(file->string("general.architecture"), "llama");
  EXPECT_EQ(file->integer("general.alignment"), 64);
  EXPECT_EQ(file->integer("t.uint8"), 127);
  EXPECT_EQ(file->integer("t.int8"), -128);
  EXPECT_EQ(file->integer("t.uint64"), INT64_MAX);
  EXPECT_EQ(file->integer("t.int64"), INT64_MIN);
  EXPECT_EQ(file->real("t.float32"), static_cast<double>(1e-5f));
  EXPECT_EQ(file->real("t.float64"), 0.1);
  EXPECT_EQ(file->real("t.int16"), -32768.0);
  EXPECT_EQ(file->boolean("t.bool"), true);
  EXPECT_EQ(file->string("t.string"), "grüße \xF0\x9F\x99\x82");
  EXPECT_EQ(*file->strings("t.strings"), (std::vector<std::string>{"", "a", "▁b"}));
  EXPECT_EQ(*file->integers("t.integers"), (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_EQ(*file->reals("t.reals"), (std::vector<double>{0.5, -1.25}));
  EXPECT_EQ(file->integer("t.absent"), std::nullopt);
  EXPECT_EQ(file->strings("t.absent"), nullptr);
  expect_refusal([&] { file->integer("t.string"); }, path, "expected an integer, found a string");
  expect_refusal([&] { file->strings("t.integers"); }, path, "an array of strings");
}

TEST(SafetensorsGolden, ThousandsOfTensorsInFileOrder) {
  const auto path = golden("many.safetensors");
  const auto file = open_safetensors(path);
  ASSERT_EQ(file->tensors().size(), 20000u);
  const std::byte* last = nullptr;
  for (const TensorInfo& tensor : file->tensors()) {
    EXPECT_LT(last, file->bytes(tensor).data());
    last = file->bytes(tensor).data();
  }
}

TEST(PickleGolden, TiedTensorsShareTheirBytes) {
  const auto path = golden("views.pt");
  const auto file = open_torch_pickle(path);
  EXPECT_EQ(file->bytes(*file->find("tied_a")).data() + 4 * 8, file->bytes(*file->find("tied_b")).data());
}

struct Refused {
  const char* file;
  const char* words;
};

class PickleRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(PickleRefusal, SaysWhy) {
  const auto path = golden(GetParam().file);
  if (!path.empty()) expect_refusal([&] { open_torch_pickle(path); }, path, GetParam().words);
}

INSTANTIATE_TEST_SUITE_P(Files, PickleRefusal,
                         ::testing::Values(Refused{"whole_module.refused.pt",
                                                   "the global torch.nn.modules.linear.Linear"},
                                           Refused{"list.refused.pt", "no dict of tensors"},
                                           Refused{"two.refused.pt", "several dicts of tensors"},
                                           Refused{"bomb.refused.pt", "more memory than the file"},
                                           Refused{"complex.refused.pt", "ComplexFloatStorage"}));

TEST(Decode, RefusesSizesThatDoNotMatch) {
  std::vector<std::byte> bytes(36);
  std::vector<float> out(64);
  EXPECT_NO_THROW(decode(DType::kQ4_0, bytes, out.data(), 64));
  EXPECT_THROW(decode(DType::kQ4_0, bytes, out.data(), 33), Error);
  EXPECT_THROW(decode(DType::kF32, bytes, out.data(), 8), Error);
  EXPECT_THROW(decode(DType::kF64, bytes, out.data(), std::uint64_t{1} << 61), Error);
}

}  // namespace
}  // namespace deltascape::io
