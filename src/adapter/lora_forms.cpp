#include "adapter/lora_forms.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "adapter/gguf_lora.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/gguf_write.h"
#include "io/json.h"
#include "io/safetensors_write.h"
#include "model/gguf_rows.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;

// Tensors of one type, kept until they are written.
class Tensors {
 public:
  explicit Tensors(io::DType dtype) : dtype_(dtype) {}
  void add(const std::string& name, const at::Tensor& values) {
    const at::ScalarType type = dtype_ == io::DType::kF16    ? at::kHalf
                                : dtype_ == io::DType::kBF16 ? at::kBFloat16
                                                             : at::kFloat;
    const at::Tensor kept = values.to(type).contiguous();
    if (!kept.isfinite().all().item<bool>())
      throw Error(ErrorCode::kNumeric, "a value is beyond " + std::string(io::info(dtype_).name) + ": give --dtype F32",
                  {.field = name});
    kept_.push_back(kept);
    out_.push_back({name, dtype_, kept.sizes().vec(),
                    std::as_bytes(std::span(static_cast<const char*>(kept.const_data_ptr()), kept.nbytes()))});
  }
  const std::vector<io::TensorToWrite>& operator()() const { return out_; }

 private:
  io::DType dtype_;
  std::vector<at::Tensor> kept_;
  std::vector<io::TensorToWrite> out_;
};

std::uint32_t file_type(io::DType dtype) {  // llama_ftype
  return dtype == io::DType::kF16 ? 1 : dtype == io::DType::kBF16 ? 32 : 0;
}

// What stands before a module's name in the class that transformers has for generation.
std::string body_of(const model::ModelSpec& spec) {
  const std::string block = spec.hf_name({Module::kO, 0}), embedding = spec.hf_name({Module::kEmbed});
  return block.starts_with("h.") ? "transformer." : embedding == "embed_in" ? "gpt_neox." : "model.";
}

std::string module_path(const model::ModelSpec& spec, model::Site site) {
  return (site.module == Module::kHead ? "" : body_of(spec)) + spec.hf_name(site);
}

std::string last_component(const std::string& path) { return path.substr(path.rfind('.') + 1); }

// Their last components where these mean no other module, else whole paths.
io::Json targets(const model::ModelSpec& spec, const std::vector<LoraPair>& pairs) {
  std::set<std::string> paths, ends, all;
  for (const LoraPair& p : pairs) {
    paths.insert(module_path(spec, p.site));
    ends.insert(last_component(module_path(spec, p.site)));
  }
  for (const model::Site& site : spec.sites())
    if (const std::string path = module_path(spec, site); ends.contains(last_component(path))) all.insert(path);
  return paths == all ? ends : paths;
}

// Of alphas: a scale times its rank may come out an ulp beside.
bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

template <class T>
T most_frequent(const std::vector<T>& values) {
  std::map<T, std::size_t> count;
  for (const T& v : values) ++count[v];
  return std::ranges::max_element(count, {}, [](const auto& one) { return one.second; })->first;
}

io::Json number(double value) {  // PEFT's alphas are integers where they can be
  const bool whole = near(value, std::round(value)) && std::abs(value) < 1e12;
  return whole ? io::Json(std::llround(value)) : io::Json(value);
}

io::Json peft_config(const std::vector<LoraPair>& pairs, const LoraForm& form) {
  std::vector<std::int64_t> ranks;
  std::vector<double> alphas;
  for (const LoraPair& p : pairs) {
    ranks.push_back(p.low_rank.a.size(0));
    alphas.push_back(p.alpha());
  }
  const std::int64_t rank = most_frequent(ranks);
  const double alpha = most_frequent(alphas);
  io::Json rank_pattern = io::Json::object(), alpha_pattern = io::Json::object();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string path = module_path(form.base, pairs[i].site);
    if (ranks[i] != rank) rank_pattern[path] = ranks[i];
    if (!near(alphas[i], alpha)) alpha_pattern[path] = number(alphas[i]);
  }
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", form.base_name.empty() ? io::Json() : io::Json(form.base_name)},
          {"r", rank},
          {"lora_alpha", number(alpha)},
          {"rank_pattern", rank_pattern},
          {"alpha_pattern", alpha_pattern},
          {"target_modules", targets(form.base, pairs)},
          {"bias", "none"},
          {"fan_in_fan_out", std::ranges::any_of(pairs, [&](auto& p) { return form.base.transposed(p.site.module); })},
          {"inference_mode", true},
          {"lora_dropout", 0.0},
          {"use_dora", false},
          {"use_rslora", false}};
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

}  // namespace

bool one_alpha(const std::vector<LoraPair>& pairs) {
  const double first = pairs.front().alpha();
  return first != 0 && std::ranges::all_of(pairs, [&](const LoraPair& p) { return near(p.alpha(), first); });
}

void write_gguf_lora(const fs::path& file, const std::vector<LoraPair>& pairs, const LoraForm& form) {
  const model::Architecture& family = *form.base.architecture;
  const std::string_view architecture = gguf_adapter_architecture(family);
  const bool whole = one_alpha(pairs);
  Tensors tensors(form.dtype);
  for (const LoraPair& p : pairs) {
    const std::vector<std::string> names = model::gguf_names(family, p.site);
    const std::string name = architecture.empty() || names.empty() ? "" : names.front();
    const bool ordered = p.site.module != Module::kQkv || family.qkv == model::QkvLayout::kBlocks;
    if (name.empty() || !ordered)
      throw Error(ErrorCode::kUnsupported, "llama.cpp's form of this module is not known here",
                  {.path = file.string(), .field = form.base.hf_name(p.site), .found = std::string(family.model_type)});
    const at::Tensor b = whole ? p.low_rank.b : p.low_rank.b * p.low_rank.scale;
    const bool embedding = p.site.module == Module::kEmbed;
    tensors.add(name + ".weight.lora_a", embedding ? p.low_rank.a.t() : p.low_rank.a);
    tensors.add(name + ".weight.lora_b", embedding ? b : model::rows_to_gguf(form.base, p.site.module, b));
  }
  io::GgufMetadata metadata = {{"general.architecture", std::string(architecture)},
                               {"general.type", "adapter"},
                               {"general.file_type", file_type(form.dtype)},
                               {"adapter.type", "lora"},
                               // Zero: the scale is in B.
                               {"adapter.lora.alpha", whole ? static_cast<float>(pairs.front().alpha()) : 0.0F}};
  if (!form.base_name.empty()) {
    metadata.emplace_back("general.base_model.count", std::uint32_t{1});
    metadata.emplace_back("general.base_model.0.name", form.base_name);
  }
  io::write_gguf(file, metadata, tensors());
}

void write_peft_lora(const fs::path& folder, const std::vector<LoraPair>& pairs, const LoraForm& form) {
  Tensors tensors(form.dtype);
  for (const LoraPair& p : pairs) {
    const std::string path = "base_model.model." + module_path(form.base, p.site);
    const bool embedding = p.site.module == Module::kEmbed;
    tensors.add(path + (embedding ? ".lora_embedding_A" : ".lora_A.weight"), p.low_rank.a);
    tensors.add(path + (embedding ? ".lora_embedding_B" : ".lora_B.weight"), p.low_rank.b);
  }
  NewFolder out(folder);
  io::write_safetensors(out.path() / "adapter_model.safetensors", tensors());
  io::write_file_atomically(out.path() / "adapter_config.json", peft_config(pairs, form).dump(2) + "\n");
  out.commit();
}

}  // namespace deltascape::adapter
