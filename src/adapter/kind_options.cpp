#include "adapter/kind_options.h"

#include <algorithm>

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

// init_lora_weights that only choose the first A and B; other kinds change the base's weights at load.
constexpr std::string_view kPlainStarts[] = {"gaussian", "eva", "orthogonal"};
// Those that do, and are computed again.
constexpr std::pair<std::string_view, Start> kStarts[] = {{"pissa", Start::kPissa}, {"olora", Start::kOlora}};

Start start_named(std::string_view name) {
  const auto found = std::ranges::find(kStarts, name, &std::pair<std::string_view, Start>::first);
  return found == std::end(kStarts) ? Start::kPlain : found->second;
}

// `recomputed`: whether the starts of kStarts are supported.
std::string refusal_of_start(const JsonFields& c, bool recomputed, bool dora) {
  const Json* start = c.find("init_lora_weights");
  if (!start || !start->is_string()) return "";
  std::string kind = start->get<std::string>();
  if (kind == "Gaussian") kind = "gaussian";  // PEFT compares this one without case
  if (std::ranges::find(kPlainStarts, kind) != std::end(kPlainStarts)) return "";
  if (kind.starts_with("pissa_niter_"))
    return "init_lora_weights " + kind + " takes a random part of the base's weights, which cannot be recomputed";
  if (!recomputed || start_named(kind) == Start::kPlain)
    return "init_lora_weights " + kind + " changes the base's weights, which cannot be undone";
  return dora ? "DoRA with init_lora_weights " + kind + " is not supported" : "";
}

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

}  // namespace

void read_lora(const JsonFields& c, PeftConfig& out) {
  out.rslora = c.boolean("use_rslora").value_or(false);
  out.dora = c.boolean("use_dora").value_or(false);
  if (const Json* start = c.find("init_lora_weights"); start && start->is_string())
    out.start = start_named(start->get<std::string>());
  read_tokens(c, "trainable_token_indices", out);
  out.ensure_tying = c.boolean("ensure_weight_tying").value_or(false);
}

void read_adalora(const JsonFields& c, PeftConfig& out) {
  out.ensure_tying = c.boolean("ensure_weight_tying").value_or(false);
}

void read_trainable_tokens(const JsonFields& c, PeftConfig& out) { read_tokens(c, "token_indices", out); }

void read_hra(const JsonFields& c, PeftConfig& out) { out.gram_schmidt = c.boolean("apply_GS").value_or(false); }

void read_oft(const JsonFields& c, PeftConfig& out) {
  out.block_share = c.boolean("block_share").value_or(false);
  const std::int64_t terms = c.integer("num_cayley_neumann_terms").value_or(5);
  if (terms < 1 || terms > 1000) c.fail("num_cayley_neumann_terms", "a number from 1 to 1000");
  out.cayley_terms = c.boolean("use_cayley_neumann").value_or(true) ? terms : 0;
}

std::string refusal_of_lora(const JsonFields& c) {
  return refusal_of_start(c, true, c.boolean("use_dora").value_or(false));
}

std::string refusal_of_adalora(const JsonFields& c) { return refusal_of_start(c, false, false); }

std::string refusal_of_vera(const JsonFields& c) {
  return c.boolean("save_projection").value_or(true)
             ? ""
             : "VeRA without its projections (save_projection false) is not supported";
}

std::string refusal_of_miss(const JsonFields& c) {
  const Json* start = c.find("init_weights");
  const bool named = start && start->is_string();
  return named ? "MiSS with init_weights " + start->get<std::string>() + " is not supported" : "";
}

std::string refusal_of_virtual_tokens(const JsonFields& c) {
  return c.integer("num_transformer_submodules").value_or(1) == 1
             ? ""
             : "virtual tokens for an encoder and a decoder are not supported";
}

double scale_of_adalora(double alpha, double rank) { return (alpha > 0 ? alpha : rank) / (rank + 1e-5); }

}  // namespace deltascape::adapter
