#include "model/wrapped_names.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "io/renamed_file.h"
#include "model/architecture.h"

namespace deltascape::model {
namespace {

// Wherever they stand.
constexpr std::string_view kAnywhere[] = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
                                          "_forward_module"};
// At the front: what holds the whole model.
constexpr std::string_view kInFront[] = {"module", "pretrained_model"};

// Towers, projectors and heads of multimodal, reward, classification and retrieval models.
constexpr std::string_view kOutside[] = {"vision_tower",
                                         "vision_model",
                                         "visual",
                                         "vision_encoder",
                                         "image_encoder",
                                         "vision_embed_tokens",
                                         "vpm",
                                         "apm",
                                         "resampler",
                                         "multi_modal_projector",
                                         "mm_projector",
                                         "vision_projector",
                                         "image_projection",
                                         "image_proj_norm",
                                         "visual_temporal_embed",
                                         "image_pos_embed",
                                         "connector",
                                         "aligner",
                                         "mlp1",
                                         "projector",
                                         "embed_vision",
                                         "embed_audio",
                                         "img_processor",
                                         "image_newline",
                                         "audio_tower",
                                         "audio_model",
                                         "audio_encoder",
                                         "audio_projection",
                                         "audio_projection_layer",
                                         "talker",
                                         "token2wav",
                                         "code2wav",
                                         "v_head",
                                         "value_head",
                                         "q_head",
                                         "critic_head",
                                         "regression_head",
                                         "reward_head",
                                         "rm_head",
                                         "score",
                                         "classifier",
                                         "pre_classifier",
                                         "classification_head",
                                         "qa_outputs",
                                         "qa_classifier",
                                         "custom_text_proj",
                                         "embedding_proj_layer",
                                         "linear_proj",
                                         "cls",
                                         "vocab_transform",
                                         "vocab_layer_norm",
                                         "vocab_projector",
                                         "pooler"};

template <class List>
bool listed_in(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

std::string_view first_component(std::string_view path) { return path.substr(0, path.find('.')); }

}  // namespace

std::string without_wrappers(std::string_view name) {
  std::string out;
  while (name.starts_with(kPeftPrefix)) {
    if (out.empty()) out = kPeftPrefix;
    name.remove_prefix(kPeftPrefix.size());
  }
  bool front = true;
  while (!name.empty()) {
    const std::string_view word = first_component(name);
    const bool last = word.size() == name.size();
    const bool wraps = !last && (listed_in(kAnywhere, word) || (front && listed_in(kInFront, word)));
    if (front && !wraps && name.starts_with(kPeftPrefix)) {  // PEFT's names inside a wrapper
      if (out.empty()) out = kPeftPrefix;
      name.remove_prefix(kPeftPrefix.size());
      continue;
    }
    if (!wraps) {
      out.append(word).append(last ? "" : ".");
      front = false;
    }
    name.remove_prefix(last ? word.size() : word.size() + 1);
  }
  return out;
}

std::unique_ptr<io::TensorFile> without_wrappers(std::unique_ptr<io::TensorFile> file,
                                                 std::vector<std::string>& notes) {
  std::set<std::string_view> met;
  for (const io::TensorInfo& t : file->tensors()) {
    if (without_wrappers(t.name) == t.name) continue;
    const auto look_for = [&](std::string_view word) {
      const auto at = t.name.find(word);
      if (at != std::string::npos && (at == 0 || t.name[at - 1] == '.') && t.name[at + word.size()] == '.')
        met.insert(word);
    };
    std::ranges::for_each(kAnywhere, look_for);
    std::ranges::for_each(kInFront, look_for);
  }
  if (!met.empty()) notes.push_back("tensor names are read without the wrappers " + listed(met));
  return io::renamed(std::move(file), [](const std::string& name) { return without_wrappers(name); });
}

std::optional<std::string> unknown_prefix(std::string_view path) {
  constexpr std::string_view kLists[] = {"layers.", "h.", "block.", "layer.", "blocks."};
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const std::string_view rest = path.substr(at);
    for (const std::string_view list : kLists)
      if (at > 0 && rest.starts_with(list) && rest.size() > list.size() && rest[list.size()] >= '0' &&
          rest[list.size()] <= '9')
        return std::string(path.substr(0, at));
    const auto dot = path.find('.', at);
    at = dot == std::string_view::npos ? dot : dot + 1;
  }
  return std::nullopt;
}

std::string_view outside_text(std::string_view path) {
  for (const std::string_view prefix : hf_prefixes()) {
    if (!path.starts_with(prefix)) continue;
    const std::string_view first = first_component(path.substr(prefix.size()));
    if (listed_in(kOutside, first)) return first;
  }
  return {};
}

}  // namespace deltascape::model
