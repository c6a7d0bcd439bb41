#include "core/processor.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace deltascape {
namespace {

constexpr const char* kTelling[] = {"avx2",     "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile",
                                    "amx_bf16", "asimd",   "sve",         "bf16",        "i8mm"};

std::string after_colon(const std::string& line) {
  const auto start = line.find_first_not_of(" \t", line.find(':') + 1);
  return start == std::string::npos ? "" : line.substr(start);
}

}  // namespace

Processor this_processor() {
  Processor out{.name = "unknown"};
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line) && !line.empty();) {  // an empty line ends the first processor
    if (line.starts_with("model name")) out.name = after_colon(line);
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream flags(after_colon(line));
    for (std::string flag; flags >> flag;)
      if (std::find(std::begin(kTelling), std::end(kTelling), flag) != std::end(kTelling)) out.features.push_back(flag);
  }
  return out;
}

}  // namespace deltascape
