// Owns the main job: options and models in, one Record a variant out (include/deltascape/embed.h).
#include "deltascape/embed.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <span>

#include "adapter/adapter.h"
#include "adapter/fetch.h"
#include "adapter/notes.h"
#include "core/hash.h"
#include "core/machine.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "embed/own_tokenizer.h"
#include "embed/probes.h"
#include "embed/record_maker.h"
#include "exec/device.h"
#include "exec/gemm.h"
#include "exec/translated.h"
#include "hub/resolve.h"
#include "io/file.h"
#include "model/checkpoint.h"
#include "model/thread_count.h"
#include "pass/engine.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using engine::Variant;
using model::Checkpoint;

constexpr double kLargeError = 1e-2;  // of an embedding: docs/design.md §6.1

// A model, and where it lies on this machine.
struct Member {
  ModelRef ref;
  fs::path path;
};

struct Opened {
  const ModelRef* ref = nullptr;
  fs::path path;
  Variant variant;
  std::string hash;
  std::vector<std::string> notes;
  std::optional<Error> error;
};

// Reads, checks and hashes; safe beside a running engine.
Opened open_variant(const Member& member, const Checkpoint& base, bool strict) {
  Opened out{.ref = &member.ref, .path = member.path};
  try {
    engine::translated([&] {
      if (adapter::holds_adapter(member.path)) {
        if (strict) adapter::require_known_options(adapter::read_peft_config(member.path), member.path);
        out.variant.adapter = adapter::Adapter::open(member.path, base);
        out.hash = out.variant.adapter->content_hash();
        out.notes = out.variant.adapter->notes();
        return;
      }
      out.variant.full = Checkpoint::open(member.path);
      out.notes = out.variant.full->notes();
      out.hash = out.variant.full->content_hash();
      // The base's own copy runs as the base: its delta is zero, not the rounding between two runs.
      if (out.variant.full->identity() == base.identity() && out.hash == base.content_hash())
        out.variant.full = nullptr;
    });
  } catch (const Error& e) {
    out.error = e;
  }
  return out;
}

// In the order given, `threads` at a time.
std::vector<Opened> open_all(std::span<const Member> members, const Checkpoint& base, bool strict, int threads) {
  std::vector<Opened> out(members.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < members.size(); i = next++) out[i] = open_variant(members[i], base, strict);
  };
  std::vector<std::future<void>> others;
  for (int t = 1; t < threads; ++t) others.push_back(std::async(std::launch::async, work));
  work();
  for (auto& other : others) other.get();
  return out;
}

constexpr std::pair<const char*, engine::Precision> kPrecisions[] = {
    {"delta", engine::Precision::kDelta}, {"fp32", engine::Precision::kFp32}, {"fp64", engine::Precision::kFp64}};

engine::Precision precision_named(const std::string& name, c10::Device device) {
  for (const auto& [known, precision] : kPrecisions)
    if (name == known) return precision;
  const bool fast = engine::bfloat16_on(device).speed != Bfloat16::kSlow;  // auto
  return fast ? engine::Precision::kDelta : engine::Precision::kFp32;
}

const char* name_of(engine::Precision precision) {
  return std::ranges::find(kPrecisions, precision, &std::pair<const char*, engine::Precision>::second)->first;
}

// A full finetune's delta takes two bfloat16 products a linear, and conversions: less than one in fp32 only where
// bfloat16 is much faster. Full finetunes run in fp32 on a device.
engine::Precision full_precision_named(const std::string& name) {
  const bool fast = engine::bfloat16_on(c10::kCPU).speed == Bfloat16::kVeryFast;
  const bool delta = name == "delta" || (name == "auto" && fast);
  return delta ? engine::Precision::kDelta : engine::Precision::kFp32;
}

// What a run reads before its first variant.
struct Inputs {
  std::shared_ptr<const Checkpoint> base;
  engine::Layout layout;
  engine::Taps taps;
  store::Space space;
  std::vector<std::string> texts;              // of the probes
  std::vector<std::vector<std::int64_t>> ids;  // as the base reads them
};

Inputs open_inputs(const std::string& base, const EmbedOptions& options, Progress& progress) {
  Inputs out{.base = Checkpoint::open(adapter::fetch_model(base, progress)),
             .layout = {},
             .taps = {},
             .space = {},
             .texts = {},
             .ids = {}};
  const auto tokenizer = out.base->tokenizer();
  out.texts = options.probes_file.empty() ? embedding::default_probes() : embedding::read_probes(options.probes_file);
  Hasher hasher;
  for (const std::string& text : out.texts) hasher.update(text);
  out.ids = embedding::probe_ids(*tokenizer, out.texts);
  out.layout = engine::make_layout(out.ids);
  out.taps = engine::parse_taps(options.layer, options.position, out.base->spec());
  out.space = {.representation = options.representation,
               .parameters = {{"layer", embedding::layer_name(options.layer, out.taps)},
                              {"position", options.position},
                              {"probes", hasher.hex()}},
               .base = out.base->identity(),
               .base_name = base,
               .tokenizer = tokenizer->identity()};
  return out;
}

// One base with the models that belong to it.
class Job {
 public:
  Job(const std::string& base, const EmbedOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        device_(engine::parse_device(options.device)),
        inputs_(open_inputs(base, options, progress)) {
    if (!device_.is_cpu()) layers_.emplace(*inputs_.base, device_, engine::free_bytes(device_) / 2);
  }

  void run(const std::vector<Member>& members, const std::function<void(store::Record)>& sink, EmbedReport& report);

 private:
  void run_group(std::vector<Opened>& opened, const engine::RunOptions& how,
                 const std::function<void(store::Record)>& sink, EmbedReport& report);

  std::size_t budget() const {
    if (!device_.is_cpu()) return engine::free_bytes(device_) / 3;  // beside the layers that stay there
    return options_.memory ? options_.memory : available_memory() / 2;
  }

  const EmbedOptions& options_;
  Progress& progress_;
  c10::Device device_;
  Inputs inputs_;
  std::optional<engine::DeviceLayers> layers_;  // of the base, on another device than the processor
};

void Job::run(const std::vector<Member>& members, const std::function<void(store::Record)>& sink, EmbedReport& report) {
  const engine::RunOptions asked{.precision = precision_named(options_.precision, device_),
                                 .full_precision = full_precision_named(options_.precision),
                                 .memory = budget(),
                                 .breakdown = options_.breakdown,
                                 .device = device_,
                                 .layers = layers_ ? &*layers_ : nullptr};
  const engine::RunOptions how = engine::computed(asked, inputs_.base->spec());
  if (options_.precision == "auto") report.precision_reason = engine::bfloat16_on(device_).why;
  if (options_.precision == "delta" && how.precision != asked.precision)
    progress_.note("deltas are not propagated through experts, nor through an encoder and a decoder: running in fp32");
  // While one group runs, the next is read, checked and hashed. Of one size, whatever memory is free: the numerical
  // error that its records carry is that of its first variant.
  constexpr std::size_t group = engine::kMostTogether;
  const auto part = [&](std::size_t first) {
    return std::span(members).subspan(first, std::min(group, members.size() - first));
  };
  for (const std::string& note : inputs_.base->notes()) progress_.note(inputs_.space.base_name + ": " + note);
  progress_.begin("reading", static_cast<std::int64_t>(std::min(group, members.size())));
  std::vector<Opened> opened = open_all(part(0), *inputs_.base, options_.strict, at::get_num_threads());
  embedding::OwnProbes own(inputs_.base->path(), inputs_.texts, inputs_.ids);
  for (std::size_t first = 0; first < members.size(); first += group) {
    std::future<std::vector<Opened>> next;
    if (first + group < members.size())
      next = std::async(std::launch::async,
                        [&, first] { return open_all(part(first + group), *inputs_.base, options_.strict, 1); });
    for (const Opened& o : opened)
      if (!o.error) own.look(o.ref->name, o.path);
    run_group(opened, how, sink, report);
    if (next.valid()) opened = next.get();
  }
  for (const std::string& line : own.notes()) progress_.note(line);
}

void Job::run_group(std::vector<Opened>& opened, const engine::RunOptions& how,
                    const std::function<void(store::Record)>& sink, EmbedReport& report) {
  std::vector<Variant> variants;          // distinct by content
  std::map<std::string, std::size_t> of;  // content hash -> index in variants
  for (Opened& o : opened) {
    for (const std::string& note : o.notes) progress_.note(o.ref->name + ": " + note);
    if (o.error) report.failed.push_back({o.ref->name, o.ref->path, o.error->what()});
    else if (of.emplace(o.hash, variants.size()).second) variants.push_back(std::move(o.variant));
  }
  if (variants.empty()) return;
  const engine::RunResult result = engine::run(*inputs_.base, variants, inputs_.layout, inputs_.taps, how, progress_);
  if (result.numeric_error.value_or(0) > kLargeError)
    progress_.note("the numerical error of " + std::string(name_of(how.precision)) + " is " +
                   std::to_string(*result.numeric_error) + " of the embedding: " + option("precision") +
                   " fp32 is exact");
  for (const Opened& o : opened) {
    if (o.error) continue;
    const engine::VariantResult& v = result.variants[of.at(o.hash)];
    if (v.error) {
      report.failed.push_back({o.ref->name, o.ref->path, v.error->what()});
      continue;
    }
    store::Record record = embedding::make_record(v.delta, result.base);
    record.name = o.ref->name;
    record.label = o.ref->label;
    record.path = o.ref->path;
    record.space = inputs_.space;
    record.variant_hash = o.hash;
    record.precision = name_of(v.precision);
    record.device = device_.str();
    if (v.precision == how.precision) record.numeric_error = result.numeric_error.value_or(0);
    sink(std::move(record));
    ++report.stored;
  }
}

void check_options(const EmbedOptions& o) {
  const auto one_of = [](const std::string& field, const std::string& found, std::initializer_list<const char*> names) {
    if (std::ranges::find(names, found) != names.end()) return;
    throw Error(ErrorCode::kUsage, "not available",
                {.field = option(field), .expected = "one of " + listed(names), .found = found});
  };
  one_of("representation", o.representation, {"activations"});
  one_of("precision", o.precision, {"auto", "delta", "fp32", "fp64"});
  engine::parse_device(o.device);
  engine::parse_position(o.position);
  if (o.threads < 0) throw Error(ErrorCode::kUsage, "a negative number of threads", {.field = option("threads")});
}

std::string last_component(const std::string& path) {
  fs::path p(path);
  if (!p.has_filename()) p = p.parent_path();
  return p.filename().string();
}

// Models by their base: the option's for all, else each adapter's own. What is named by a hub id is downloaded here,
// one after the other, before any work begins.
std::map<std::string, std::vector<Member>> by_base(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                                   EmbedReport& report, Progress& progress) {
  std::map<std::string, std::vector<Member>> out;
  for (ModelRef m : models) {
    try {
      const bool hub_id = !io::exists(m.path) && hub::parse_hub_id(m.path).has_value();
      if (m.name.empty()) m.name = hub_id ? m.path : last_component(m.path);
      std::string base = options.base;
      const fs::path path = engine::translated([&] { return adapter::fetch_model(m.path, progress); });
      if (base.empty()) {
        if (!adapter::holds_adapter(path))
          throw Error(ErrorCode::kUsage, "a full model does not say what it was finetuned from: give " + option("base"),
                      {.path = m.path});
        base = engine::translated([&] { return adapter::read_peft_config(path).base; });
        if (base.empty())
          throw Error(ErrorCode::kUsage, "the adapter does not name its base: give " + option("base"),
                      {.path = m.path, .field = "base_model_name_or_path"});
      }
      out[base].push_back({m, path});
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      const bool missing = e.code() == ErrorCode::kNotFound || e.code() == ErrorCode::kIo;
      report.failed.push_back({m.name, m.path, e.what() + (missing ? m.hint : "")});
    }
  }
  return out;
}

}  // namespace

EmbedReport embed(const std::vector<ModelRef>& models, const EmbedOptions& options,
                  const std::function<void(store::Record)>& sink, Progress& progress) {
  check_options(options);
  const model::ThreadCount threads(options.threads);
  const engine::ExactProducts exact;
  EmbedReport report;
  // The one base of all comes first: without it no variant need be downloaded.
  if (!options.base.empty()) engine::translated([&] { adapter::fetch_model(options.base, progress); });
  for (const auto& [base, members] : by_base(models, options, report, progress)) {
    std::optional<Job> job;
    try {
      engine::translated([&] { job.emplace(base, options, progress); });
    } catch (const Error& e) {
      if (!options.base.empty() || e.code() == ErrorCode::kCancelled) throw;
      for (const Member& m : members) report.failed.push_back({m.ref.name, m.ref.path, e.what()});
      continue;
    }
    engine::translated([&] { job->run(members, sink, report); });
  }
  return report;
}

store::Space provenance(const EmbedOptions& options) {
  check_options(options);
  return engine::translated([&] { return open_inputs(options.base, options, silent_progress()).space; });
}

std::vector<std::vector<std::int32_t>> tokenize(const std::string& base, const std::vector<std::string>& texts) {
  const fs::path path = io::single_gguf(adapter::fetch_model(base, silent_progress()));
  const auto tokenizer =
      io::is_directory(path) ? text::load_tokenizer(path) : text::load_tokenizer(*io::GgufFile::open(path));
  std::vector<std::vector<std::int32_t>> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(tokenizer->encode(text));
  return out;
}

}  // namespace deltascape
