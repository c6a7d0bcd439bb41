// How long work reports how far it is, says what it has met, and is cancelled. The library calls it; a frontend draws
// and decides.
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
  // Asked between layers, steps, batches, models and downloaded megabytes: true ends the call with Error(kCancelled).
  // What is finished by then stays, as after a kill.
  virtual bool cancelled() { return false; }
};

// progress.advance(), and Error(kCancelled) where the work is to end.
void advance(Progress& progress, std::int64_t steps);

// Draws nothing.
Progress& silent_progress();

}  // namespace deltascape
