// Owns how the program's threads wait for each other: spinning for some microseconds, then asleep. The OpenMP run-time
// reads this from the environment when it is loaded, before main(), and left alone spins for milliseconds: beside
// another busy process, waiting threads then take the cores that the working ones need. So the program begins again
// once, with the variable set, before any library's constructors have run (some milliseconds). What a user has set
// stays. A library cannot do this for its process: from Python it is the user's to set.
#include <alloca.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace {

// Turns of a loop of pauses, 20 to 70 ns each: some tens of microseconds, about what waking a thread costs. On two
// cores beside a busy process training kept 0.52 of its speed with 1000, 0.31 with 20000 and 0.30 with the run-time's
// 300000; alone no count was faster beyond noise (bench/busy.py).
char setting[] = "GOMP_SPINCOUNT=1000";

bool sets_waiting(const char* variable) {
  for (const char* name : {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT="})
    if (std::strncmp(variable, name, std::strlen(name)) == 0) return true;
  return false;
}

// Nothing is initialised yet, malloc and environ neither. Where this does not work, threads wait as they always did.
[[gnu::no_sanitize("address", "undefined")]] void begin_again(int, char** arguments, char** environment) {
  const auto* program = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const bool by_loader = getauxval(AT_BASE) == 0;  // ld.so PROGRAM: the file that runs is ld.so's
  if (program == nullptr || by_loader || getauxval(AT_SECURE) != 0) return;
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count)
    if (sets_waiting(environment[count])) return;
  auto** longer = static_cast<char**>(alloca((count + 2) * sizeof(char*)));
  std::copy_n(environment, count, longer);
  longer[count] = setting;
  longer[count + 1] = nullptr;
  execve(program, arguments, longer);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const first)(int, char**, char**) = begin_again;

}  // namespace
