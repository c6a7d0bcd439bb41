#include "adapter/notes.h"

#include <map>
#include <set>

#include "adapter/keys.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "model/wrapped_names.h"

namespace deltascape::adapter {

using model::kPeftPrefix;

std::string_view part_outside_text(std::string_view tensor) {
  if (tensor.starts_with(kPeftPrefix)) tensor.remove_prefix(kPeftPrefix.size());
  return model::outside_text(tensor);
}

std::vector<std::string> notes_of(const PeftConfig& config, const io::TensorFile& file) {
  std::vector<std::string> out;
  if (config.gguf) return out;
  if (!config.unknown_options.empty())
    out.push_back("options of adapter_config.json that PEFT does not know are ignored: " +
                  listed(config.unknown_options));
  std::map<std::string_view, std::size_t> outside;
  std::set<std::string> names;
  std::string bare;
  for (const io::TensorInfo& t : file.tensors()) {
    if (const std::string_view part = part_outside_text(t.name); !part.empty()) {
      ++outside[part];
      continue;
    }
    const auto key = parse_key(t.name);
    if (!key || !key->adapts) continue;
    if (!key->adapter.empty()) names.insert(key->adapter);
    if (!t.name.starts_with(kPeftPrefix) && bare.empty()) bare = t.name;
  }
  if (names.size() > 1)
    throw Error(ErrorCode::kUnsupported, "the file holds several adapters: save each in a folder of its own",
                {.path = file.path().string(), .found = listed(names)});
  if (!names.empty()) out.push_back("tensor names are read without the adapter's name '" + *names.begin() + "'");
  if (!bare.empty()) out.push_back("tensor names are read without PEFT's prefix base_model.model.: " + bare);
  if (!outside.empty()) {
    std::vector<std::string> parts;
    for (const auto& [part, count] : outside) parts.push_back(std::string(part) + " (" + std::to_string(count) + ")");
    out.push_back("left out, as the text path does not read them: tensors of " + listed(parts));
  }
  return out;
}

void require_known_options(const PeftConfig& config, const std::filesystem::path& folder) {
  if (config.unknown_options.empty()) return;
  throw Error(ErrorCode::kUnsupported,
              "options that PEFT does not know (without " + option("strict") + " they are ignored)",
              {.path = (folder / "adapter_config.json").string(), .field = listed(config.unknown_options)});
}

}  // namespace deltascape::adapter
