// Owns .npz in and out (numpy's format.rst 1.0/2.0 inside zip): arrays of numbers and <U strings, never a pickle.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/file.h"

namespace deltascape::io {

// One array, row-major. Strings are UTF-8 here and <U (UTF-32) in the file. Scalars have an empty shape.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>> values;
  bool half = false;  // write `float` values as float16
};

// numpy.load(file, allow_pickle=False) reads what this writes (stored, not compressed). Atomic.
void write_npz(const std::filesystem::path& file, const std::map<std::string, NpyArray>& arrays);
// Reads f2/f4/f8, signed and unsigned integers, bool, <U and |S; stored or deflated entries; C or Fortran order.
// Object arrays are refused. Sizes are checked against the file's before anything is allocated.
// The array `except` is left out.
std::map<std::string, NpyArray> read_npz(const std::filesystem::path& file, std::string_view except = {});

// An array that lies in the file as little-endian float32 in C order, uncompressed: nothing of it is copied.
struct MappedFloats {
  std::shared_ptr<const MappedFile> file;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> values;  // into `file`, not aligned
};
// Empty where the array lies in another way, or there is none.
std::optional<MappedFloats> map_floats(const std::filesystem::path& file, const std::string& name);

}  // namespace deltascape::io
