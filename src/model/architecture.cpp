// Owns finding families by name, and the way from a part to its tensor and back.
#include "model/architecture.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace deltascape::model {
namespace {

constexpr std::string_view kPrefixes[] = {"model.", "", "language_model.model.", "model.language_model."};
// Text parts of multimodal models; families' own come before them.
constexpr std::string_view kTextPrefixes[] = {"language_model.", "model.text_model.", "text_model.", "thinker.model.",
                                              "thinker."};

template <class Matches>
const Architecture* first_that(Matches matches) {
  const auto all = architectures();
  const auto found = std::ranges::find_if(all, matches);
  return found == all.end() ? nullptr : &*found;
}

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

// The rows of a module in a stack, the one that is written first. The parts outside the blocks belong to no stack.
std::vector<const TensorName*> rows_of(const Architecture& a, Module module, int stack) {
  std::vector<const TensorName*> out;
  for (const auto& names : {a.names, a.norms})
    for (const TensorName& n : names)
      if (n.module == module && (n.stack == stack || !in_block(module))) out.push_back(&n);
  return out;
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
  return first_that([&](const Architecture& a) { return a.model_type == model_type; });
}

const Architecture* find_wrapped_architecture(std::string_view model_type) {
  return first_that([&](const Architecture& a) { return !a.wrapper.empty() && a.wrapper == model_type; });
}

const Architecture* find_gguf_architecture(std::string_view gguf) {
  return gguf.empty() ? nullptr
                      : first_that([&](const Architecture& a) { return a.gguf == gguf || a.gguf_alias == gguf; });
}

const Architecture* find_gguf_mixture(std::string_view gguf) {
  const auto written = [&](const Architecture& a) { return a.mlp == MlpKind::kExperts && a.gguf_written == gguf; };
  return gguf.empty() ? nullptr : first_that(written);
}

std::string architecture_list() {
  constexpr std::size_t kNamed = 8;  // a message stays one line
  std::string out;
  std::size_t count = 0;
  for (const Architecture& a : architectures())
    if (++count <= kNamed) out.append(a.model_type).append(", ");
  return out.append("or one of ").append(std::to_string(count - kNamed)).append(" others");
}

std::string hf_name(const Architecture& a, Site site, int stack) {
  const std::vector<std::string> names = hf_names(a, site, stack);
  return names.empty() ? "" : names.front();
}

std::vector<std::string> hf_names(const Architecture& a, Site site, int stack) {
  std::vector<std::string> out;
  for (const TensorName* row : rows_of(a, site.module, stack))
    if (!row->hf.empty()) out.push_back(fill(row->hf, site));
  return out;
}

std::vector<std::string> gguf_names(const Architecture& a, Site site) {
  std::vector<std::string> out;
  for (const TensorName* row : rows_of(a, site.module, 0))
    if (!row->gguf.empty()) out.push_back(fill(row->gguf, site));
  return out;
}

std::optional<Site> site_of(const Architecture& a, std::string_view module_path, std::span<const int> stack_first) {
  for (const std::string_view prefix : hf_prefixes()) {
    if (!module_path.starts_with(prefix)) continue;
    const auto path = module_path.substr(prefix.size());
    for (const auto& names : {a.names, a.norms})
      for (const TensorName& n : names) {
        const auto stack = static_cast<std::size_t>(n.stack);
        if (n.hf.empty() || (stack > 0 && stack >= stack_first.size())) continue;
        const auto numbers = match(n.hf, path);
        if (!numbers) continue;
        auto [layer, expert] = *numbers;
        if (in_block(n.module) && layer < 0) layer = 0;  // a part that the first layer has for all
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

std::span<const std::string_view> hf_prefixes() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> out(std::begin(kPrefixes), std::end(kPrefixes));
    for (const Architecture& a : architectures())
      if (std::ranges::find(out, a.prefix) == out.end()) out.push_back(a.prefix);
    out.insert(out.end(), std::begin(kTextPrefixes), std::end(kTextPrefixes));
    return out;
  }();
  return all;
}

}  // namespace deltascape::model
