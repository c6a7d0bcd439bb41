// Owns the order in which llama.cpp stores a linear's rows where it is not transformers': the two halves of a head of q
// and k interleaved (conversion/llama.py, permute), and of fused q, k and v all of q, then all of k, then all of v. It
// holds for weights, for biases and for LoRA's B.
#pragma once

#include <ATen/ATen.h>

#include "model/spec.h"

namespace deltascape::model {

// Whether the two orders of this module's rows differ.
bool gguf_permutes(const Architecture& architecture, Module module);
// [rows, …] -> the same rows in the other order; as given where it is the same.
at::Tensor rows_from_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows);
at::Tensor rows_to_gguf(const ModelSpec& spec, Module module, const at::Tensor& rows);

}  // namespace deltascape::model
