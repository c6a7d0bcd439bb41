// Owns what this machine offers: memory and processors this process may use.
#pragma once

#include <cstddef>

namespace deltascape {

// Bytes that can be taken without swapping (Linux MemAvailable, and the control group's limit where one is set).
std::size_t available_memory();
// Bytes of this process that are in memory, file pages it has mapped among them; and the most there ever were.
struct ResidentMemory {
  std::size_t now = 0, peak = 0;
};
ResidentMemory resident_memory();
// Processors this process may run on (its affinity mask).
int usable_processors();
// What an option --threads comes to: no more than that, and all of them for 0.
int threads_to_use(int asked);

}  // namespace deltascape
