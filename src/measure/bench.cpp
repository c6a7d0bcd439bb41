// Owns one benchmark: the machine's limits around one embed run (include/deltascape/bench.h).
#include "deltascape/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "core/machine.h"
#include "core/processor.h"
#include "core/stopwatch.h"
#include "core/temporary_folder.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "exec/gemm.h"
#include "exec/translated.h"
#include "hub/fetch.h"
#include "measure/random_adapters.h"
#include "measure/rates.h"
#include "model/checkpoint.h"
#include "model/thread_count.h"
#include "pass/plan.h"
#include "represent/probes.h"

namespace deltascape {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kPays = 1.5;  // bfloat16 products so many times as fast as float32's make delta the faster precision

// Hands everything on, and keeps when the first stage began: until then the run only started up.
class StartWatch final : public Progress {
 public:
  explicit StartWatch(Progress& inner) : inner_(inner) {}
  void begin(std::string_view stage, std::int64_t total) override {
    if (!first_) first_ = Clock::now();
    inner_.begin(stage, total);
  }
  void advance(std::int64_t steps) override { inner_.advance(steps); }
  void detail(std::string_view words) override { inner_.detail(words); }
  void note(std::string_view line) override { inner_.note(line); }
  bool cancelled() override { return inner_.cancelled(); }
  std::optional<Clock::time_point> first() const { return first_; }

 private:
  Progress& inner_;
  std::optional<Clock::time_point> first_;
};

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

// S, P and the bytes that have to be read.
void describe_work(const model::Checkpoint& base, const std::vector<ModelRef>& models, BenchReport& report) {
  for (const auto& ids : represent::probe_ids(*base.tokenizer(), represent::default_probes()))
    report.tokens += static_cast<std::int64_t>(ids.size());
  const model::ModelSpec& spec = base.spec();
  std::int64_t stored = 0;  // in all of the blocks' linears
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    for (const model::Module m : spec.linears(layer)) {
      const std::int64_t elements = spec.shape(m)[0] * spec.shape(m)[1];
      stored += elements;
      if (spec.reads_text({m, layer})) report.block_parameters += elements;
    }
  report.family = base.spec().architecture->model_type;
  // The blocks' share: of the embedding only a few rows are read, of the head nothing.
  report.base_bytes = static_cast<std::int64_t>(static_cast<double>(base.bytes()) * static_cast<double>(stored) /
                                                static_cast<double>(base.parameters()));
  for (const ModelRef& m : models) report.variant_bytes += inspect(m.path).bytes;
}

void run(const BenchOptions& options, const std::vector<ModelRef>& models, BenchReport& report, Progress& progress) {
  Breakdown breakdown;
  EmbedOptions embed_options;
  embed_options.base = options.base;
  embed_options.precision = options.precision;
  embed_options.memory = options.memory;
  embed_options.threads = options.threads;
  embed_options.breakdown = &breakdown;
  StartWatch watch(progress);
  const auto start = Clock::now();
  const EmbedReport done = embed(
      models, embed_options, [&](store::Record record) { report.precision = record.precision; }, watch);
  const auto end = Clock::now();
  if (!done.failed.empty()) throw Error(ErrorCode::kMismatch, done.failed.front().error);
  report.precision_reason = done.precision_reason;
  report.peak_bytes = static_cast<std::int64_t>(resident_memory().peak);
  report.variants = static_cast<std::int64_t>(done.stored);
  const auto started = watch.first().value_or(start);
  report.start_seconds = seconds_between(start, started);
  report.seconds = seconds_between(started, end);
  for (std::size_t i = 0; i < kWorks; ++i)
    report.breakdown.emplace_back(work_name(static_cast<Work>(i)), breakdown.seconds(static_cast<Work>(i)));
  report.breakdown.emplace_back("other", std::max(0.0, report.seconds - breakdown.total_seconds()));
}

void measure_rates(const model::ModelSpec& spec, BenchReport& report, Progress& progress) {
  MachineRates& rates = report.machine;
  rates.gemm_rows = std::min(report.variants + 1, engine::full_chunk(report.tokens)) * report.tokens;
  rates.fp32 = measure::gemm_rate(spec, rates.gemm_rows, at::kFloat, progress);
  rates.bf16 = measure::gemm_rate(spec, rates.gemm_rows, at::kBFloat16, progress);
  if (report.precision == "fp64") rates.fp64 = measure::gemm_rate(spec, rates.gemm_rows, at::kDouble, progress);
  rates.memory_bandwidth = measure::memory_bandwidth();
}

// `auto` goes by what the processor is; where this measurement finds otherwise, a person may want to choose.
std::string contradiction(const MachineRates& rates) {
  const Bfloat16Verdict verdict = engine::bfloat16_on(c10::kCPU);
  const double times = rates.bf16 / rates.fp32;
  if ((times >= kPays) == (verdict.speed != Bfloat16::kSlow)) return {};
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", times);
  const std::string chosen = verdict.speed == Bfloat16::kSlow ? "fp32" : "delta";
  return "bfloat16 products are " + std::string(text) + " times as fast as float32's here, but auto chooses " + chosen +
         " on this processor (" + verdict.why + "): on an idle machine " + option("precision") + " " +
         (chosen == "fp32" ? "delta" : "fp32") + " is likely to be faster";
}

// The larger of what products and what the disk need (docs: F = 2·S·P a variant).
void set_limits(BenchReport& report) {
  const MachineRates& rates = report.machine;
  const double flops = 2.0 * static_cast<double>(report.tokens) * static_cast<double>(report.block_parameters);
  const auto variants = static_cast<double>(report.variants);
  if (report.precision == "delta") report.compute_limit = flops / rates.fp32 + variants * flops / rates.bf16;
  else report.compute_limit = (variants + 1) * flops / (report.precision == "fp64" ? rates.fp64 : rates.fp32);
  if (rates.disk_rate > 0)
    report.disk_limit = static_cast<double>(report.base_bytes + report.variant_bytes) / rates.disk_rate;
}

BenchReport measured(const BenchOptions& options, Progress& progress) {
  if (options.variants < 1 || options.rank < 1)
    throw Error(ErrorCode::kUsage, "a benchmark needs a variant of at least rank 1",
                {.field = option("variants") + ", " + option("rank")});
  const hub::Resolved found = hub::fetch(options.base, progress);
  const auto base = model::Checkpoint::open(found.path);
  BenchReport report;
  const Processor processor = this_processor();
  report.machine.processor = processor.name;
  report.machine.features = processor.features;
  report.machine.threads = threads_to_use(options.threads);
  const model::ThreadCount threads(report.machine.threads);
  // Before anything reads the base: the page cache counts as it was found.
  const measure::DiskRate disk = measure::disk_rate(base->path(), progress);
  report.machine.disk_rate = disk.bytes_per_second;
  report.machine.cached_fraction = disk.cached_fraction;

  std::optional<TemporaryFolder> folder;
  std::vector<ModelRef> models = options.models;
  if (models.empty()) {
    folder.emplace("bench");
    models = measure::make_random_adapters(base->spec(), options.variants, options.rank, folder->path(), progress);
  }
  describe_work(*base, models, report);
  run(options, models, report, progress);
  measure_rates(base->spec(), report, progress);
  set_limits(report);
  report.contradiction = contradiction(report.machine);
  return report;
}

}  // namespace

BenchReport bench(const BenchOptions& options, Progress& progress) {
  return engine::translated([&] { return measured(options, progress); });
}

}  // namespace deltascape
