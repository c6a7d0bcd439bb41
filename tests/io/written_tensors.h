// Owns comparing a file that was written with what was to be written.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "io/safetensors_write.h"
#include "io/tensor_file.h"

namespace deltascape::testing {

// Every tensor is there with its type, shape and bytes, each at a multiple of `alignment`.
inline void expect_written(const io::TensorFile& read, const std::vector<io::TensorToWrite>& tensors,
                           std::uintptr_t (*alignment)(const io::TensorToWrite&)) {
  ASSERT_EQ(read.tensors().size(), tensors.size());
  for (const io::TensorToWrite& wanted : tensors) {
    const io::TensorInfo* got = read.find(wanted.name);
    ASSERT_NE(got, nullptr) << wanted.name;
    EXPECT_EQ(got->dtype, wanted.dtype);
    EXPECT_EQ(got->shape, wanted.shape);
    const auto bytes = read.bytes(*got);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), wanted.bytes.begin(), wanted.bytes.end())) << wanted.name;
    if (!bytes.empty()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment(wanted), 0u) << wanted.name;
    }
  }
}

}  // namespace deltascape::testing
