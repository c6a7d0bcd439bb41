// Owns training a prefix (arXiv 2101.00190): keys and values that stand before a text's own in every layer.
#include <ATen/core/grad_mode.h>

#include "adapter/adapter.h"
#include "adapter/peft_forms.h"
#include "deltascape/error.h"
#include "lm/generate.h"
#include "train/method.h"

namespace deltascape::training {
namespace {

using Ids = std::vector<std::int64_t>;

void require_prefix(const model::ModelSpec& spec) {
  if (spec.architecture->stacks != model::StackKind::kDecoder ||
      spec.architecture->mixer == model::MixerKind::kLatent || spec.recurrent.heads > 0)
    throw Error(ErrorCode::kUnsupported,
                "a prefix is trained for decoders alone that have no latent attention and no recurrent layers",
                {.field = option("method"), .found = std::string(spec.architecture->model_type)});
}

// The first tokens of the data's prompts, one prompt after the other, again from the first where they are too few.
Ids first_tokens(std::span<const std::vector<engine::Example>> data, std::int64_t count) {
  Ids out;
  while (std::ssize(out) < count)
    for (const auto& row : data)
      for (const std::int64_t id : row.front().prompt)
        if (std::ssize(out) < count) out.push_back(id);
  return out;
}

class PrefixTuning final : public Method {
 public:
  explicit PrefixTuning(const Start& start) : spec_(start.weights.spec()), base_name_(start.options.base_name) {
    require_prefix(spec_);
    rows_ = add("prompt_embeddings", (start.init.empty() ? fresh(start) : given(start)).to(start.weights.dtype()));
  }
  Variant variant() const override { return {.operators = {}, .prefix = engine::prefix_from_peft(spec_, rows_)}; }
  void write(const std::filesystem::path& folder) const override {
    adapter::write_peft_prefix(folder, rows_, {.base = spec_, .base_name = base_name_});
  }

 private:
  // What the base's own attention makes of words of the data: the run then starts with the base's loss. From PEFT's
  // random start it was three times as high (4.76 against 1.55, SmolLM2-135M with 20 tokens), which twenty examples do
  // not mend; arXiv 2101.00190 §7.4 finds the same.
  static at::Tensor fresh(const Start& start) {
    const at::NoGradGuard no_grad;
    const Ids ids = first_tokens(start.data, start.options.virtual_tokens);
    const model::ModelSpec& spec = start.weights.spec();
    engine::Cache cache(spec, 1, std::ssize(ids), at::TensorOptions(start.weights.dtype()));
    const engine::Batch batch{.lengths = {std::ssize(ids)}, .cache = &cache};
    engine::run_stack(start.weights, {}, batch, 0, engine::embed_tokens(start.weights, {}, ids, &batch));
    std::vector<at::Tensor> parts;  // k and v of each layer in turn, [tokens, kv_heads·head_dim]
    for (int layer = 0; layer < spec.layer_count(); ++layer)
      for (const at::Tensor& t : {cache.at(layer).k, cache.at(layer).v})
        parts.push_back(t[0].transpose(0, 1).flatten(1));
    return at::cat(parts, 1);
  }
  static at::Tensor given(const Start& start) {
    const auto opened = adapter::Adapter::open(start.init, start.weights.checkpoint());
    std::vector<at::Tensor> parts;
    for (int layer = 0; layer < start.weights.spec().layer_count(); ++layer) {
      const auto prefix = opened->prefix(layer, start.weights.dtype());
      if (!prefix)
        throw Error(ErrorCode::kUsage, "an adapter of another method",
                    {.path = start.options.init, .field = option("init")});
      parts.push_back(prefix->k);
      parts.push_back(prefix->v);
    }
    return at::cat(parts, 1);
  }

  const model::ModelSpec& spec_;
  std::string base_name_;
  at::Tensor rows_;  // the leaf, [virtual tokens, layers·2·kv_heads·head_dim]
};

}  // namespace

std::unique_ptr<Method> prefix(const Start& start) { return std::make_unique<PrefixTuning>(start); }

}  // namespace deltascape::training
