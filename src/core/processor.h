// Owns what the processor calls itself, which of its instructions decide how fast products are, and what follows from
// them. What a run computes in is decided here, from features alone: a stopwatch would decide by what else runs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace deltascape {

struct Processor {
  std::string name;                   // "AMD EPYC 9B45"; "unknown" where the system does not say
  std::string vendor;                 // "AuthenticAMD", "GenuineIntel"; "0x41" on ARM (its implementer); or empty
  std::vector<std::string> features;  // of those that tell, what all of its cores have

  bool has(const std::string& feature) const;
};

// As /proc/cpuinfo tells it. Hybrid processors list kinds of cores that differ: a feature that some lack is not there.
// An empty or foreign text gives the unknown processor without features.
Processor read_processor(std::istream& cpuinfo);
// This machine's, less what ONEDNN_MAX_CPU_ISA (or DNNL_MAX_CPU_ISA) forbids the products to use.
Processor this_processor();
// `isa`: such a variable's value, empty for none. A word that oneDNN does not know forbids nothing there and here.
Processor limited_to(Processor processor, const std::string& isa);

// bfloat16 products beside float32's.
enum class Bfloat16 {
  kSlow,      // no instructions for them, or no faster ones
  kFast,      // 1.5 times as fast or more: delta propagation pays
  kVeryFast,  // 3 times or more: two of them with conversions take less than one in float32
};
struct Bfloat16Verdict {
  Bfloat16 speed = Bfloat16::kSlow;
  std::string why;  // "amx_bf16", "avx512_bf16 of AuthenticAMD", "no bfloat16 products"
};
Bfloat16Verdict bfloat16_on(const Processor& processor);
// On an NVIDIA GPU of this compute capability, 8.0 as {8, 0}.
Bfloat16Verdict bfloat16_on_cuda(int major, int minor);

}  // namespace deltascape
