// The lines of a text file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace deltascape::io {

struct Line {
  int number = 0;  // from 1, blank lines counted
  std::string text;
};

// Those that are not blank, without line ends (LF, or CR LF) and a byte order mark before the first. Throws as
// read_text() does.
std::vector<Line> read_lines(const std::filesystem::path& file, std::size_t most);

}  // namespace deltascape::io
