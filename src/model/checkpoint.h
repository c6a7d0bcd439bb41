// Owns a model on disk: its shape, its weights by canonical name, its tokenizer and its identity.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/tensor_file.h"
#include "model/spec.h"
#include "text/tokenizer.h"

namespace deltascape::model {

// Immutable and thread-safe after opening. Weights stay on disk (memory-mapped); load() copies and converts.
class Checkpoint {
 public:
  // `path`: a Hugging Face directory (safetensors, else pytorch_model.bin; single or sharded), a .gguf file, or a
  // directory with one.
  // Checks from headers that every needed tensor is there with the right shape. Throws Error naming the tensor.
  // `all_families`: those too that only the differentiable execution runs, not `embed`.
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path, bool all_families = false);

  const ModelSpec& spec() const { return spec_; }
  const std::filesystem::path& path() const { return path_; }
  // The weight (or bias) in transformers' layout and convention, whatever the file's: [out, in] for linears.
  // Throws Error(kNumeric) naming the tensor when it holds NaN or Inf.
  at::Tensor load(Site site, Param param, at::ScalarType dtype) const;
  // Rows of the token embedding, unscaled: [ids, hidden].
  at::Tensor embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const;
  std::unique_ptr<text::Tokenizer> tokenizer() const;
  // Hash of the configuration's numbers, canonical names, dtypes, shapes and 64 spaced 4 KiB windows a tensor (DESIGN
  // §6, and the configuration: equal weights under another RoPE base are another model).
  std::string identity() const;
  // The same with every byte of every tensor this model uses.
  std::string content_hash() const;
  std::uint64_t layer_bytes(int) const { return 0; }
  void prefetch(int) const {}
  void release(int) const {}
  std::uint64_t parameters() const;
  std::uint64_t bytes() const;
  std::string dtypes() const;  // "BF16", "Q4_1+Q6_K+F32", most bytes first

 private:
  Checkpoint() = default;
  void index_tensors();
  void require(Site site, Param param);
  const io::TensorInfo& tensor(Site site, Param param) const;
  std::string hash(bool whole) const;
  at::Tensor convention(at::Tensor value, Site site, Param param) const;

  std::filesystem::path path_;
  ModelSpec spec_;
  std::unique_ptr<io::TensorFile> file_;
  const io::GgufFile* gguf_ = nullptr;  // file_, when the model is a GGUF
  std::map<std::pair<Site, Param>, const io::TensorInfo*> tensors_;
};

// Decodes a whole tensor in parallel: [shape…] of `dtype` (kFloat or kDouble).
at::Tensor decode_tensor(const io::TensorFile& file, const io::TensorInfo& tensor, at::ScalarType dtype);
// The named rows of a matrix: [ids, columns]. Throws Error for an id outside it and for NaN or Inf in a used row.
at::Tensor decode_rows(const io::TensorFile& file, const io::TensorInfo& tensor, std::span<const std::int64_t> ids,
                       at::ScalarType dtype);

}  // namespace deltascape::model
