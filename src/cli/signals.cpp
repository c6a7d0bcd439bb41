#include "cli/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace deltascape::cli {
namespace {

constexpr std::size_t kMostPath = 240;

// In a signal handler: system calls on buffers of our own, and nothing else.
void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(STDERR_FILENO, text.data(), text.size());
    if (done <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

std::uintptr_t take_hex(std::string_view& text) {
  std::uintptr_t value = 0;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c >= '0' && c <= '9') value = value * 16 + static_cast<std::uintptr_t>(c - '0');
    else if (c >= 'a' && c <= 'f') value = value * 16 + static_cast<std::uintptr_t>(c - 'a' + 10);
    else break;
  }
  return value;
}

// The path in a line of /proc/self/maps, "from-to flags offset device inode   /path", when `address` lies in its range.
std::string_view path_in(std::string_view line, std::uintptr_t address) {
  const std::uintptr_t from = take_hex(line);
  if (line.empty()) return {};
  line.remove_prefix(1);
  const std::uintptr_t to = take_hex(line);
  if (address < from || address >= to) return {};
  const std::size_t path = line.find('/');  // no earlier field has one
  return path == std::string_view::npos ? std::string_view() : line.substr(path);
}

// The file that is mapped at `address`; empty where the system does not say.
std::string_view mapped_at(std::uintptr_t address) {
  static char buffer[8192];  // longer than any line
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  std::size_t have = 0;
  for (;;) {
    const ssize_t got = ::read(maps, buffer + have, sizeof buffer - have);
    if (got <= 0) return {};
    have += static_cast<std::size_t>(got);
    std::string_view rest(buffer, have);
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1))
      if (const auto path = path_in(rest.substr(0, end), address); !path.empty()) return path;
    std::memmove(buffer, rest.data(), rest.size());
    have = rest.size();
  }
}

void on_bus_error(int, siginfo_t* info, void*) {
  const auto path = mapped_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  say("error: ");
  say(path.empty() ? std::string_view("a mapped file") : path.substr(0, kMostPath));
  say(": the file was truncated by another program, or its disk failed, while being read\n");
  ::_exit(1);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace deltascape::cli
