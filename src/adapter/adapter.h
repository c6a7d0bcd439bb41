// Owns an adapter of a given base: which modules it touches, and their operators, read layer by layer from the
// memory-mapped file.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/build_ops.h"
#include "adapter/keys.h"
#include "adapter/operators.h"
#include "adapter/peft_config.h"
#include "adapter/virtual_tokens.h"
#include "io/tensor_file.h"
#include "model/checkpoint.h"

namespace deltascape::adapter {

// Immutable and thread-safe after opening.
class Adapter {
 public:
  // `path`: a folder in PEFT's layout, or a GGUF adapter. Throws Error: kUnsupported by name for what is not computed
  // exactly, kMismatch for shapes that do not fit `base`. `base` must outlive the adapter: some operators are made from
  // its weights.
  static std::shared_ptr<const Adapter> open(const std::filesystem::path& path, const model::Checkpoint& base);
  // What open() throws, as far as headers tell, and its notes(): it reads no values.
  static std::vector<std::string> check(const std::filesystem::path& path, const model::Checkpoint& base);

  // Copies and converts; throws Error(kNumeric) naming the tensor when it holds NaN or Inf.
  ModuleOps ops(model::Site site, at::ScalarType dtype) const;
  // Where it has pairs of LoRA, if it is that and nothing else (convert.cpp); throws Error(kUnsupported) naming what
  // else there is. A pair, in float32 whatever the file's form and type.
  std::vector<model::Site> lora_sites() const;
  LowRank lora(model::Site site) const;
  io::DType dtype() const;  // of all its tensors; F32 where they differ
  // Rows of a replaced token embedding: [ids, hidden]; nothing when the adapter leaves the embedding alone.
  std::optional<at::Tensor> embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const;
  // Whether what the first block reads is not the base's: a table, a norm or virtual tokens of its own.
  bool changes_embedding() const;
  const VirtualTokens& virtual_tokens() const { return virtual_; }
  // The rows among them, [rows, hidden]; only where there are some.
  at::Tensor virtual_rows(at::ScalarType dtype) const;
  // What attention of this layer finds before a text's own keys and values; nothing without such keys.
  std::optional<Prefix> prefix(int layer, at::ScalarType dtype) const;
  // The first block whose result differs from the base's: 0 when the embedding does, layer_count when only the final
  // norm does, layer_count + 1 when nothing before the head does.
  int first_layer() const { return first_layer_; }
  // Brings one layer's tensors into memory with large reads, and gives the memory back (io/residency.h); release()
  // does so with everything. After opening nothing of the file is in memory.
  void prefetch(int layer) const;
  void release(int layer) const;
  void release() const;
  std::uint64_t layer_bytes(int layer) const;  // on disk
  // The most that making or using one module's operators takes for a while beside them.
  std::uint64_t scratch_elements() const;
  // Hash of the tensors and of what the config makes of them.
  const std::string& content_hash() const { return hash_; }
  // What of the files was read otherwise than it says or left out, a line each: PEFT's reading of tensors that the
  // configuration does not name, unknown options, wrappers in names, towers and heads beside the text path.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Adapter() = default;
  void read_headers(const std::filesystem::path& path, const model::Checkpoint& base);
  void index_tensors(const model::Checkpoint& base);
  void find_first_layer();
  void place(const io::TensorInfo& tensor, const model::Checkpoint& base);
  bool left_out(const io::TensorInfo& tensor, const std::optional<Key>& key, const model::ModelSpec& spec);
  bool targeted(const Key& key, const std::optional<model::Site>& site, const model::ModelSpec& spec) const;
  void require_targets(const model::ModelSpec& spec);
  void put(const io::TensorInfo& tensor, const io::TensorInfo*& slot) const;  // throws where it is taken
  void scale(Parts& parts, const std::string& module_path) const;             // and rank, by the configuration
  void tie_ends();
  void copy_to_embedding();
  void follow_embedding(ModuleOps& head, at::ScalarType dtype) const;
  void find_idle();
  bool has_no_effect(const Parts& idle) const;
  bool is_the_bases(const io::TensorInfo& table, model::Module module) const;
  bool is_copy(model::Site site) const;  // what PEFT keeps of the base's table beside what it does to it
  RowChange changed_rows(model::Site site, at::ScalarType dtype) const;  // of the token embedding or the head
  Source source(at::ScalarType dtype) const { return {*file_, *base_, config_, vera_a_, vera_b_, dtype}; }
  void compute_hash();
  std::span<const io::TensorInfo* const> tensors_of(int layer) const;

  std::filesystem::path path_;
  const model::Checkpoint* base_ = nullptr;
  PeftConfig config_;
  std::unique_ptr<io::TensorFile> file_;
  std::map<model::Site, Parts> parts_;
  std::map<int, std::vector<const io::TensorInfo*>> layers_;  // of parts_
  const io::TensorInfo* unused_ =
      nullptr;  // the last tensor that no hidden state depends on, of a tied or missing head
  const io::TensorInfo *vera_a_ = nullptr, *vera_b_ = nullptr;
  const io::TensorInfo* virtual_tensor_ = nullptr;
  VirtualTokens virtual_;
  std::vector<std::int64_t> tokens_, head_tokens_;  // which rows of the token embedding, and the head, kTokens holds
  bool rows_tied_ = false;                          // the head's trained rows are the token embedding's
  bool ends_tied_ = false;  // the head takes the table, or the LoRA, that the token embedding has here
  int first_layer_ = 0;
  std::string hash_;
  std::vector<std::string> notes_;
  std::vector<std::string> untargeted_;  // tensors of modules that the configuration does not name
};

// The GGUF adapter itself; else adapter_model.safetensors, else adapter_model.bin.
std::unique_ptr<io::TensorFile> open_adapter_tensors(const std::filesystem::path& path);
bool holds_adapter(const std::filesystem::path& path);

}  // namespace deltascape::adapter
