// Owns the header of a .npy array: a Python dict literal that says type, order and shape.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::io {

struct NpyHeader {
  std::string descr;  // "<f4"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

// `file` and `array` are for messages.
NpyHeader parse_npy_header(std::string_view text, const std::filesystem::path& file, const std::string& array);
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
std::string format_npy_header(const std::string& descr, const std::vector<std::int64_t>& shape);

}  // namespace deltascape::io
