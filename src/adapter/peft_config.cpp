// Owns reading adapter_config.json and the list of options that are computed (shared rules: PEFT's lora/config.py).
#include "adapter/peft_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "adapter/gguf_lora.h"
#include "adapter/peft_options.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

// init_lora_weights that only choose the first A and B; other kinds change the base's weights at load.
constexpr std::string_view kPlainStarts[] = {"gaussian", "eva", "orthogonal"};

bool unset(const Json& v) {
  return v.is_null() || (v.is_boolean() && !v.get<bool>()) || ((v.is_array() || v.is_object()) && v.empty());
}

std::string refusal_of_start(const JsonFields& c, const std::string& type, bool dora) {
  const Json* start = c.find("init_lora_weights");
  if (!start || !start->is_string()) return "";
  std::string kind = start->get<std::string>();
  if (kind == "Gaussian") kind = "gaussian";  // PEFT compares this one without case
  for (std::string_view plain : kPlainStarts)
    if (kind == plain) return "";
  if (kind.starts_with("pissa_niter_"))
    return "init_lora_weights " + kind + " takes a random part of the base's weights, which cannot be recomputed";
  if (type != "LORA" || (kind != "pissa" && kind != "olora"))
    return "init_lora_weights " + kind + " changes the base's weights, which cannot be undone";
  return dora ? "DoRA with init_lora_weights " + kind + " is not supported" : "";
}

std::string refusal_of(const JsonFields& c, const std::string& name) {
  if (!is_computed_type(name)) return "adapters of type " + name + " are not supported";
  for (const auto& [key, value] : c.json().items())
    if (known_option(name, key) == OptionKind::kNotComputed && !unset(value))
      return "the option " + key + " is not supported";
  if (name == "LORA" || name == "ADALORA") return refusal_of_start(c, name, c.boolean("use_dora").value_or(false));
  if (c.integer("num_transformer_submodules").value_or(1) != 1)
    return "virtual tokens for an encoder and a decoder are not supported";
  if (name == "VERA" && !c.boolean("save_projection").value_or(true))
    return "VeRA without its projections (save_projection false) is not supported";
  if (const Json* start = c.find("init_weights"); name == "MISS" && start && start->is_string())
    return "MiSS with init_weights " + start->get<std::string>() + " is not supported";
  return "";
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
  if (peft_type == "ADALORA") return (alpha > 0 ? alpha : r) / (r + 1e-5);
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
  if (peft_type != "LORA") out += peft_type;
  if (gguf) out += " gguf";
  if (gram_schmidt) out += " GS";
  if (ensure_tying) out += " tied";
  if (start != Start::kPlain) out += start == Start::kPissa ? " pissa" : " olora";
  if (peft_type == "OFT") out.append(" ").append(std::to_string(cayley_terms));
  for (const auto& [name, rows] : tokens) {
    out.append(" ").append(name).append(":");
    for (const std::int64_t row : rows) out += std::to_string(row) + ",";
  }
  return out;
}

namespace {

std::vector<std::int64_t> rows_in(const JsonFields& c, const std::string& key, const Json& list) {
  std::vector<std::int64_t> out;
  if (!list.is_array()) c.fail(key, "a list of token ids");
  for (const Json& id : list) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0) c.fail(key, "a list of token ids");
    out.push_back(id.get<std::int64_t>());
  }
  return out;
}

void read_tokens(const JsonFields& c, const std::string& key, PeftConfig& out) {
  const Json* given = c.find(key);
  if (!given || given->is_null()) return;
  if (!given->is_object()) {
    out.tokens.emplace_back("", rows_in(c, key, *given));
    return;
  }
  for (const auto& [name, list] : given->items()) out.tokens.emplace_back(name, rows_in(c, key, list));
}

// Rank and scale: α and r go by other names in some types, and patterns mean them in some.
void read_scale(const JsonFields& c, const std::filesystem::path& file, PeftConfig& out) {
  const bool lora = out.peft_type == "LORA", ada = out.peft_type == "ADALORA";
  const bool patterns = lora || out.peft_type == "LOHA" || out.peft_type == "LOKR";
  const std::string rank = ada ? "init_r" : "r", alpha = lora || ada ? "lora_alpha" : "alpha";
  const auto is_null = [&](const std::string& key) { return c.json().contains(key) && c.json()[key].is_null(); };
  if (is_null(rank)) c.fail(rank, "a positive number");
  if ((patterns || ada) && is_null(alpha)) c.fail(alpha, "a number");  // a null is no default: PEFT fails too
  out.rank = c.integer(rank).value_or(ada ? 12 : out.peft_type == "VERA" ? 256 : out.peft_type == "MISS" ? 64 : 8);
  if (out.rank < 1) c.fail(rank, "a positive number");
  if (!patterns && !ada) return;
  out.alpha = c.real(alpha).value_or(8);
  if (ada) return;
  const auto in_order = nlohmann::ordered_json::parse(io::read_text(file, std::size_t{8} << 20));
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
  out.base = c.string("base_model_name_or_path").value_or("");
  out.refusal = refusal_of(c, out.peft_type);
  if (!out.refusal.empty()) return out;
  for (const auto& [key, value] : json.items())
    if (known_option(out.peft_type, key) == OptionKind::kUnknown) out.unknown_options.push_back(key);
  if (has_word(" PREFIX_TUNING PROMPT_TUNING P_TUNING ", out.peft_type)) {
    out.rank = 0;
    out.virtual_tokens = c.integer("num_virtual_tokens").value_or(0);
    if (out.virtual_tokens < 1) c.fail("num_virtual_tokens", "a positive number");
  } else if (has_word(" IA3 TRAINABLE_TOKENS LN_TUNING OFT ", out.peft_type)) out.rank = 0;
  else read_scale(c, file, out);
  if (out.peft_type == "LORA") {
    out.rslora = c.boolean("use_rslora").value_or(false);
    out.dora = c.boolean("use_dora").value_or(false);
    if (const Json* start = c.find("init_lora_weights"); start && start->is_string())
      out.start = *start == "pissa" ? Start::kPissa : *start == "olora" ? Start::kOlora : Start::kPlain;
    read_tokens(c, "trainable_token_indices", out);
  }
  if (out.peft_type == "LORA" || out.peft_type == "ADALORA")
    out.ensure_tying = c.boolean("ensure_weight_tying").value_or(false);
  if (out.peft_type == "TRAINABLE_TOKENS") read_tokens(c, "token_indices", out);
  else if (out.virtual_tokens == 0) out.targeting = Targeting(c);
  if (out.peft_type == "HRA") out.gram_schmidt = c.boolean("apply_GS").value_or(false);
  if (out.peft_type == "OFT") {
    out.block_share = c.boolean("block_share").value_or(false);
    out.cayley_terms = c.integer("num_cayley_neumann_terms").value_or(5);
    if (out.cayley_terms < 1 || out.cayley_terms > 1000) c.fail("num_cayley_neumann_terms", "a number from 1 to 1000");
    if (!c.boolean("use_cayley_neumann").value_or(true)) out.cayley_terms = 0;
  }
  return out;
}

void require_supported(const PeftConfig& config, const std::filesystem::path& path) {
  if (config.refusal.empty()) return;
  throw Error(ErrorCode::kUnsupported, config.refusal,
              {.path = path.string(), .field = config.gguf ? "adapter.type" : "adapter_config.json"});
}

}  // namespace deltascape::adapter
