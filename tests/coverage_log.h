// Owns the lines that tests write for docs/coverage.md (tests/coverage/coverage.py reads them): what was compared with
// an oracle, and how it came out.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "io/json.h"

namespace deltascape::testing {

// Adds a line to `what`.jsonl in the folder that DELTASCAPE_COVERAGE names, begun anew by every process; nothing
// happens where it names none.
inline void log_coverage(const std::string& what, const io::Json& line) {
  const char* folder = std::getenv("DELTASCAPE_COVERAGE");
  if (folder == nullptr || *folder == '\0') return;
  static std::map<std::string, std::ofstream> files;
  std::ofstream& file = files[what];
  if (!file.is_open()) {
    std::filesystem::create_directories(folder);
    file.open(std::filesystem::path(folder) / (what + ".jsonl"));
  }
  file << line.dump() << std::endl;
}

}  // namespace deltascape::testing
