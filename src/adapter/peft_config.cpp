// Owns reading what adapter_config.json says whatever the kind of adapter; the rest is the kind's (kinds.h).
#include "adapter/peft_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "adapter/gguf_lora.h"
#include "adapter/kinds.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

bool unset(const Json& v) {
  return v.is_null() || (v.is_boolean() && !v.get<bool>()) || ((v.is_array() || v.is_object()) && v.empty());
}

std::string refusal_of(const JsonFields& c, const Kind* kind, const std::string& name) {
  if (kind == nullptr) return "adapters of type " + name + " are not supported";
  for (const auto& [key, value] : c.json().items())
    if (option_kind(*kind, key) == OptionKind::kNotComputed && !unset(value))
      return "the option " + key + " is not supported";
  return kind->refusal != nullptr ? kind->refusal(c) : "";
}

template <class T>
std::vector<std::pair<ModulePattern, T>> pattern(const JsonFields& c, const nlohmann::ordered_json& in_order,
                                                 const std::string& key) {
  std::vector<std::pair<ModulePattern, T>> out;
  if (!c.has(key)) return out;
  constexpr bool whole = std::is_integral_v<T>;
  const char* expected = whole ? "an object of whole numbers" : "an object of numbers";
  if (!in_order.at(key).is_object()) c.fail(key, expected);
  for (const auto& [name, value] : in_order.at(key).items()) {
    if (!value.is_number() || (whole && !value.is_number_integer())) c.fail(key, expected);
    try {
      out.emplace_back(ModulePattern(name), value.template get<T>());
    } catch (const Error&) {
      throw Error(ErrorCode::kBadFile, "a key is not a regular expression",
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
  const auto r = static_cast<double>(rank_of(module_path));
  if (kind != nullptr && kind->scale != nullptr) return kind->scale(alpha, r);
  const auto* own = first_match(alpha_pattern, module_path);
  return (own ? *own : alpha) / (rslora ? std::sqrt(r) : r);
}

const std::vector<std::int64_t>* PeftConfig::tokens_of(std::string_view path) const {
  for (const auto& [name, rows] : tokens)
    if (name.empty() || path == name || (path.ends_with(name) && path[path.size() - name.size() - 1] == '.'))
      return &rows;
  return nullptr;
}

std::string PeftConfig::computation() const {
  std::string out;
  if (kind == nullptr || kind->identity_names_it) out += peft_type;
  if (gguf) out += " gguf";
  if (gram_schmidt) out += " GS";
  if (ensure_tying) out += " tied";
  if (start != Start::kPlain) out += start == Start::kPissa ? " pissa" : " olora";
  if (cayley_terms) out.append(" ").append(std::to_string(*cayley_terms));
  for (const auto& [name, rows] : tokens) {
    out.append(" ").append(name).append(":");
    for (const std::int64_t row : rows) out += std::to_string(row) + ",";
  }
  return out;
}

namespace {

// A null is no default: PEFT fails too.
void require_not_null(const JsonFields& c, std::string_view key, const std::string& expected) {
  if (!key.empty() && c.json().contains(key) && !c.has(key)) c.fail(key, expected);
}

void read_scale(const JsonFields& c, PeftConfig& out) {
  const Kind& kind = *out.kind;
  require_not_null(c, kind.rank_key, "a positive number");
  require_not_null(c, kind.alpha_key, "a number");
  out.rank = c.integer(kind.rank_key).value_or(kind.rank);
  if (out.rank < 1) c.fail(kind.rank_key, "a positive number");
  if (!kind.alpha_key.empty()) out.alpha = c.real(kind.alpha_key).value_or(8);
  if (!kind.patterns) return;
  const auto in_order = nlohmann::ordered_json::parse(io::read_text(c.file(), std::size_t{8} << 20));
  out.rank_pattern = pattern<std::int64_t>(c, in_order, "rank_pattern");
  out.alpha_pattern = pattern<double>(c, in_order, "alpha_pattern");
  for (const auto& [key, r] : out.rank_pattern)
    if (r < 1) c.fail("rank_pattern", "positive numbers");
}

}  // namespace

PeftConfig read_peft_config(const std::filesystem::path& path) {
  if (const auto gguf = open_gguf_adapter(path)) return read_gguf_config(*gguf);
  const std::filesystem::path file = path / "adapter_config.json";
  const Json json = io::read_json(file);  // depth, size and duplicate keys are checked here
  const JsonFields c(json, file);
  PeftConfig out;
  out.peft_type = c.string("peft_type").value_or("");
  if (out.peft_type.empty()) c.fail("peft_type", "a name such as LORA");
  out.kind = find_kind(out.peft_type);
  out.base = c.string("base_model_name_or_path").value_or("");
  out.refusal = refusal_of(c, out.kind, out.peft_type);
  if (!out.refusal.empty()) return out;
  const Kind& kind = *out.kind;
  for (const auto& [key, value] : json.items())
    if (option_kind(kind, key) == OptionKind::kUnknown) out.unknown_options.push_back(key);
  if (kind.rank_key.empty()) out.rank = 0;
  else read_scale(c, out);
  if (kind.virtual_tokens != Virtual::kNone) {
    out.virtual_tokens = c.integer("num_virtual_tokens").value_or(0);
    if (out.virtual_tokens < 1) c.fail("num_virtual_tokens", "a positive number");
  }
  if (kind.read != nullptr) kind.read(c, out);
  if (kind.targets) out.targeting = Targeting(c);
  return out;
}

void require_supported(const PeftConfig& config, const std::filesystem::path& path) {
  if (config.refusal.empty()) return;
  throw Error(ErrorCode::kUnsupported, config.refusal,
              {.path = path.string(), .field = config.gguf ? "adapter.type" : "adapter_config.json"});
}

}  // namespace deltascape::adapter
