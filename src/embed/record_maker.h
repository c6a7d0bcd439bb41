// Owns the arithmetic from hidden states to an embedding (arXiv 2509.04442 eq. 1), with its error over probes.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "deltascape/record.h"
#include "pass/taps.h"

namespace deltascape::embedding {

// delta: variant minus base, and the base's hidden states, both [taps, probes, d]. Fills numbers, counts, program
// version, device and time.
store::Record make_record(const at::Tensor& delta, const at::Tensor& base);
// One spelling for each tap, so that rows made with "30" and "last" of a 30-layer model compare.
std::string layer_name(const std::string& option, const engine::Taps& taps);

}  // namespace deltascape::embedding
