// Owns how long work reports how far it is. The library calls it; a frontend draws it.
#pragma once

#include <cstdint>
#include <string_view>

namespace deltascape {

class Progress {
 public:
  virtual ~Progress() = default;
  // A stage of `total` steps begins ("embedding", in variant-layers); it replaces the stage before.
  virtual void begin(std::string_view stage, std::int64_t total) = 0;
  virtual void advance(std::int64_t steps) = 0;
  // What the stage has come to, in a few words ("loss 1.32"); they replace those before.
  virtual void detail(std::string_view) {}
  // Something the user should know and the result does not say, one line.
  virtual void note(std::string_view line) = 0;
};

// Draws nothing.
Progress& silent_progress();

}  // namespace deltascape
