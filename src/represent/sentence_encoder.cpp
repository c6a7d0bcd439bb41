#include "represent/sentence_encoder.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "adapter/fetch.h"
#include "core/hash.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "lm/autograd_ops.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using model::Checkpoint;

constexpr const char* kModules = "Transformer, Pooling, Normalize";

std::shared_ptr<const Checkpoint> open_encoder(const std::string& name, Progress& progress) {
  fs::path path;
  try {
    path = adapter::fetch_model(name, progress);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kCancelled) throw;
    throw Error(ErrorCode::kNotFound,
                "the sentence encoder is not there: fetch it (`hf download " + name +
                    "`), or give a folder with one: " + e.what(),
                {.field = option("encoder")});
  }
  auto out = Checkpoint::open(path);
  const model::ModelSpec& spec = out->spec();
  if (spec.stacks.size() != 1 || spec.stacks.front().causal)
    throw Error(ErrorCode::kUnsupported, "not a sentence encoder",
                {.path = out->path().string(),
                 .field = option("encoder"),
                 .expected = "an encoder such as BERT",
                 .found = std::string(spec.architecture->model_type)});
  return out;
}

// "sentence_transformers.models.Pooling" -> "Pooling"
std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

SentenceEncoder::SentenceEncoder(const std::string& model, at::ScalarType dtype, Progress& progress)
    : model_(open_encoder(model, progress)), tokenizer_(model_->tokenizer()), weights_(model_, dtype) {
  const fs::path& folder = model_->path();
  longest_ = model_->spec().longest_text();
  if (!io::is_directory(folder)) return;
  if (io::exists(folder / "modules.json")) read_modules(folder);
  if (io::exists(folder / "sentence_bert_config.json")) read_limits(folder / "sentence_bert_config.json");
}

void SentenceEncoder::read_modules(const fs::path& folder) {
  const fs::path file = folder / "modules.json";
  const io::Json modules = io::read_json(file);
  std::string order;
  normalised_ = false;
  for (const io::Json& module : modules) {
    const io::JsonFields fields(module, file);
    const std::string type = last_part(fields.string("type").value_or(""));
    order += (order.empty() ? "" : ", ") + type;
    if (type == "Pooling") read_pooling(io::join_inside(folder, fields.string("path").value_or("") + "/config.json"));
    if (type == "Normalize") normalised_ = true;
  }
  if (order != kModules && order != "Transformer, Pooling")
    throw Error(ErrorCode::kUnsupported, "a sentence encoder of other modules",
                {.path = file.string(), .expected = std::string(kModules), .found = one_line(order, 80)});
}

void SentenceEncoder::read_pooling(const fs::path& file) {
  const io::Json json = io::read_json(file);
  const io::JsonFields fields(json, file);
  std::string modes;
  for (const auto& [name, value] : json.items())
    if (name.starts_with("pooling_mode") && (value == true || value.is_string()))
      modes += (modes.empty() ? "" : ", ") + (value.is_string() ? value.get<std::string>() : name);
  if (modes == "pooling_mode_mean_tokens" || modes == "mean") pooling_ = Pooling::kMean;
  else if (modes == "pooling_mode_cls_token" || modes == "cls") pooling_ = Pooling::kFirst;
  else
    throw Error(ErrorCode::kUnsupported, "a pooling that is not supported",
                {.path = file.string(),
                 .field = "pooling_mode",
                 .expected = "the mean over the tokens, or the first token's",
                 .found = one_line(modes, 80)});
}

void SentenceEncoder::read_limits(const fs::path& file) {
  const io::Json json = io::read_json(file);
  const io::JsonFields fields(json, file);
  if (fields.boolean("do_lower_case").value_or(false))
    throw Error(ErrorCode::kUnsupported, "texts in lower case before the tokenizer are not supported",
                {.path = file.string(), .field = "do_lower_case", .expected = "false", .found = "true"});
  const auto longest = fields.integer("max_seq_length");
  if (!longest) return;
  if (*longest < 1) fields.fail("max_seq_length", "at least 1");
  longest_ = longest_ > 0 ? std::min(longest_, *longest) : *longest;
}

std::string SentenceEncoder::identity() const {
  Hasher hasher;
  hasher.update(model_->identity()).update(tokenizer_->identity());
  hasher.update(std::string_view(pooling_ == Pooling::kMean ? "mean" : "first"));
  hasher.update(std::string_view(normalised_ ? "normalised" : "")).update(std::to_string(longest_));
  return hasher.hex();
}

at::Tensor SentenceEncoder::operator()(const std::vector<std::string>& texts) {
  const at::NoGradGuard no_grad;
  const engine::Operators none;
  std::vector<at::Tensor> out;
  for (const std::string& text : texts) {
    const auto tokens = tokenizer_->encode(text, {.max_length = static_cast<std::size_t>(longest_)});
    const std::vector<std::int64_t> ids(tokens.begin(), tokens.end());
    if (ids.empty()) throw Error(ErrorCode::kBadFile, "a text has no tokens", {.path = model_->path().string()});
    engine::Batch batch{.lengths = {static_cast<std::int64_t>(ids.size())}};
    const at::Tensor hidden =
        engine::run_stack(weights_, none, batch, 0, engine::embed_tokens(weights_, none, ids, &batch));  // [ids, width]
    const at::Tensor row = pooling_ == Pooling::kMean ? hidden.mean(0) : hidden[0];
    // As torch's normalize() does: a length of zero stays zero.
    out.push_back(normalised_ ? row / row.norm().clamp_min(1e-12) : row);
  }
  return at::stack(out);
}

}  // namespace deltascape::represent
