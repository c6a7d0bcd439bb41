// Owns what a run's options must be, and which of them decide its result.
#pragma once

#include "deltascape/train.h"
#include "io/json.h"
#include "train/method.h"

namespace deltascape::training {

// Throws Error(kUsage) naming the option.
void check_options(const TrainOptions& options);
// By option. The number of threads, which decides by a rounding here and there, is left to who resumes a run.
io::Json deciding(const TrainOptions& options);
const MethodEntry& method_named(const std::string& name);

}  // namespace deltascape::training
