// Owns reading adapter_config.json and the list of options that are computed (shared rules: PEFT's lora/config.py).
#include "adapter/peft_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

// Options that say how an adapter was trained or saved, or that the tensors' names already tell.
constexpr std::string_view kNeutral[] = {"alpha_pattern",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "bias",
                                         "corda_config",
                                         "ensure_weight_tying",
                                         "eva_config",
                                         "exclude_modules",
                                         "fan_in_fan_out",
                                         "inference_mode",
                                         "init_lora_weights",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "loftq_config",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "lora_ga_config",
                                         "megatron_core",
                                         "modules_to_save",
                                         "peft_type",
                                         "peft_version",
                                         "qalora_group_size",
                                         "r",
                                         "rank_pattern",
                                         "revision",
                                         "runtime_config",
                                         "target_modules",
                                         "task_type",
                                         "use_rslora",
                                         "merge_weights",
                                         "enable_lora"};

// init_lora_weights that only choose the first A and B; every other kind changes the base's weights at load.
constexpr std::string_view kPlainStarts[] = {"gaussian", "eva", "orthogonal"};

bool neutral(std::string_view key) {
  for (std::string_view k : kNeutral)
    if (k == key) return true;
  return false;
}

bool unset(const Json& v) {
  return v.is_null() || (v.is_boolean() && !v.get<bool>()) || ((v.is_array() || v.is_object()) && v.empty());
}

std::string refusal_of(const JsonFields& c, const std::string& type) {
  if (type != "LORA") return "adapters of type " + type + " are not computed";
  for (const auto& [key, value] : c.json().items())
    if (!neutral(key) && !unset(value))
      return (key == "use_dora" ? "DoRA (use_dora)" : "the option " + key) + " is a computation that is not done here";
  const Json* start = c.find("init_lora_weights");
  if (start && start->is_string()) {
    const std::string kind = start->get<std::string>();
    for (std::string_view plain : kPlainStarts)
      if (kind == plain) return "";
    return "init_lora_weights " + kind + " changes the base's weights, which is not recomputed here";
  }
  return "";
}

template <class T>
std::vector<std::pair<ModulePattern, T>> pattern(const JsonFields& c, const nlohmann::ordered_json& in_order,
                                                 const std::string& key) {
  std::vector<std::pair<ModulePattern, T>> out;
  if (!c.has(key)) return out;
  if (!in_order.at(key).is_object()) c.fail(key, "an object of numbers");
  for (const auto& [name, value] : in_order.at(key).items()) {
    if (!value.is_number()) c.fail(key, "an object of numbers");
    try {
      out.emplace_back(ModulePattern(name), value.template get<T>());
    } catch (const Error&) {
      throw Error(ErrorCode::kBadFile, "a key is no regular expression",
                  {.path = c.file().string(), .field = key, .found = one_line(name, 80)});
    }
  }
  return out;
}

template <class T>
const T* first_match(const std::vector<std::pair<ModulePattern, T>>& patterns, std::string_view module_path) {
  for (const auto& [key, value] : patterns)
    if (key.matches(module_path)) return &value;
  return nullptr;
}

bool is_plain(std::string_view key) {
  return std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

}  // namespace

ModulePattern::ModulePattern(std::string key) : key_(std::move(key)) {
  if (!is_plain(key_)) regex_ = std::make_shared<const Regex>("^(?:.*\\.)?(?:" + key_ + ")$");
}

bool ModulePattern::matches(std::string_view path) const {
  if (regex_ != nullptr) return regex_->search(path).has_value();
  if (path.size() < key_.size()) return false;
  const std::string_view tail = path.substr(path.size() - key_.size());
  const bool begins = tail.size() == path.size() || path[path.size() - tail.size() - 1] == '.';
  return begins && std::ranges::equal(tail, key_, [](char c, char k) { return k == '.' || k == c; });
}

std::int64_t PeftConfig::rank_of(const std::string& module_path) const {
  const auto* r = first_match(rank_pattern, module_path);
  return r ? *r : rank;
}

double PeftConfig::scale_of(const std::string& module_path) const {
  const auto* own = first_match(alpha_pattern, module_path);
  const auto r = static_cast<double>(rank_of(module_path));
  return (own ? *own : alpha) / (rslora ? std::sqrt(r) : r);
}

PeftConfig read_peft_config(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "adapter_config.json";
  const Json json = io::read_json(file);  // depth, size and duplicate keys are checked here
  const JsonFields c(json, file);
  PeftConfig out;
  out.peft_type = c.string("peft_type").value_or("");
  if (out.peft_type.empty()) c.fail("peft_type", "a name such as LORA");
  out.base = c.string("base_model_name_or_path").value_or("");
  out.refusal = refusal_of(c, out.peft_type);
  if (!out.refusal.empty()) return out;
  const auto in_order = nlohmann::ordered_json::parse(io::read_text(file, std::size_t{64} << 20));
  out.rank = c.integer("r").value_or(8);
  if (out.rank < 1) c.fail("r", "a positive number");
  out.alpha = c.real("lora_alpha").value_or(8);
  out.rslora = c.boolean("use_rslora").value_or(false);
  out.rank_pattern = pattern<std::int64_t>(c, in_order, "rank_pattern");
  out.alpha_pattern = pattern<double>(c, in_order, "alpha_pattern");
  for (const auto& [key, r] : out.rank_pattern)
    if (r < 1) c.fail("rank_pattern", "positive numbers");
  return out;
}

}  // namespace deltascape::adapter
