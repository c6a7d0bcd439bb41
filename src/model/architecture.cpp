// Owns finding families by name, and the way from a part to its tensor and back.
#include "model/architecture.h"

#include <array>
#include <charconv>

namespace deltascape::model {
namespace {

constexpr std::string_view kPrefixes[] = {"model.",       "",         "language_model.model.", "model.language_model.",
                                          "transformer.", "gpt_neox."};

// The first hole takes the layer, the second the expert.
std::string fill(std::string_view pattern, Site site) {
  std::string out;
  for (const int number : {site.layer, site.expert}) {
    const auto hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    out.append(pattern.substr(0, hole)).append(std::to_string(number));
    pattern.remove_prefix(hole + 2);
  }
  return out.append(pattern);
}

const TensorName* row_of(const Architecture& a, Module module, int stack) {
  const TensorName* outside = nullptr;  // the parts outside the blocks belong to no stack
  for (const auto& names : {a.names, a.norms})
    for (const TensorName& n : names) {
      if (n.module != module) continue;
      if (n.stack == stack) return &n;
      if (!in_block(module)) outside = &n;
    }
  return outside;
}

// "layers.12.mlp.up_proj" against "layers.{}.mlp.up_proj": the numbers in the holes, -1 for a hole that is not there.
std::optional<std::array<int, 2>> match(std::string_view pattern, std::string_view path) {
  std::array<int, 2> numbers = {-1, -1};
  for (int& number : numbers) {
    const auto hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    if (!path.starts_with(pattern.substr(0, hole))) return {};
    pattern.remove_prefix(hole + 2);
    path.remove_prefix(hole);
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
    if (error != std::errc() || number < 0) return {};
    path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  }
  return pattern == path ? std::optional(numbers) : std::nullopt;
}

}  // namespace

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture& a : architectures())
    if (a.model_type == model_type) return &a;
  return nullptr;
}

const Architecture* find_gguf_architecture(std::string_view gguf) {
  for (const Architecture& a : architectures())
    if (a.embeds && !a.gguf.empty() && a.gguf == gguf) return &a;
  return nullptr;
}

std::string architecture_list() {
  std::string out;
  for (const Architecture& a : architectures())
    if (a.embeds) out += (out.empty() ? "" : ", ") + std::string(a.model_type);
  return out;
}

std::string hf_name(const Architecture& a, Site site, int stack) {
  const TensorName* row = row_of(a, site.module, stack);
  return row ? fill(row->hf, site) : "";
}

std::string gguf_name(const Architecture& a, Site site) {
  const TensorName* row = row_of(a, site.module, 0);
  return row ? fill(row->gguf, site) : "";
}

std::optional<Site> site_of(const Architecture& a, std::string_view module_path, std::span<const int> stack_first) {
  for (std::string_view prefix : kPrefixes) {
    if (!module_path.starts_with(prefix)) continue;
    const auto path = module_path.substr(prefix.size());
    for (const auto& names : {a.names, a.norms})
      for (const TensorName& n : names) {
        const auto stack = static_cast<std::size_t>(n.stack);
        if (stack > 0 && stack >= stack_first.size()) continue;
        const auto numbers = match(n.hf, path);
        if (!numbers) continue;
        const auto [layer, expert] = *numbers;
        return Site{n.module, layer + (layer >= 0 && stack > 0 ? stack_first[stack] : 0), expert};
      }
  }
  return {};
}

std::optional<Site> gguf_site_of(const Architecture& a, std::string_view name) {
  for (const auto& names : {a.names, a.norms})
    for (const TensorName& n : names)
      if (const auto numbers = n.gguf.empty() ? std::nullopt : match(n.gguf, name); numbers)
        return Site{n.module, (*numbers)[0], (*numbers)[1]};
  return {};
}

std::span<const std::string_view> hf_prefixes() { return kPrefixes; }

}  // namespace deltascape::model
