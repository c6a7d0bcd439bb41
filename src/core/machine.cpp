// Owns asking the kernel what this machine and this process have: /proc, the control group, the affinity mask.
#include "core/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace deltascape {
namespace {

// A number alone in a file; 0 when there is none ("max").
std::size_t number_in(const char* file) {
  std::ifstream in(file);
  std::size_t value = 0;
  return in >> value ? value : 0;
}

}  // namespace

std::size_t available_memory() {
  std::size_t available =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGE_SIZE));
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key; meminfo >> key;) {
    if (key == "MemAvailable:") {
      std::size_t kib = 0;
      if (meminfo >> kib) available = kib << 10;
      break;
    }
    meminfo.ignore(256, '\n');
  }
  if (const std::size_t limit = number_in("/sys/fs/cgroup/memory.max")) {
    const std::size_t used = number_in("/sys/fs/cgroup/memory.current");
    available = std::min(available, limit > used ? limit - used : 0);
  }
  return available;
}

ResidentMemory resident_memory() {
  ResidentMemory out;
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key; status.ignore(1024, '\n')) {
    std::size_t* const to = key == "VmRSS:" ? &out.now : key == "VmHWM:" ? &out.peak : nullptr;
    if (to != nullptr && status >> *to) *to <<= 10;
  }
  return out;
}

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int threads_to_use(int asked) { return asked > 0 ? std::min(asked, usable_processors()) : usable_processors(); }

}  // namespace deltascape
