// Owns the settings of a training by name: as JSON, and read from a file that may be wrong.
#pragma once

#include "deltascape/train.h"
#include "io/json.h"

namespace deltascape::training {

// What decides the trained weights beside base, data and seed; in the order of TrainOptions.
io::Json settings_json(const TrainOptions& options);
// Sets what the object names and leaves the rest. Error(kBadFile) for an unknown name or another type.
void read_settings(const io::JsonFields& fields, TrainOptions& options);

}  // namespace deltascape::training
