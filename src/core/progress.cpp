#include "deltascape/progress.h"

namespace deltascape {

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
