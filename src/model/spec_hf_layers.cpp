// Owns config.json's fields by layer: windows, and layers whose positions do not count.
#include <algorithm>

#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

void read_unrotated(const JsonFields& c, ModelSpec& s) {
  const io::Json* list = c.has("no_rope_layers") ? c.find("no_rope_layers") : nullptr;  // 1 where the layer turns
  if (list != nullptr && list->empty() && s.architecture->chunked) list = nullptr;      // as Llama 4 is published
  if (list != nullptr && (!list->is_array() || list->size() < s.layers.size()))
    c.fail("no_rope_layers", "a list of " + std::to_string(s.layers.size()) + " numbers 0 or 1");
  const auto interval = static_cast<std::size_t>(within(c, "no_rope_layer_interval", 1, kMaxWidth, 4));
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    const bool plain = list != nullptr ? (*list)[i] == 0 : (i + 1) % interval == 0;
    if (list != nullptr && !plain && (*list)[i] != 1) c.fail("no_rope_layers", "numbers 0 or 1");
    if (plain) s.layers[i].rope = -1;
  }
}

bool windowed(const JsonFields& c, const ModelSpec& s, int layer) {
  const Architecture& a = *s.architecture;
  switch (a.window) {
    case WindowRule::kNone: return false;
    case WindowRule::kEveryLayer: return true;
    case WindowRule::kAlternate: return layer % 2 == 0;
    case WindowRule::kAllButEvery: {
      const auto pattern = c.integer("sliding_window_pattern").value_or(a.window_pattern);
      return pattern < 1 || (layer + 1) % pattern != 0;
    }
    case WindowRule::kFromMaxWindow: return layer >= c.integer("max_window_layers").value_or(28);
    case WindowRule::kBelowMaxWindow: return layer % 2 == 0 && layer < c.integer("max_window_layers").value_or(28);
    case WindowRule::kUnrotated: return s.layers[static_cast<std::size_t>(layer)].rope < 0;
  }
  return false;
}

// By layer_types where the config has them.
std::vector<bool> windowed_layers(const JsonFields& c, const ModelSpec& s) {
  std::vector<bool> out(s.layers.size());
  const bool listed = s.architecture->window != WindowRule::kEveryLayer;
  const io::Json* types = listed ? layer_names(c, s) : nullptr;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = types ? (*types)[i] == "sliding_attention" : windowed(c, s, static_cast<int>(i));
    if (types && !out[i] && (*types)[i] != "full_attention")
      c.fail("layer_types", "full_attention or sliding_attention");
  }
  return out;
}

}  // namespace

const io::Json* layer_names(const JsonFields& c, const ModelSpec& s, std::string_view key) {
  const io::Json* names = c.find(key);
  if (names != nullptr && (!names->is_array() || names->size() != s.layers.size()))
    c.fail(key, "a list of " + std::to_string(s.layers.size()) + " names");
  return names;
}

void read_layers(const JsonFields& c, ModelSpec& s) {
  const Architecture& a = *s.architecture;
  if (a.unrotated_layers) read_unrotated(c, s);
  if (a.window == WindowRule::kNone) return;
  std::int64_t window = a.window_size;
  bool on = window > 0;
  if (c.json().contains("sliding_window")) {
    on = c.has("sliding_window");  // null switches it off
    if (on) window = within(c, "sliding_window", is_on(c, a.windows) ? 1 : 0, std::int64_t{1} << 30);
  }
  on = on && is_on(c, a.windows);
  const std::vector<bool> local = windowed_layers(c, s);
  for (std::size_t i = 0; i < local.size(); ++i) {
    LayerSpec& l = s.layers[i];
    if (local[i] && on) l.window = static_cast<int>(window);
    if (local[i] && a.local_rope) l.rope = 1;
    if (!local[i] && on && a.full_unrotated) l.rope = -1;
  }
}

}  // namespace deltascape::model
