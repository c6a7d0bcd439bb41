// What a processor says it is, and the arithmetic that follows: from /proc/cpuinfo of machines there are.
#include "core/processor.h"

#include <gtest/gtest.h>

#include <sstream>

namespace deltascape {
namespace {

Processor read(const std::string& text) {
  std::istringstream in(text);
  return read_processor(in);
}

Processor x86(const std::string& vendor, const std::string& flags) {
  return read("processor\t: 0\nvendor_id\t: " + vendor +
              "\ncpu family\t: 6\nmodel\t\t: 1\nmodel name\t: One\nflags\t\t: " + flags + "\n\n");
}

TEST(Processor, SaysWhatItIs) { EXPECT_FALSE(this_processor().name.empty()); }

TEST(Processor, ReadsVendorNameAndFeatures) {
  const Processor p = x86("GenuineIntel", "fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile amx_int8");
  EXPECT_EQ(p.name, "One");
  EXPECT_EQ(p.vendor, "GenuineIntel");
  EXPECT_EQ(p.features, (std::vector<std::string>{"avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16"}));
  EXPECT_FALSE(p.has("fpu"));  // tells nothing
}

TEST(Processor, OfArmHasAnImplementerInPlaceOfAVendor) {
  const Processor p = read(
      "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd sve i8mm bf16\nCPU implementer\t: 0x41\n"
      "CPU architecture: 8\nCPU part\t: 0xd40\n\n");
  EXPECT_EQ(p.vendor, "0x41");
  EXPECT_TRUE(p.has("sve"));
  EXPECT_TRUE(p.has("bf16"));
}

TEST(Processor, HasWhatAllOfItsCoresHave) {
  const Processor p = read(
      "processor : 0\nvendor_id : GenuineIntel\nflags : avx2 avx512f avx512_bf16\n\n"
      "processor : 1\nvendor_id : GenuineIntel\nflags : avx2\n\n");
  EXPECT_EQ(p.features, std::vector<std::string>{"avx2"});
}

TEST(Processor, UnknownOrEmptyTextHasNoFeatures) {
  for (const std::string text :
       {"", "\n\n\n", "no colon here\n", "flagship : avx2\nvmx flags : amx_bf16\n", "flags :\n"}) {
    const Processor p = read(text);
    EXPECT_EQ(p.name, "unknown") << text;
    EXPECT_TRUE(p.features.empty()) << text;
    EXPECT_EQ(bfloat16_on(p).speed, Bfloat16::kSlow) << text;
  }
}

TEST(Bfloat16, GoesByWhatTheProcessorIs) {
  const auto speed = [](const std::string& vendor, const std::string& flags) {
    return bfloat16_on(x86(vendor, flags)).speed;
  };
  EXPECT_EQ(speed("GenuineIntel", "avx2 avx512f avx512_bf16 avx512_fp16 amx_tile amx_bf16"), Bfloat16::kVeryFast);
  EXPECT_EQ(speed("GenuineIntel", "avx2 avx512f avx512_bf16 avx512_fp16"), Bfloat16::kSlow);  // AMX hidden or absent
  EXPECT_EQ(speed("GenuineIntel", "avx2 avx512f avx512_bf16 amx_tile amx_int8"), Bfloat16::kSlow);
  EXPECT_EQ(speed("AuthenticAMD", "avx2 avx512f avx512_bf16"), Bfloat16::kFast);  // Zen 4 and 5
  EXPECT_EQ(speed("AuthenticAMD", "avx2"), Bfloat16::kSlow);                      // Zen 3
  EXPECT_EQ(speed("HygonGenuine", "avx2 avx512f avx512_bf16"), Bfloat16::kSlow);
  EXPECT_EQ(speed("0x41", "asimd sve bf16 i8mm"), Bfloat16::kFast);  // Neoverse V1, V2, N2
  EXPECT_EQ(speed("0x41", "asimd"), Bfloat16::kSlow);
  EXPECT_EQ(bfloat16_on(x86("AuthenticAMD", "avx512f avx512_bf16")).why, "avx512_bf16 of AuthenticAMD");
}

TEST(Bfloat16, GoesByComputeCapabilityOnAGpu) {
  EXPECT_EQ(bfloat16_on_cuda(7, 0).speed, Bfloat16::kSlow);
  EXPECT_EQ(bfloat16_on_cuda(7, 5).speed, Bfloat16::kSlow);
  EXPECT_EQ(bfloat16_on_cuda(8, 0).speed, Bfloat16::kVeryFast);
  EXPECT_EQ(bfloat16_on_cuda(9, 0).speed, Bfloat16::kVeryFast);
  EXPECT_EQ(bfloat16_on_cuda(9, 0).why, "compute capability 9.0");
}

// What the products may not use does not count.
TEST(Bfloat16, StaysBelowOneDnnsLimit) {
  const Processor p = x86("GenuineIntel", "avx2 avx512f avx512_bf16 amx_tile amx_bf16");
  const auto with = [&](const std::string& isa) { return limited_to(p, isa); };
  for (const std::string isa :
       {"", "ALL", "DEFAULT", "AVX512_CORE_AMX", "avx512_core_amx_fp16", "AVX10_1_512_AMX", "?"})
    EXPECT_TRUE(with(isa).has("amx_bf16")) << isa;
  for (const std::string isa : {"AVX512_CORE_BF16", "avx512_core_fp16", "AVX10_1_512"}) {
    EXPECT_FALSE(with(isa).has("amx_bf16")) << isa;
    EXPECT_TRUE(with(isa).has("avx512_bf16")) << isa;
  }
  for (const std::string isa : {"AVX512_CORE_VNNI", "avx512_core", "AVX2", "SSE41"})
    EXPECT_FALSE(with(isa).has("avx512_bf16")) << isa;
  EXPECT_EQ(bfloat16_on(with("AVX512_CORE_BF16")).speed, Bfloat16::kSlow);
}

}  // namespace
}  // namespace deltascape
