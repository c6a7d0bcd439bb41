#include "deltascape/progress.h"

#include "deltascape/error.h"

namespace deltascape {

void advance(Progress& progress, std::int64_t steps) {
  progress.advance(steps);
  if (progress.cancelled()) throw Error(ErrorCode::kCancelled, "cancelled");
}

Progress& silent_progress() {
  class Silent final : public Progress {
    void begin(std::string_view, std::int64_t) override {}
    void advance(std::int64_t) override {}
    void note(std::string_view) override {}
  };
  static Silent silent;
  return silent;
}

}  // namespace deltascape
