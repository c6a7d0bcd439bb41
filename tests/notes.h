// Owns a Progress that keeps the notes it is told.
#pragma once

#include <string>
#include <vector>

#include "deltascape/progress.h"

namespace deltascape::testing {

class Notes final : public Progress {
 public:
  void begin(std::string_view, std::int64_t) override {}
  void advance(std::int64_t) override {}
  void note(std::string_view line) override { lines.emplace_back(line); }

  // A line each: all, or those of one model ("NAME: ...").
  std::string text() const { return of_prefix(""); }
  std::string of(const std::string& name) const { return of_prefix(name + ": "); }
  std::vector<std::string> lines;

 private:
  std::string of_prefix(const std::string& prefix) const {
    std::string out;
    for (const std::string& line : lines)
      if (line.starts_with(prefix)) out += line + "\n";
    return out;
  }
};

}  // namespace deltascape::testing
