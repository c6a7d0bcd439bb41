#include "core/processor.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace deltascape {
namespace {

constexpr const char* kTelling[] = {"avx2",     "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile",
                                    "amx_bf16", "asimd",   "sve",         "bf16",        "i8mm"};

std::string after_colon(const std::string& line) {
  const auto start = line.find_first_not_of(" \t", line.find(':') + 1);
  return start == std::string::npos ? "" : line.substr(start);
}

// Whether a line is "key<spaces>: …".
bool is(const std::string& line, const std::string& key) {
  if (!line.starts_with(key)) return false;
  const auto next = line.find_first_not_of(" \t", key.size());
  return next != std::string::npos && line[next] == ':';
}

void forbid(Processor& p, std::initializer_list<const char*> features) {
  std::erase_if(p.features, [&](const std::string& f) { return std::ranges::find(features, f) != features.end(); });
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

bool Processor::has(const std::string& feature) const { return std::ranges::find(features, feature) != features.end(); }

Processor read_processor(std::istream& cpuinfo) {
  Processor out{.name = "unknown"};
  std::optional<std::set<std::string>> common;
  for (std::string line; std::getline(cpuinfo, line);) {
    if (is(line, "model name") && out.name == "unknown") out.name = after_colon(line);
    if ((is(line, "vendor_id") || is(line, "CPU implementer")) && out.vendor.empty()) out.vendor = after_colon(line);
    if (!is(line, "flags") && !is(line, "Features")) continue;
    std::istringstream words(after_colon(line));
    std::set<std::string> here;
    for (std::string word; words >> word;)
      if (!common || common->contains(word)) here.insert(word);
    common = std::move(here);
  }
  for (const char* feature : kTelling)
    if (common && common->contains(feature)) out.features.emplace_back(feature);
  return out;
}

Processor limited_to(Processor processor, const std::string& isa) {
  std::string word;
  for (const char c : isa) word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  static const std::set<std::string> kNarrow = {"SSE41",           "AVX",         "AVX2",
                                                "AVX2_VNNI",       "AVX2_VNNI_2", "AVX512_CORE",
                                                "AVX512_CORE_VNNI"},
                                     kWide = {"AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512", "AVX10_2_512"};
  if (kNarrow.contains(word)) forbid(processor, {"avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16"});
  if (kWide.contains(word)) forbid(processor, {"amx_tile", "amx_bf16"});
  return processor;
}

Processor this_processor() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  const std::string isa = variable("ONEDNN_MAX_CPU_ISA");
  return limited_to(read_processor(cpuinfo), isa.empty() ? variable("DNNL_MAX_CPU_ISA") : isa);
}

// Measured through oneDNN, GFLOP/s of a core in float32 and bfloat16: AMX 110 and 400 to 900; Zen 4 114 and 225; Zen 5
// 240 and 470; a Xeon with avx512_bf16 and without AMX 164 and 88. Neoverse V2 by published figures of oneDNN with
// Arm's kernels: twice its float32 peak (4096³ on 32 cores in 23.6 ms).
Bfloat16Verdict bfloat16_on(const Processor& p) {
  if (p.has("amx_bf16")) return {Bfloat16::kVeryFast, "amx_bf16"};
  if (p.has("avx512_bf16")) {
    const std::string of = p.vendor.empty() ? "an unknown vendor" : p.vendor;
    if (p.vendor == "AuthenticAMD") return {Bfloat16::kFast, "avx512_bf16 of " + of};
    return {Bfloat16::kSlow, "avx512_bf16 of " + of + ", without AMX: no faster than float32"};
  }
  if (p.has("sve") && p.has("bf16")) return {Bfloat16::kFast, "sve and bf16"};
  return {Bfloat16::kSlow, "no bfloat16 products"};
}

Bfloat16Verdict bfloat16_on_cuda(int major, int minor) {
  const std::string capability = "compute capability " + std::to_string(major) + "." + std::to_string(minor);
  // Tensor cores take bfloat16 from Ampere on; float32 products do not use them.
  return {major >= 8 ? Bfloat16::kVeryFast : Bfloat16::kSlow, capability};
}

}  // namespace deltascape
