// Owns training all of a model's weights: what stands in for the base's, and the model folder that comes of it.
#include "adapter/peft_forms.h"
#include "adapter/tensor_list.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "train/method.h"

namespace deltascape::training {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Param;

void require_writable(const model::Checkpoint& base) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kUnsupported, why, {.path = base.path().string(), .field = option("method") + " full"});
  };
  if (!io::is_directory(base.path()))
    refuse("a GGUF's weights are quantised and under other names: give the model as a Hugging Face folder");
  if (base.spec().routing.experts > 0) refuse("all weights of a mixture of experts are not trained here");
}

// Beside the weights, and the configuration that is written anew: tokenizer, generation, chat template.
bool belongs(const fs::path& file) {
  const fs::path name = file.filename(), kind = name.extension();
  if (name == "config.json" || name.string().ends_with(".index.json")) return false;
  return kind == ".json" || kind == ".txt" || kind == ".model" || kind == ".jinja";
}

class Full final : public Method {
 public:
  explicit Full(const Start& start) : base_(start.weights.checkpoint()) {
    require_writable(base_);
    const auto init = start.init.empty() ? nullptr : model::Checkpoint::open(start.init);
    if (init != nullptr)
      if (const auto error = model::misfit(*init, base_)) throw Error(*error);
    const model::Checkpoint& from = init ? *init : base_;
    for (const model::Site& site : base_.spec().sites()) {
      Weight w{site, leaf(from, site, Param::kWeight, start.weights.dtype()), {}};
      if (base_.spec().has_bias(site.module)) w.bias = leaf(from, site, Param::kBias, start.weights.dtype());
      weights_.push_back(std::move(w));
    }
    from.release();
  }
  Variant variant() const override {
    Variant out;
    for (const Weight& w : weights_) {
      out.operators[w.site].weight = w.value;
      out.operators[w.site].bias = w.bias;
      // A tied head is the table that is trained, too.
      if (w.site.module == Module::kEmbed && base_.spec().tied_head) out.operators[{Module::kHead}].weight = w.value;
    }
    return out;
  }
  // safetensors under transformers' names, in float32.
  void write(const fs::path& folder) const override {
    adapter::TensorList tensors(io::DType::kF32);
    for (const Weight& w : weights_) {
      const std::string path = adapter::module_path(base_.spec(), w.site);
      tensors.add(model::is_bare(w.site.module) ? path : path + ".weight", as_stored(w));
      if (w.bias.defined()) tensors.add(path + ".bias", w.bias);
    }
    fs::create_directory(folder);
    io::write_safetensors(folder / "model.safetensors", tensors());
    for (const auto& entry : fs::directory_iterator(base_.path()))
      if (entry.is_regular_file() && belongs(entry.path()))
        fs::copy_file(entry.path(), folder / entry.path().filename());
    io::Json config = io::read_json(base_.path() / "config.json");
    for (const char* key : {"dtype", "torch_dtype"})
      if (config.contains(key)) config[key] = "float32";
    // Both tables are trained and written. Where an encoder reads first the flag is no longer about them.
    if (!base_.spec().tied_head && base_.spec().says_tied && !base_.spec().encodes_first())
      config["tie_word_embeddings"] = false;
    io::write_file_atomically(folder / "config.json", config.dump(2) + "\n");
  }

 private:
  struct Weight {
    model::Site site;
    at::Tensor value, bias;  // leaves; no bias: undefined
  };
  at::Tensor leaf(const model::Checkpoint& from, model::Site site, Param param, at::ScalarType dtype) {
    return add(base_.spec().hf_name(site) + (param == Param::kWeight ? ".weight" : ".bias"),
               from.load(site, param, dtype));
  }
  // In the shape and order of rows that transformers has.
  at::Tensor as_stored(const Weight& w) const {
    const model::ModelSpec& spec = base_.spec();
    if (spec.transposed(w.site.module)) return w.value.t();
    const bool other = w.value.dim() == 1 || model::is_parameter(w.site.module);
    return other ? w.value.view(spec.stored_shape(w.site.module)) : w.value;
  }

  const model::Checkpoint& base_;
  std::vector<Weight> weights_;
};

}  // namespace

std::unique_ptr<Method> full(const Start& start) { return std::make_unique<Full>(start); }

}  // namespace deltascape::training
