// Owns the tables that a configuration calls one, the token embedding and the head: under which of their names a file
// holds them, and whether they are the same.
#pragma once

#include "io/tensor_file.h"
#include "model/spec.h"

namespace deltascape::model {

struct TiedTables {
  const io::TensorInfo* embedding = nullptr;  // under the first of its names that the file has, else under the head's
  const io::TensorInfo* head = nullptr;       // beside it; null where the file has none
};
// For a Hugging Face checkpoint of a spec whose head is said to be tied. Throws Error(kUnsupported) where an encoder
// and its decoder read tables that differ.
TiedTables find_tied_tables(const io::TensorFile& file, const ModelSpec& spec);

// Whether two tensors hold the same numbers, whatever their types. Stops at the first that differ, and leaves none of
// their bytes in memory.
bool same_values(const io::TensorFile& file, const io::TensorInfo& x, const io::TensorInfo& y);

// Whether a tensor of this type holds weights by itself.
bool is_real(io::DType dtype);

}  // namespace deltascape::model
