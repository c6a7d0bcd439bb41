// Owns the control examples that ship with the program, generic instructions of several kinds, and the store where
// finetunes on them are kept.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "deltascape/task.h"

namespace deltascape::study {

struct Control {
  std::string_view name, examples;  // JSONL
};
const std::vector<Control>& controls();

// Each control's examples as a file of the folder.
std::vector<TaskExamples> write_controls(const std::filesystem::path& folder);

// What a control run depends on beside the base and the tap: training settings, seed, examples. Kept as
// store::ControlRun.
struct ControlKey {
  std::string fingerprint, settings;
};
ControlKey control_key(const TrainOptions& training);
// The same of a run on these examples.
ControlKey anchor_key(const TrainOptions& training, const std::string& name, const std::string& examples);

// The control runs of the store that are of this key and comparable with `like`, named as the controls; those that the
// store does not hold are missing. A store that is not there yet holds none.
std::vector<store::Record> kept_controls(const std::filesystem::path& store, const ControlKey& key,
                                         const store::Record& like);
// record: named as its control.
void keep_control(const std::filesystem::path& store, const ControlKey& key, const store::Record& record);

}  // namespace deltascape::study
