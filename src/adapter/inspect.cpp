// Owns telling what a path holds, from headers alone (include/deltascape/inspect.h).
#include "deltascape/inspect.h"

#include <filesystem>
#include <set>

#include "adapter/adapter.h"
#include "adapter/keys.h"
#include "deltascape/error.h"
#include "hub/resolve.h"
#include "model/checkpoint.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" -> "q_proj"; nothing for what is merely saved.
std::string target_of(const std::string& tensor) {
  const auto key = adapter::parse_key(tensor);
  return key && key->adapts ? key->module_path.substr(key->module_path.rfind('.') + 1) : "";
}

void inspect_adapter(const fs::path& folder, Inspection& out) {
  const adapter::PeftConfig config = adapter::read_peft_config(folder);
  out.kind = config.dora ? "dora" : lower(config.peft_type);
  out.base = config.base;
  const auto file = adapter::open_adapter_tensors(folder);
  std::set<std::string> targets;
  std::set<std::string_view> dtypes;
  for (const io::TensorInfo& t : file->tensors()) {
    out.parameters += static_cast<std::int64_t>(t.elements);
    out.bytes += static_cast<std::int64_t>(file->bytes(t).size());
    dtypes.insert(io::info(t.dtype).name);
    if (const std::string target = target_of(t.name); !target.empty()) targets.insert(target);
    const auto key = adapter::parse_key(t.name);
    const bool ranked = key && (key->role == adapter::Role::kB || key->role == adapter::Role::kEmbedB);
    if (ranked && t.shape.size() == 2) out.rank = std::max(out.rank, t.shape[1]);
  }
  if (out.rank == 0 && config.refusal.empty()) out.rank = config.rank;
  out.targets.assign(targets.begin(), targets.end());
  for (const std::string_view d : dtypes) out.dtype.append(out.dtype.empty() ? "" : "+").append(d);
  out.verdict = config.refusal.empty() ? "exact" : "refused";
  out.reason = config.refusal;
  if (config.virtual_tokens > 0) out.precision = "fp32";  // no row of the base stands beside them
}

void inspect_checkpoint(const fs::path& path, Inspection& out) {
  out.kind = "base";
  const auto checkpoint = model::Checkpoint::open(path);
  out.family = checkpoint->spec().architecture->model_type;
  out.parameters = static_cast<std::int64_t>(checkpoint->parameters());
  out.bytes = static_cast<std::int64_t>(checkpoint->bytes());
  out.dtype = checkpoint->dtypes();
  out.verdict = "exact";
}

}  // namespace

Inspection inspect(const std::string& path) {
  Inspection out;
  out.path = path;
  out.kind = "unknown";
  try {
    const fs::path local = hub::resolve(path).path;
    if (adapter::holds_adapter(local)) inspect_adapter(local, out);
    else inspect_checkpoint(local, out);
    // Whatever else is embedded propagates deltas (engine/delta_ops.h).
    if (out.verdict != "refused" && out.precision.empty()) out.precision = "delta";
  } catch (const std::exception& e) {
    out.verdict = "refused";
    out.reason = one_line(e.what(), 390);
  }
  return out;
}

}  // namespace deltascape
