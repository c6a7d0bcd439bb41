// Texts as vectors, by an encoder in the layout of sentence-transformers: its tokenizer, its blocks, pooling over its
// tokens (Sentence-BERT, arXiv 1908.10084 §3).
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "deltascape/progress.h"
#include "lm/weights.h"
#include "text/tokenizer.h"

namespace deltascape::represent {

class SentenceEncoder {
 public:
  // `model`: a folder, or a hub id that is fetched. Without modules.json: the mean over the tokens, of length 1.
  // Throws Error naming what is not supported, and how an encoder that is not there can be had.
  SentenceEncoder(const std::string& model, at::ScalarType dtype, Progress& progress);
  at::Tensor operator()(const std::vector<std::string>& texts);  // [texts, width]
  std::string identity() const;                                  // equal identities give equal vectors

 private:
  enum class Pooling { kMean, kFirst };
  void read_modules(const std::filesystem::path& folder);
  void read_pooling(const std::filesystem::path& file);
  void read_limits(const std::filesystem::path& file);

  std::shared_ptr<const model::Checkpoint> model_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  engine::Weights weights_;
  Pooling pooling_ = Pooling::kMean;
  bool normalised_ = true;
  std::int64_t longest_ = 0;  // tokens that are read, special ones among them; 0: all
};

}  // namespace deltascape::represent
