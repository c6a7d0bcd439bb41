// Owns the arithmetic from what was read to an embedding (arXiv 2509.04442 eq. 1), with its error over samples.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "deltascape/record.h"

namespace deltascape::represent {

// delta: variant minus base, and what the base gives, both [rows, samples, d]. Fills numbers, counts, program version
// and time. half: numbers are rounded to float16's, each once.
store::Record make_record(const at::Tensor& delta, const at::Tensor& base, bool half = false);
// Of the variant whose content is `own`: its inner products with variants by their content, itself among them.
store::Record make_record(std::map<std::string, double> products, const std::string& own);

}  // namespace deltascape::represent
