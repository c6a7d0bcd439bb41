// Owns the tests of writing GGUF files: our reader reads back what was written. That the gguf package does too is seen
// on whole adapters (tests/represent/convert_test.cpp).
#include "io/gguf_write.h"

#include <array>

#include "io/gguf.h"
#include "io/io_files.h"
#include "io/written_tensors.h"

namespace deltascape::io {
namespace {

class GgufWrite : public Scratch {};

const std::array<float, 6> kFloats = {0, -1.5f, 1e-40f, 3.25f, 65504, -0.f};
const std::array<std::uint16_t, 3> kHalves = {0x3f80, 0xc000, 1};

std::vector<TensorToWrite> sample() {
  return {{"blk.0.attn_q.weight.lora_a", DType::kF32, {2, 3}, std::as_bytes(std::span(kFloats))},
          {"halves", DType::kBF16, {3, 1}, std::as_bytes(std::span(kHalves))},
          {"empty", DType::kF16, {0, 4}, {}},
          {"more", DType::kF16, {3}, std::as_bytes(std::span(kHalves))}};
}

TEST_F(GgufWrite, OurReaderReadsItBack) {
  const auto file = folder_ / "a.gguf";
  write_gguf(file, {{"general.type", "adapter"}, {"adapter.lora.alpha", 0.1F}, {"count", std::uint32_t{4000000000}}},
             sample());
  const auto read = GgufFile::open(file);
  EXPECT_EQ(read->metadata().size(), 3u);
  EXPECT_EQ(read->string("general.type"), "adapter");
  EXPECT_EQ(read->real("adapter.lora.alpha"), static_cast<double>(0.1F));
  EXPECT_EQ(read->integer("count"), 4000000000);
  testing::expect_written(*read, sample(), [](const TensorToWrite&) -> std::uintptr_t { return 32; });
}

TEST_F(GgufWrite, WhatDoesNotFitIsNamedAndNothingIsWritten) {
  const auto file = folder_ / "a.gguf";
  auto repeated = sample();
  repeated[1].name = repeated[0].name;
  auto cut = sample();
  cut[0].bytes = cut[0].bytes.first(20);
  for (const auto& tensors : {repeated, cut}) {
    try {
      write_gguf(file, {}, tensors);
      ADD_FAILURE() << "written";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("attn_q"), std::string::npos) << e.what();
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
  }
}

}  // namespace
}  // namespace deltascape::io
