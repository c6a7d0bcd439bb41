// Owns the folder beside a run's output, OUT.training: its lock, the state that a killed run goes on from, and the way
// of a finished result into its place.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/cache_entry.h"
#include "io/json.h"
#include "train/method.h"

namespace deltascape::training {

// Where a run is: written and read as a whole.
struct State {
  std::int64_t step = 0;  // steps that are done
  std::string log;        // their lines
  // Parameters, moments, and what else a run needs to go on. All are filled in place.
  std::vector<std::pair<std::string, at::Tensor>> tensors;
};

class RunFolder {
 public:
  // Makes the folder and takes its lock. Throws Error(kUsage) where the output is in the way, or where another process
  // is at it.
  explicit RunFolder(const std::filesystem::path& out);
  ~RunFolder();  // leaves nothing where there is no state
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  void forget();  // what an earlier run left

  // `settings`: all that decides the result, by name; a state is of use where they are equal. False where there is no
  // state. Throws Error(kUsage) naming the first setting that differs, Error(kBadFile) for a file that is no state.
  bool resume(const io::Json& settings, State& state) const;
  // Atomic, and on the disk when it returns.
  void save(const io::Json& settings, const State& state) const;
  // Lets `method` write its result, adds the log, and puts it in place. The folder is gone then.
  void finish(const std::string& log, const Method& method);

 private:
  std::filesystem::path file() const { return folder_ / "state.safetensors"; }

  std::filesystem::path out_, folder_;
  std::optional<hub::FileLock> lock_;
};

}  // namespace deltascape::training
