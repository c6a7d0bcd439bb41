// Owns printing.
#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "deltascape/error.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMaxLine = 1 << 16;

void write(std::FILE* stream, std::string_view text) {
  const std::string out = spelled(text);
  std::fwrite(out.data(), 1, out.size(), stream);
}

std::string flag(std::string_view field) {
  for (const auto& [name, own] : {std::pair{"probes_file", "--probes"},
                                  {"continuations_file", "--continuations"},
                                  {"outputs_file", "--save-outputs"},
                                  {"stops", "--stop"},
                                  {"variants", "-n"}})
    if (field == name) return own;
  std::string out = "--" + std::string(field);
  std::ranges::replace(out, '_', '-');
  return out;
}

void write_stderr(std::string_view prefix, const char* colour, std::string_view line) {
  const bool coloured = use_colour(STDERR_FILENO);
  std::string out = coloured ? std::string(colour) + std::string(prefix) + "\x1b[0m" : std::string(prefix);
  out += one_line(std::string(line), kMaxLine) + "\n";
  write(stderr, out);
}

}  // namespace

void Console::print_json(const Json& document) const {
  const int indent = is_terminal(STDOUT_FILENO) ? 2 : -1;
  write(stdout, document.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Console::print_table(const report::Table& table) const {
  write(stdout, table.render({.width = terminal_width(STDOUT_FILENO), .colour = use_colour(STDOUT_FILENO)}));
}

void Console::print_line(std::string_view line) const { write(stdout, one_line(std::string(line), kMaxLine) + "\n"); }

void Console::note(std::string_view line) const {
  if (!quiet) write_stderr("note: ", "\x1b[36m", line);
}

void Console::failure(std::string_view line) const { write_stderr("error: ", "\x1b[31m", line); }

void Console::failure(std::string_view name, std::string_view error) const {
  if (error.find(name) != std::string_view::npos) failure(error);
  else failure(std::string(name) + ": " + std::string(error));
}

std::string spelled(std::string_view text) { return worded(text, flag); }

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

bool use_colour(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return is_terminal(descriptor) && (no_colour == nullptr || *no_colour == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

std::size_t terminal_width(int descriptor) {
  winsize size{};
  if (!is_terminal(descriptor) || ioctl(descriptor, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::string number(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string ratio(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "-";
  char text[48];
  std::snprintf(text, sizeof text, "%.3f", *value);
  return text;
}

std::string bytes(double count) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; count >= 1024 && unit + 1 < std::size(units); ++unit) count /= 1024;
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", count, units[unit]);
  return text;
}

Json json_number(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(nullptr); }

void flush_stdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(ErrorCode::kIo, "standard output could not be written; is the disk full?");
}

}  // namespace deltascape::cli
