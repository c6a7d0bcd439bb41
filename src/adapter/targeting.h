// Which modules of a base an adapter's configuration names: target_modules, exclude_modules, layers_to_transform,
// layers_pattern and modules_to_save, as PEFT reads them (check_target_module_exists in tuners/tuners_utils.py). PEFT
// leaves out the saved tensors of every other module.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/regex.h"
#include "io/json.h"

namespace deltascape::adapter {

class Targeting {
 public:
  Targeting() = default;  // names every module
  // Throws Error(kBadFile) naming the field: another JSON type than PEFT takes, or no regular expression.
  explicit Targeting(const io::JsonFields& config);

  // Whether the module with this path ("model.layers.0.self_attn.q_proj") is adapted. `is_linear`: whether it is a
  // linear other than the output layer, which is what target_modules "all-linear" means.
  bool names(std::string_view module_path, bool is_linear) const;

 private:
  // Names of modules, each whole or the end of a path; or one pattern for whole paths.
  struct Names {
    std::set<std::string, std::less<>> words;
    std::shared_ptr<const Regex> pattern;
    bool given() const { return pattern != nullptr || !words.empty(); }
    bool match(std::string_view path) const;
  };
  static Names read_names(const io::JsonFields& config, const std::string& key);
  bool in_layers(std::string_view path) const;

  bool everything_ = true;  // no target_modules
  bool all_linear_ = false;
  Names targets_, excluded_;
  std::vector<std::shared_ptr<const Regex>> saved_;            // of modules_to_save
  std::optional<std::set<std::int64_t>> layers_;               // of layers_to_transform
  std::vector<std::shared_ptr<const Regex>> layers_patterns_;  // the number of the layer is their group
};

}  // namespace deltascape::adapter
