// Owns the main job: options and models in, one Record a variant out (include/deltascape/embed.h).
#include "deltascape/embed.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>

#include "adapter/adapter.h"
#include "core/hash.h"
#include "core/machine.h"
#include "deltascape/error.h"
#include "embed/probes.h"
#include "embed/record_maker.h"
#include "engine/engine.h"
#include "hub/resolve.h"
#include "io/file.h"
#include "model/checkpoint.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using engine::Variant;
using model::Checkpoint;

constexpr std::size_t kMaxTokens = 256;  // arXiv 2509.04442's code truncates probes there

// Other exceptions than our own become Errors here and nowhere else.
template <class F>
auto translated(F&& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& e) {
    throw Error(ErrorCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kIo, "out of memory: give a smaller --memory");
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kInternal, e.what());
  }
}

// A file inside a model's folder stands for the folder; a GGUF is a model of its own.
fs::path model_of(const fs::path& path) {
  const fs::path kind = path.extension();
  const bool part = kind == ".safetensors" || kind == ".bin" || kind == ".json";
  if (!part || !io::is_regular_file(path)) return path;
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path local_path(const std::string& spec, Progress& progress) {
  const hub::Resolved found = hub::resolve(spec);
  if (!found.note.empty()) progress.note(found.note);
  return model_of(found.path);
}

struct Opened {
  Variant variant;
  std::string hash;
};

Opened open_variant(const fs::path& path, const Checkpoint& base) {
  Opened out;
  if (adapter::holds_adapter(path)) {
    out.variant.adapter = adapter::Adapter::open(path, base);
    out.hash = out.variant.adapter->content_hash();
  } else {
    out.variant.full = Checkpoint::open(path);
    out.hash = out.variant.full->content_hash();
    // The base's own copy runs as the base: its delta is zero, not the rounding between two runs.
    if (out.variant.full->identity() == base.identity() && out.hash == base.content_hash()) out.variant.full = nullptr;
  }
  return out;
}

// One base with the models that belong to it.
class Job {
 public:
  Job(const std::string& base, const EmbedOptions& options, Progress& progress)
      : options_(options), progress_(progress), base_(Checkpoint::open(local_path(base, progress))) {
    const auto tokenizer = base_->tokenizer();
    const auto texts =
        options.probes_file.empty() ? embedding::default_probes() : embedding::read_probes(options.probes_file);
    std::vector<std::vector<std::int64_t>> ids;
    Hasher hasher;
    for (const std::string& text : texts) {
      const auto tokens = tokenizer->encode(text, {.add_special_tokens = true, .max_length = kMaxTokens});
      ids.emplace_back(tokens.begin(), tokens.end());
      hasher.update(text);
    }
    layout_ = engine::make_layout(std::move(ids));
    taps_.taps = engine::parse_layer(options.layer, base_->spec().layer_count());
    taps_.position = engine::parse_position(options.position);
    comparable_ = {.base = base_->identity(),
                   .base_name = base,
                   .tokenizer = tokenizer->identity(),
                   .probes = hasher.hex(),
                   .representation = options.representation,
                   .layer = embedding::layer_name(options.layer, taps_),
                   .position = options.position};
  }

  void run(const std::vector<ModelRef>& models, const std::function<void(store::Record)>& sink, EmbedReport& report);

 private:
  const EmbedOptions& options_;
  Progress& progress_;
  std::shared_ptr<const Checkpoint> base_;
  engine::Layout layout_;
  engine::Taps taps_;
  store::Comparable comparable_;
};

void Job::run(const std::vector<ModelRef>& models, const std::function<void(store::Record)>& sink,
              EmbedReport& report) {
  std::vector<Variant> variants;          // distinct by content
  std::map<std::string, std::size_t> of;  // content hash -> index in variants
  std::vector<std::pair<const ModelRef*, std::string>> opened;
  progress_.begin("reading", static_cast<std::int64_t>(models.size()));
  for (const ModelRef& m : models) {
    try {
      Opened o = translated([&] { return open_variant(local_path(m.path, progress_), *base_); });
      if (of.emplace(o.hash, variants.size()).second) variants.push_back(std::move(o.variant));
      opened.emplace_back(&m, o.hash);
    } catch (const Error& e) {
      report.failed.push_back({m.name, m.path, e.what()});
    }
    progress_.advance(1);
  }
  if (variants.empty()) return;
  const engine::RunOptions run_options{.dtype = options_.precision == "fp64" ? at::kDouble : at::kFloat,
                                       .memory = options_.memory ? options_.memory : available_memory() / 2};
  const engine::RunResult result = engine::run(*base_, variants, layout_, taps_, run_options, progress_);
  for (const auto& [m, hash] : opened) {
    const std::size_t i = of.at(hash);
    if (result.errors[i]) {
      report.failed.push_back({m->name, m->path, result.errors[i]->what()});
      continue;
    }
    store::Record record = embedding::make_record(result.deltas[i], result.base);
    record.name = m->name;
    record.label = m->label;
    record.path = m->path;
    record.comparable = comparable_;
    record.variant_hash = hash;
    record.precision = options_.precision == "fp64" ? "fp64" : "fp32";
    sink(std::move(record));
    ++report.stored;
  }
}

void check_options(const EmbedOptions& o) {
  const auto one_of = [](const std::string& field, const std::string& found, std::initializer_list<const char*> names) {
    std::string list;
    for (const char* name : names) {
      if (found == name) return;
      list += (list.empty() ? "" : ", ") + std::string(name);
    }
    throw Error(ErrorCode::kUsage, "not available", {.field = field, .expected = "one of " + list, .found = found});
  };
  one_of("--representation", o.representation, {"activations"});
  one_of("--precision", o.precision, {"auto", "fp32", "fp64"});
  one_of("--device", o.device, {"auto", "cpu"});
  engine::parse_position(o.position);
  if (o.threads < 0) throw Error(ErrorCode::kUsage, "a negative number of threads", {.field = "--threads"});
}

std::string last_component(const std::string& path) {
  fs::path p(path);
  if (!p.has_filename()) p = p.parent_path();
  return p.filename().string();
}

// Models by their base: the option's for all, else each adapter's own.
std::map<std::string, std::vector<ModelRef>> by_base(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                                     EmbedReport& report, Progress& progress) {
  std::map<std::string, std::vector<ModelRef>> out;
  for (ModelRef m : models) {
    try {
      const bool hub_id = !io::exists(m.path) && hub::parse_hub_id(m.path).has_value();
      if (m.name.empty()) m.name = hub_id ? m.path : last_component(m.path);
      std::string base = options.base;
      if (base.empty()) {
        const fs::path path = translated([&] { return local_path(m.path, progress); });
        if (!adapter::holds_adapter(path))
          throw Error(ErrorCode::kUsage, "a full model does not say what it was finetuned from: give --base",
                      {.path = m.path});
        base = translated([&] { return adapter::read_peft_config(path).base; });
        if (base.empty())
          throw Error(ErrorCode::kUsage, "the adapter does not name its base: give --base",
                      {.path = m.path, .field = "base_model_name_or_path"});
      }
      out[base].push_back(m);
    } catch (const Error& e) {
      report.failed.push_back({m.name, m.path, e.what()});
    }
  }
  return out;
}

}  // namespace

EmbedReport embed(const std::vector<ModelRef>& models, const EmbedOptions& options,
                  const std::function<void(store::Record)>& sink, Progress& progress) {
  check_options(options);
  // More threads than processors only wait for each other.
  at::set_num_threads(options.threads > 0 ? std::min(options.threads, usable_processors()) : usable_processors());
  EmbedReport report;
  for (const auto& [base, members] : by_base(models, options, report, progress)) {
    std::optional<Job> job;
    try {
      translated([&] { job.emplace(base, options, progress); });
    } catch (const Error& e) {
      if (!options.base.empty()) throw;
      for (const ModelRef& m : members) report.failed.push_back({m.name, m.path, e.what()});
      continue;
    }
    translated([&] { job->run(members, sink, report); });
  }
  return report;
}

std::vector<std::vector<std::int32_t>> tokenize(const std::string& base, const std::vector<std::string>& texts) {
  const fs::path path = local_path(base, silent_progress());
  const auto tokenizer =
      io::is_directory(path) ? text::load_tokenizer(path) : text::load_tokenizer(*io::GgufFile::open(path));
  std::vector<std::vector<std::int32_t>> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(tokenizer->encode(text));
  return out;
}

}  // namespace deltascape
