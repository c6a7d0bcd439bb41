#include "adapter/peft_forms.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "adapter/tensor_list.h"
#include "adapter/virtual_tokens.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;

// What stands before a module's name in the class that transformers has for generation.
std::string body_of(const model::ModelSpec& spec) {
  if (spec.encodes_first()) return "";  // its stacks stand beside the head
  const std::string_view own = spec.architecture->prefix;
  return own.empty() ? "model." : std::string(own);
}

// Their last components where these mean no other module, else whole paths.
io::Json targets(const model::ModelSpec& spec, const std::vector<model::Site>& sites) {
  std::set<std::string> paths, ends, all;
  for (const model::Site& site : sites) {
    paths.insert(module_path(spec, site));
    ends.insert(model::last_component(module_path(spec, site)));
  }
  for (const model::Site& site : spec.sites())
    if (const std::string path = module_path(spec, site); ends.contains(model::last_component(path))) all.insert(path);
  return paths == all ? ends : paths;
}

template <class T>
T most_frequent(const std::vector<T>& values) {
  std::map<T, std::size_t> count;
  for (const T& v : values) ++count[v];
  return std::ranges::max_element(count, {}, [](const auto& one) { return one.second; })->first;
}

io::Json number(double value) {  // PEFT's alphas are integers where they can be
  const bool whole = same_alpha(value, std::round(value)) && std::abs(value) < 1e12;
  return whole ? io::Json(std::llround(value)) : io::Json(value);
}

// What every configuration says.
io::Json config_of(const char* kind, const LoraForm& form) {
  return {{"peft_type", kind},
          {"task_type", form.base.encodes_first() ? "SEQ_2_SEQ_LM" : "CAUSAL_LM"},
          {"base_model_name_or_path", form.base_name.empty() ? io::Json() : io::Json(form.base_name)},
          {"inference_mode", true}};
}

bool transposed(const model::ModelSpec& spec, const std::vector<model::Site>& sites) {
  return std::ranges::any_of(sites, [&](const model::Site& site) { return spec.transposed(site.module); });
}

io::Json lora_config(const std::vector<LoraPair>& pairs, const LoraForm& form) {
  std::vector<std::int64_t> ranks;
  std::vector<double> alphas;
  std::vector<model::Site> sites;
  for (const LoraPair& p : pairs) {
    ranks.push_back(p.low_rank.a.size(0));
    alphas.push_back(p.alpha());
    sites.push_back(p.site);
  }
  const std::int64_t rank = most_frequent(ranks);
  const double alpha = most_frequent(alphas);
  io::Json rank_pattern = io::Json::object(), alpha_pattern = io::Json::object();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string path = module_path(form.base, sites[i]);
    if (ranks[i] != rank) rank_pattern[path] = ranks[i];
    if (!same_alpha(alphas[i], alpha)) alpha_pattern[path] = number(alphas[i]);
  }
  io::Json out = config_of("LORA", form);
  out.update({{"r", rank},
              {"lora_alpha", number(alpha)},
              {"rank_pattern", rank_pattern},
              {"alpha_pattern", alpha_pattern},
              {"target_modules", targets(form.base, sites)},
              {"bias", "none"},
              {"fan_in_fan_out", transposed(form.base, sites)},
              {"lora_dropout", 0.0},
              {"use_dora", false},
              {"use_rslora", false}});
  return out;
}

// A folder that goes again unless it is put in place.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& target) : target_(target), temporary_(target) {
    if (!temporary_.has_filename()) temporary_ = temporary_.parent_path();
    temporary_ += ".tmp-" + std::to_string(::getpid());
    std::error_code error;
    if (!fs::create_directory(temporary_, error))
      throw Error(ErrorCode::kIo, "cannot create a folder here" + (error ? ": " + error.message() : std::string()),
                  {.path = target_.string()});
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const fs::path& path() const { return temporary_; }
  void commit() {
    std::error_code error;
    fs::rename(temporary_, target_, error);
    if (error)
      throw Error(ErrorCode::kIo, "cannot put the new folder in place: " + error.message(), {.path = target_.string()});
    temporary_.clear();
  }

 private:
  fs::path target_, temporary_;
};

void write_folder(const fs::path& folder, const io::Json& config, const TensorList& tensors) {
  NewFolder out(folder);
  io::write_safetensors(out.path() / "adapter_model.safetensors", tensors());
  io::write_file_atomically(out.path() / "adapter_config.json", config.dump(2) + "\n");
  out.commit();
}

}  // namespace

std::string module_path(const model::ModelSpec& spec, model::Site site) {
  return (site.module == Module::kHead ? "" : body_of(spec)) + spec.hf_name(site);
}

void write_peft_lora(const fs::path& folder, const std::vector<LoraPair>& pairs, const LoraForm& form) {
  TensorList tensors(form.dtype);
  for (const LoraPair& p : pairs) {
    const std::string path = "base_model.model." + module_path(form.base, p.site);
    const bool embedding = p.site.module == Module::kEmbed;
    tensors.add(path + (embedding ? ".lora_embedding_A" : ".lora_A.weight"), p.low_rank.a);
    tensors.add(path + (embedding ? ".lora_embedding_B" : ".lora_B.weight"), p.low_rank.b);
  }
  write_folder(folder, lora_config(pairs, form), tensors);
}

void write_peft_ia3(const fs::path& folder, const std::vector<ScaledModule>& modules, const LoraForm& form) {
  TensorList tensors(form.dtype);
  std::vector<model::Site> sites, inputs;
  for (const ScaledModule& m : modules) {
    tensors.add("base_model.model." + module_path(form.base, m.site) + ".ia3_l",
                m.input ? m.factors.view({1, -1}) : m.factors.view({-1, 1}));
    sites.push_back(m.site);
    if (m.input) inputs.push_back(m.site);
  }
  io::Json config = config_of("IA3", form);
  config.update({{"target_modules", targets(form.base, sites)},
                 {"feedforward_modules", targets(form.base, inputs)},
                 {"fan_in_fan_out", transposed(form.base, sites)},
                 {"init_ia3_weights", true}});
  write_folder(folder, config, tensors);
}

void write_peft_prefix(const fs::path& folder, const at::Tensor& prompt_embeddings, const LoraForm& form) {
  TensorList tensors(form.dtype);
  tensors.add(std::string(kVirtualTokensName), prompt_embeddings);
  const std::int64_t width = form.base.kv_heads * form.base.head_dim;
  io::Json config = config_of("PREFIX_TUNING", form);
  config.update({{"num_virtual_tokens", prompt_embeddings.size(0)},
                 {"token_dim", width},
                 {"encoder_hidden_size", width},
                 {"num_attention_heads", form.base.kv_heads},
                 {"num_layers", form.base.layer_count()},
                 {"num_transformer_submodules", 1},
                 {"prefix_projection", false}});
  write_folder(folder, config, tensors);
}

}  // namespace deltascape::adapter
