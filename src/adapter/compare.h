// Owns comparing what `inspect` found with a base: do modules and shapes fit?
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "deltascape/inspect.h"
#include "model/checkpoint.h"

namespace deltascape::adapter {

// Bases that adapters name, each opened once (headers only) however many name it. Thread-safe.
class NamedBases {
 public:
  struct Base {
    std::shared_ptr<const model::Checkpoint> model;  // null where it cannot be opened
    std::string problem;                             // then: why, one line
  };
  Base find(const std::string& name);

 private:
  std::mutex mutex_;
  std::map<std::string, Base> bases_;
};

// Fills fits, compared_with and family, and refuses what does not fit. `local`: where the model lies; `name`: what
// `base` is called.
void compare(Inspection& found, const std::filesystem::path& local, const model::Checkpoint& base,
             const std::string& name);

}  // namespace deltascape::adapter
