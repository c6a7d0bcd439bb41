// Owns telling what a path holds, from headers alone (include/deltascape/inspect.h).
#include "deltascape/inspect.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "adapter/adapter.h"
#include "adapter/compare.h"
#include "adapter/keys.h"
#include "adapter/notes.h"
#include "core/machine.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "hub/resolve.h"
#include "io/file.h"
#include "model/checkpoint.h"
#include "model/wrapped_names.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" -> "q_proj"; nothing for what is merely saved.
std::string target_of(const std::string& tensor) {
  const auto key = adapter::parse_key(tensor);
  return key && key->adapts ? model::last_component(key->module_path) : "";
}

void inspect_adapter(const fs::path& folder, bool strict, Inspection& out) {
  const adapter::PeftConfig config = adapter::read_peft_config(folder);
  if (strict) adapter::require_known_options(config, folder);
  out.kind = config.dora ? "dora" : lower_ascii(config.peft_type);
  out.base = config.base;
  std::vector<std::string> notes;
  auto file = adapter::open_adapter_tensors(folder);
  if (!config.gguf) file = model::without_wrappers(std::move(file), notes);
  for (std::string& note : adapter::notes_of(config, *file)) notes.push_back(std::move(note));
  out.note = listed(notes, "; ");
  std::set<std::string> targets;
  std::set<std::string_view> dtypes;
  bool stacks = false;  // of an encoder with a decoder, which does not propagate deltas
  for (const io::TensorInfo& t : file->tensors()) {
    out.parameters += static_cast<std::int64_t>(t.elements);
    out.bytes += static_cast<std::int64_t>(file->bytes(t).size());
    dtypes.insert(io::info(t.dtype).name);
    if (!config.gguf && !adapter::part_outside_text(t.name).empty()) continue;
    if (const std::string target = target_of(t.name); !target.empty()) targets.insert(target);
    const auto key = adapter::parse_key(t.name);
    stacks = stacks || (key && (key->module_path.find("encoder.block.") != std::string::npos ||
                                key->module_path.find("decoder.block.") != std::string::npos));
    const bool ranked = key && (key->role == adapter::Role::kB || key->role == adapter::Role::kEmbedB);
    const bool stacked = ranked && key->module_path.ends_with(".experts");  // the ranks of all experts
    if (ranked && !stacked && t.shape.size() == 2) out.rank = std::max(out.rank, t.shape[1]);
  }
  if (out.rank == 0 && config.refusal.empty()) out.rank = config.rank;
  out.targets.assign(targets.begin(), targets.end());
  out.dtype = listed(dtypes, "+");
  out.verdict = config.refusal.empty() ? "exact" : "refused";
  if (config.refusal.empty()) out.precision = stacks ? "fp32" : "delta";
  out.reason = config.refusal;
  if (config.virtual_tokens > 0) out.precision = "fp32";  // no row of the base stands beside them
}

void inspect_checkpoint(const fs::path& path, Inspection& out) {
  if (io::exists(path / "config.json")) out.kind = "base";  // even if it does not open
  const auto checkpoint = model::Checkpoint::open(path);
  out.kind = "base";
  out.family = checkpoint->spec().architecture->model_type;
  out.parameters = static_cast<std::int64_t>(checkpoint->parameters());
  out.bytes = static_cast<std::int64_t>(checkpoint->bytes());
  out.dtype = checkpoint->dtypes();
  out.verdict = "exact";
  out.note = listed(checkpoint->notes(), "; ");
  out.precision = checkpoint->spec().propagates_deltas() ? "delta" : "fp32";
}

struct GivenBase {
  std::shared_ptr<const model::Checkpoint> model;  // null: none was given
  std::string name;
};

void compare_with_named(Inspection& out, const fs::path& local, adapter::NamedBases& named) {
  const auto note = [&](const std::string& why) { out.note += (out.note.empty() ? "" : "; ") + why; };
  if (out.base.empty()) return note("not compared: it names no base");
  const auto base = named.find(out.base);
  if (base.model != nullptr) adapter::compare(out, local, *base.model, out.base);
  else note("not compared: " + base.problem);
}

// Where the base is open, it is compared too; else, with `named`, the base that it names.
Inspection inspect_one(const std::string& path, bool strict, const GivenBase& given, adapter::NamedBases* named) {
  Inspection out;
  out.path = path;
  out.kind = "unknown";
  try {
    const fs::path local = hub::resolve(path).path;
    if (adapter::holds_adapter(local)) inspect_adapter(local, strict, out);
    else inspect_checkpoint(local, out);
    if (out.verdict == "refused") return out;
    if (given.model != nullptr) adapter::compare(out, local, *given.model, given.name);
    else if (named != nullptr && out.kind != "base") compare_with_named(out, local, *named);
  } catch (const std::exception& e) {
    out.verdict = "refused";
    out.reason = one_line(e.what(), 390);
  }
  return out;
}

// Headers wait for the disk more than they compute.
std::size_t threads_for(std::size_t paths, int asked) {
  const int threads = asked > 0 ? asked : std::max(8, usable_processors());
  return std::min(paths, static_cast<std::size_t>(threads));
}

}  // namespace

Inspection inspect(const std::string& path) { return inspect_one(path, false, {}, nullptr); }

std::vector<Inspection> inspect(const std::vector<std::string>& paths, const InspectOptions& options,
                                Progress& progress) {
  GivenBase given{.model = nullptr, .name = options.base};
  if (!given.name.empty()) given.model = model::Checkpoint::open(hub::resolve(given.name).path);
  adapter::NamedBases named;
  std::vector<Inspection> out(paths.size());
  std::atomic<std::size_t> next = 0, done = 0;
  const auto work = [&](const std::function<void()>& after_each) {
    for (std::size_t i = next++; i < paths.size(); i = next++) {
      out[i] = inspect_one(paths[i], options.strict, given, &named);
      ++done;
      after_each();
    }
  };
  progress.begin("inspecting", static_cast<std::int64_t>(paths.size()));
  std::vector<std::jthread> helpers;
  for (std::size_t t = 1; t < threads_for(paths.size(), options.threads); ++t)
    helpers.emplace_back([&] { work([] {}); });
  // Progress is told of everybody's work, by this thread alone.
  std::size_t told = 0;
  const auto tell = [&] {
    const std::size_t now = done;
    const std::size_t since = now - std::exchange(told, now);
    try {
      advance(progress, static_cast<std::int64_t>(since));
    } catch (...) {
      next = paths.size();  // of the helpers
      throw;
    }
  };
  work(tell);
  helpers.clear();  // joins
  tell();
  return out;
}

}  // namespace deltascape
