// Owns `deltascape bench`: this machine's limits, and how close the engine comes to them.
#include "deltascape/bench.h"

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "core/text.h"

namespace deltascape::cli {
namespace {

struct BenchVerb {
  BenchOptions options;
  std::vector<std::string> models;
};

Json bench_json(const BenchReport& r) {
  Json breakdown = Json::object();
  for (const auto& [name, seconds] : r.breakdown) breakdown[name] = seconds;
  return {{"machine",
           {{"processor", r.machine.processor},
            {"features", r.machine.features},
            {"threads", r.machine.threads},
            {"fp32_flops", r.machine.fp32},
            {"bf16_flops", r.machine.bf16},
            {"fp64_flops", json_number(r.machine.fp64 > 0 ? std::optional(r.machine.fp64) : std::nullopt)},
            {"gemm_rows", r.machine.gemm_rows},
            {"memory_bytes_per_second", r.machine.memory_bandwidth},
            {"disk_bytes_per_second", r.machine.disk_rate},
            {"disk_cached", r.machine.cached_fraction}}},
          {"work",
           {{"family", r.family},
            {"precision", r.precision},
            {"precision_reason", r.precision_reason},
            {"contradiction", r.contradiction},
            {"variants", r.variants},
            {"probe_tokens", r.tokens},
            {"block_parameters", r.block_parameters},
            {"base_bytes", r.base_bytes},
            {"variant_bytes", r.variant_bytes}}},
          {"run",
           {{"start_seconds", r.start_seconds},
            {"seconds", r.seconds},
            {"compute_limit_seconds", r.compute_limit},
            {"disk_limit_seconds", r.disk_limit},
            {"limit_seconds", r.limit()},
            {"ratio", r.ratio()},
            {"peak_bytes", r.peak_bytes}}},
          {"breakdown", std::move(breakdown)}};
}

std::string giga(double value, const std::string& unit) { return number(value * 1e-9) + " G" + unit; }
std::string duration(double seconds) { return number(seconds) + " s"; }

std::string cache_words(double fraction) {
  if (fraction > 0.99) return "warm: in the page cache";
  if (fraction < 0.01) return "cold: not in the page cache";
  return number(100 * fraction, 2) + "% of it in the page cache";
}

report::Table bench_table(const BenchReport& r) {
  using report::Align;
  report::Table table({{"what", Align::kLeft}, {"measured", Align::kRight}, {"note", Align::kLeft}});
  table.add(
      {"threads", std::to_string(r.machine.threads), r.machine.processor + ": " + listed(r.machine.features, " ")});
  const std::string shapes = "one block's linears, " + std::to_string(r.machine.gemm_rows) + " rows";
  table.add({"products, fp32", giga(r.machine.fp32, "FLOP/s"), shapes});
  table.add({"products, bf16", giga(r.machine.bf16, "FLOP/s"), shapes});
  if (r.machine.fp64 > 0) table.add({"products, fp64", giga(r.machine.fp64, "FLOP/s"), shapes});
  table.add({"memory", giga(r.machine.memory_bandwidth, "B/s"), "a + b -> c beyond the caches"});
  table.add({"disk", giga(r.machine.disk_rate, "B/s"), "the base's files, " + cache_words(r.machine.cached_fraction)});
  table.add({"start-up", duration(r.start_seconds), "opening base and tokenizer"});
  table.add({"run", duration(r.seconds),
             std::to_string(r.variants) + " variants of " + r.family + ", " + std::to_string(r.tokens) +
                 " probe tokens, " + r.precision +
                 (r.precision_reason.empty() ? "" : " (auto: " + r.precision_reason + ")")});
  for (const auto& [name, seconds] : r.breakdown)
    table.add({"  " + name, duration(seconds), number(100 * seconds / r.seconds, 3) + "%"});
  table.add(
      {"limit", duration(r.limit()), "products " + duration(r.compute_limit) + ", disk " + duration(r.disk_limit)});
  table.add({"run / limit", number(r.ratio(), 3), ""});
  if (!r.contradiction.empty()) table.add({"precision", r.precision, r.contradiction});
  table.add({"peak memory", bytes(static_cast<double>(r.peak_bytes)), "resident, the whole process"});
  return table;
}

int run_bench(BenchVerb verb, const Console& console) {
  verb.options.models = expand({.typed = verb.models, .options = {}}, console);
  BenchReport report;
  {
    ProgressBar progress(console);
    report = bench(verb.options, progress);
  }
  if (console.json) console.print_json(bench_json(report));
  else if (console.quiet) console.print_line(number(report.ratio()));
  else console.print_table(bench_table(report));
  return kExitDone;
}

}  // namespace

void add_bench(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "bench", "This machine's limits, and how close a run comes to them",
                            "deltascape bench --base SmolLM2-135M -n 64 --threads 1\n"
                            "  deltascape bench --base SmolLM2-135M --precision fp32 --json adapters/*");
  const auto v = std::make_shared<BenchVerb>();
  BenchOptions& o = v->options;
  verb->add_option("--base", o.base, "HF directory, .gguf file or hub id")->type_name("BASE")->required();
  verb->add_option("-n", o.variants, "How many random LoRA adapters to make when no MODEL is named")
      ->check(CLI::Range(1, 100000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--rank", o.rank, "Rank of the random adapters")
      ->check(CLI::Range(1, 4096))
      ->type_name("R")
      ->capture_default_str();
  verb->add_option("--precision", o.precision, "Arithmetic of the run, as in `embed`")
      ->type_name("NAME")
      ->capture_default_str();
  add_threads(*verb, o.threads);
  add_memory(*verb, o.memory);
  verb->add_option("MODEL", v->models, "What to embed instead of random adapters; -q prints run / limit alone")
      ->type_name("");
  verb->callback([&session, v] { session.run = [&session, v] { return run_bench(*v, session.console); }; });
}

}  // namespace deltascape::cli
