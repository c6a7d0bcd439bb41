// Owns a model on disk: its shape, its weights by canonical name, its tokenizer and its identity.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "io/residency.h"
#include "io/tensor_file.h"
#include "model/spec.h"
#include "text/tokenizer.h"

namespace deltascape::model {

// Immutable and thread-safe after opening. Weights stay on disk (memory-mapped); load() copies and converts. Which
// layers' bytes are in memory is for the caller to say: prefetch() before, release() after.
class Checkpoint {
 public:
  // `path`: a Hugging Face directory (safetensors, else pytorch_model.bin; single or sharded), a .gguf file, or a
  // directory with one.
  // Checks from headers that every needed tensor is there with the right shape. Throws Error naming the tensor.
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path);

  const ModelSpec& spec() const { return spec_; }
  const std::filesystem::path& path() const { return path_; }
  // The weight (or bias) in transformers' layout and convention, whatever the file's: [out, in] for linears.
  // dtype: kFloat, kDouble or kBFloat16 (unchanged from bfloat16 files; else from float to nearest, ties to even).
  // The result lies in `buffer`'s memory where that is of this dtype, contiguous and large enough: fresh memory costs
  // more than the conversion. Throws Error(kNumeric) naming the tensor when it holds NaN or Inf.
  at::Tensor load(Site site, Param param, at::ScalarType dtype, const at::Tensor& buffer = {}) const;
  // The same without a copy where the file holds exactly these values at an aligned address; else load(). Such a
  // tensor shows the mapped file: writing to it kills the process. It keeps the file open for as long as it lives, this
  // Checkpoint gone or not; after release() its bytes are read from the file again.
  at::Tensor view(Site site, Param param, at::ScalarType dtype, const at::Tensor& buffer = {}) const;
  bool can_view(Site site, Param param, at::ScalarType dtype) const;                 // whether view() makes no copy
  bool holds(Site site) const { return tensors_.contains({site, Param::kWeight}); }  // a body alone has no head
  // Brings a block's tensors into memory with large reads, and gives the memory back (io/residency.h). A model that
  // takes more than half of this machine's memory leaves the page cache too.
  void prefetch(int layer) const;
  void release(int layer) const;
  // One tensor, for those who are done with each as they go; and everything, also what lies outside the blocks.
  void release(Site site, Param param) const;
  void release() const;
  std::uint64_t layer_bytes(int layer) const;  // on disk
  // Rows of a table (token embedding, unscaled; learned positions): [ids, hidden]. Reads these alone, and leaves none
  // of them in memory.
  at::Tensor rows(Module module, std::span<const std::int64_t> ids, at::ScalarType dtype) const;
  at::Tensor embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const {
    return rows(Module::kEmbed, ids, dtype);
  }
  std::unique_ptr<text::Tokenizer> tokenizer() const;
  // Hash of the configuration's numbers (equal weights under another RoPE base are another model), and of each tensor's
  // canonical name, dtype, shape and 64 spaced 4 KiB windows (docs/design.md §7.2).
  std::string identity() const;
  // The same with every byte of every tensor this model uses. Neither leaves bytes in memory.
  std::string content_hash() const;
  std::uint64_t parameters() const;
  std::uint64_t bytes() const;
  std::string dtypes() const;  // "BF16", "Q4_1+Q6_K+F32", most bytes first
  // What of the files was read otherwise than they say, a line each; mostly empty.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Checkpoint() = default;
  void compare_heads();
  void index_tensors();
  const io::TensorInfo* find(Site site, Param param, std::string& name) const;
  void require_shape(Site site, Param param, const io::TensorInfo& found) const;
  void require(Site site, Param param);
  const io::TensorInfo& tensor(Site site, Param param) const;
  std::string hash(bool whole) const;
  // The tensor of several modules whose columns hold this one's part, or null.
  const FusedName* columns_of(Site site, Param param) const;
  std::uint64_t own_share(const std::pair<Site, Param>& key, std::uint64_t whole) const;
  enum class Convention { kSame, kReshaped, kReordered, kMinusOne, kTransposed, kColumns };
  Convention convention(Site site, Param param) const;
  std::span<const io::TensorInfo* const> block(int layer) const;

  std::filesystem::path path_;
  ModelSpec spec_;
  std::shared_ptr<const io::TensorFile> file_;
  const io::GgufFile* gguf_ = nullptr;  // file_, when the model is a GGUF
  std::map<std::pair<Site, Param>, const io::TensorInfo*> tensors_;
  std::map<int, std::vector<const io::TensorInfo*>> blocks_;
  io::PageCache after_ = io::PageCache::kKeep;
  std::vector<std::string> notes_;
};

// Why `variant` cannot be a full finetune of `base`; nothing when it may be one.
std::optional<Error> misfit(const Checkpoint& variant, const Checkpoint& base);

// Decodes a whole tensor in parallel: [shape…] of `dtype` (kFloat, kDouble, kBFloat16), in `buffer` where it fits.
// Throws Error(kNumeric) naming the first NaN or Inf.
at::Tensor decode_tensor(const io::TensorFile& file, const io::TensorInfo& tensor, at::ScalarType dtype,
                         const at::Tensor& buffer = {});
// The named rows of a matrix: [ids, columns]. Throws Error for an id outside it and for NaN or Inf in a used row.
at::Tensor decode_rows(const io::TensorFile& file, const io::TensorInfo& tensor, std::span<const std::int64_t> ids,
                       at::ScalarType dtype);

}  // namespace deltascape::model
