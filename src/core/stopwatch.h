// Owns where a run's time goes: sums of nanoseconds by kind of work, added from any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace deltascape {

// What the engine spends time on. What no guard covers is the rest of the wall time ("other").
enum class Work : std::uint8_t {
  kIo,           // the computing thread waits for bytes
  kConvert,      // decoding, converting and reordering weights
  kGemm,         // products with the base's weights
  kOperators,    // what variants add: LoRA and its kin
  kAttention,    // scores, softmax, values, rotary positions, padding
  kElementwise,  // norms, gates, residual adds, rounding
};
inline constexpr std::size_t kWorks = 6;
constexpr std::string_view work_name(Work work) {
  constexpr std::array<std::string_view, kWorks> names = {"io",        "convert",   "gemm",
                                                          "operators", "attention", "elementwise"};
  return names[static_cast<std::size_t>(work)];
}

// Sums of one run. Thread-safe; work done by several threads at once adds up to more than the wall time, so guards
// belong around whole steps of the computing thread, not inside parallel loops.
class Breakdown {
 public:
  void add(Work work, std::int64_t nanoseconds) {
    sums_[static_cast<std::size_t>(work)].fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  double seconds(Work work) const {
    return 1e-9 * static_cast<double>(sums_[static_cast<std::size_t>(work)].load(std::memory_order_relaxed));
  }
  double total_seconds() const {
    double total = 0;
    for (std::size_t i = 0; i < kWorks; ++i) total += seconds(static_cast<Work>(i));
    return total;
  }

 private:
  std::array<std::atomic<std::int64_t>, kWorks> sums_{};
};

// Adds its own lifetime to a breakdown; with a null pointer it does nothing, not even read the clock. Guards must not
// nest: the inner one's time would count twice.
class [[nodiscard]] Timed {
 public:
  Timed(Breakdown* breakdown, Work work) : breakdown_(breakdown), work_(work) {
    if (breakdown_) start_ = Clock::now();
  }
  ~Timed() {
    if (!breakdown_) return;
    breakdown_->add(work_, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count());
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  Breakdown* breakdown_;
  Work work_;
  Clock::time_point start_{};
};

}  // namespace deltascape
