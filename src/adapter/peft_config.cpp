// Owns reading adapter_config.json and the list of options that are computed (shared rules: PEFT's lora/config.py).
#include "adapter/peft_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "adapter/gguf_lora.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

// Options that say where an adapter belongs and how it was made, for every type. Lists are words between spaces.
constexpr std::string_view kCommon =
    " auto_mapping base_model_name_or_path exclude_modules inference_mode layers_pattern layers_to_transform "
    "modules_to_save peft_type peft_version revision target_modules task_type ";

// A type that is computed, and its own options: those that say how it was trained, that the tensors' names and shapes
// already tell, or that read_peft_config() reads. Any other option with a value is refused.
struct Type {
  std::string_view name;
  std::string_view options;
};
constexpr Type kTypes[] = {
    {"LORA",
     " alpha_pattern bias corda_config enable_lora ensure_weight_tying eva_config fan_in_fan_out init_lora_weights "
     "loftq_config lora_alpha lora_bias lora_dropout lora_ga_config megatron_core merge_weights qalora_group_size r "
     "rank_pattern runtime_config target_parameters trainable_token_indices use_dora use_rslora "},
    {"ADALORA",
     " alpha_pattern beta1 beta2 bias corda_config deltaT ensure_weight_tying eva_config fan_in_fan_out "
     "init_lora_weights init_r loftq_config lora_alpha lora_dropout lora_ga_config megatron_core orth_reg_weight "
     "qalora_group_size r rank_pattern runtime_config target_r tfinal tinit total_step "},
    {"IA3", " fan_in_fan_out feedforward_modules init_ia3_weights "},
    {"LOHA", " alpha alpha_pattern init_weights module_dropout r rank_dropout rank_pattern use_effective_conv2d "},
    {"LOKR",
     " alpha alpha_pattern decompose_both decompose_factor init_weights module_dropout r rank_dropout "
     "rank_dropout_scale rank_pattern use_effective_conv2d "},
    {"TRAINABLE_TOKENS", " init_weights token_indices "},
    {"VERA", " bias d_initial fan_in_fan_out init_weights projection_prng_key r save_projection vera_dropout "},
    {"LN_TUNING", " "},
    {"HRA", " apply_GS bias init_weights r "},
    {"OFT",
     " bias block_share eps fan_in_fan_out init_weights module_dropout num_cayley_neumann_terms oft_block_size r "
     "use_cayley_neumann "},
    {"MISS", " bias init_weights mini_r miss_dropout r "},
    // What is saved comes out of the encoder (projection, MLP, LSTM) that the training went through.
    {"PREFIX_TUNING",
     " encoder_hidden_size init_weights num_attention_heads num_layers num_transformer_submodules num_virtual_tokens "
     "prefix_projection token_dim "},
    {"PROMPT_TUNING",
     " num_attention_heads num_layers num_transformer_submodules num_virtual_tokens prompt_tuning_init "
     "prompt_tuning_init_text token_dim tokenizer_kwargs tokenizer_name_or_path "},
    {"P_TUNING",
     " encoder_dropout encoder_hidden_size encoder_num_layers encoder_reparameterization_type num_attention_heads "
     "num_layers num_transformer_submodules num_virtual_tokens token_dim "},
};

// init_lora_weights that only choose the first A and B; other kinds change the base's weights at load.
constexpr std::string_view kPlainStarts[] = {"gaussian", "eva", "orthogonal"};

const Type* type_named(std::string_view name) {
  for (const Type& t : kTypes)
    if (t.name == name) return &t;
  return nullptr;
}

bool has(std::string_view words, const std::string& word) {
  return words.find(" " + word + " ") != std::string_view::npos;
}

bool unset(const Json& v) {
  return v.is_null() || (v.is_boolean() && !v.get<bool>()) || ((v.is_array() || v.is_object()) && v.empty());
}

std::string refusal_of_start(const JsonFields& c, const std::string& type, bool dora) {
  const Json* start = c.find("init_lora_weights");
  if (!start || !start->is_string()) return "";
  const std::string kind = start->get<std::string>();
  for (std::string_view plain : kPlainStarts)
    if (kind == plain) return "";
  if (kind.starts_with("pissa_niter_"))
    return "init_lora_weights " + kind + " takes a random part of the base's weights, which cannot be recomputed";
  if (type != "LORA" || (kind != "pissa" && kind != "olora"))
    return "init_lora_weights " + kind + " changes the base's weights, which is not recomputed here";
  return dora ? "DoRA with init_lora_weights " + kind + " is not computed" : "";
}

std::string refusal_of(const JsonFields& c, const std::string& name) {
  const Type* type = type_named(name);
  if (type == nullptr) return "adapters of type " + name + " are not computed";
  for (const auto& [key, value] : c.json().items())
    if (!has(kCommon, key) && !has(type->options, key) && !unset(value))
      return "the option " + key + " is a computation that is not done here";
  if (name == "LORA" || name == "ADALORA") return refusal_of_start(c, name, c.boolean("use_dora").value_or(false));
  if (c.integer("num_transformer_submodules").value_or(1) != 1)
    return "virtual tokens for an encoder and a decoder are not computed";
  if (name == "VERA" && !c.boolean("save_projection").value_or(true))
    return "VeRA without its projections (save_projection false) is not computed";
  if (const Json* start = c.find("init_weights"); name == "MISS" && start && start->is_string())
    return "MiSS with init_weights " + start->get<std::string>() + " is not computed";
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
  if (has(" PREFIX_TUNING PROMPT_TUNING P_TUNING ", out.peft_type)) {
    out.rank = 0;
    out.virtual_tokens = c.integer("num_virtual_tokens").value_or(0);
    if (out.virtual_tokens < 1) c.fail("num_virtual_tokens", "a positive number");
  } else if (has(" IA3 TRAINABLE_TOKENS LN_TUNING OFT ", out.peft_type)) out.rank = 0;
  else read_scale(c, file, out);
  if (out.peft_type == "LORA") {
    out.rslora = c.boolean("use_rslora").value_or(false);
    out.dora = c.boolean("use_dora").value_or(false);
    if (const Json* start = c.find("init_lora_weights"); start && start->is_string())
      out.start = *start == "pissa" ? Start::kPissa : *start == "olora" ? Start::kOlora : Start::kPlain;
    read_tokens(c, "trainable_token_indices", out);
  }
  if (out.peft_type == "TRAINABLE_TOKENS") read_tokens(c, "token_indices", out);
  if (out.peft_type == "HRA") out.gram_schmidt = c.boolean("apply_GS").value_or(false);
  if (out.peft_type == "OFT") {
    out.block_share = c.boolean("block_share").value_or(false);
    out.cayley_terms = c.integer("num_cayley_neumann_terms").value_or(5);
    if (out.cayley_terms < 1 || out.cayley_terms > 1000) c.fail("num_cayley_neumann_terms", "a number from 1 to 1000");
    if (!c.boolean("use_cayley_neumann").value_or(true)) out.cayley_terms = 0;
  }
  return out;
}

}  // namespace deltascape::adapter
