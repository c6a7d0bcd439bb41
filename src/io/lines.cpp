#include "io/lines.h"

#include <sstream>

#include "io/file.h"
#include "io/utf8.h"

namespace deltascape::io {

std::vector<Line> read_lines(const std::filesystem::path& file, std::size_t most) {
  const std::string content = read_text(file, most);
  std::istringstream in{std::string(without_byte_order_mark(content))};
  std::vector<Line> out;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t\r") != std::string::npos) out.push_back({number, line});
  }
  return out;
}

}  // namespace deltascape::io
