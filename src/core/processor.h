// Owns what the processor calls itself, and which of its instructions decide how fast products are.
#pragma once

#include <string>
#include <vector>

namespace deltascape {

struct Processor {
  std::string name;                   // "AMD EPYC 9B45"; "unknown" where the system does not say
  std::vector<std::string> features;  // of those below, what it has
};

// From /proc/cpuinfo.
Processor this_processor();

}  // namespace deltascape
