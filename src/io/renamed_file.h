// A file of tensors under other names.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/tensor_file.h"

namespace deltascape::io {

// `file` itself where `rename` changes no name. Throws Error(kBadFile) naming both where two tensors get one name.
std::unique_ptr<TensorFile> renamed(std::unique_ptr<TensorFile> file,
                                    const std::function<std::string(const std::string&)>& rename);

}  // namespace deltascape::io
