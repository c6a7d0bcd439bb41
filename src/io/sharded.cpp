// Owns models split over several files: an index (model.safetensors.index.json, pytorch_model.bin.index.json) and the
// shards beside it.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json_sax.h"
#include "io/mapped_tensors.h"

namespace deltascape::io {
namespace {

class Sharded final : public TensorFile {
 public:
  explicit Sharded(const std::filesystem::path& index) : path_(index) {
    const Json document = read_json(index);
    const auto weight_map = JsonFields(document, index).object("weight_map");
    if (!weight_map)
      throw Error(ErrorCode::kBadFile, "not a shard index",
                  {.path = index.string(), .field = "weight_map", .expected = "an object", .found = "nothing"});
    std::map<std::string, std::vector<std::string>> wanted;  // shard -> its tensors
    for (const auto& [tensor, shard] : weight_map->json().items()) {
      if (!shard.is_string()) weight_map->fail(tensor, "the name of a shard");
      wanted[shard.get_ref<const std::string&>()].push_back(tensor);
    }
    for (const auto& [shard, tensors] : wanted) add_shard(shard, tensors);
  }
  const std::vector<TensorInfo>& tensors() const override { return index_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return index_.find(name); }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override { return index_.bytes(tensor, path_); }
  const std::filesystem::path& path() const override { return path_; }
  std::vector<const MappedFile*> maps() const override {
    std::vector<const MappedFile*> out;
    for (const auto& shard : shards_)
      for (const MappedFile* map : shard->maps()) out.push_back(map);
    return out;
  }

 private:
  void add_shard(const std::string& name, const std::vector<std::string>& wanted) {
    const auto folder = path_.parent_path();
    const auto file = join_inside(folder.empty() ? std::filesystem::path(".") : folder, name);
    shards_.push_back(file.extension() == ".bin" ? open_torch_pickle(file) : open_safetensors(file));
    const TensorFile& shard = *shards_.back();
    for (const std::string& tensor : wanted)
      if (!shard.find(tensor))
        throw Error(ErrorCode::kBadFile, "the index maps this tensor to a shard that does not hold it",
                    {.path = path_.string(), .field = tensor, .expected = "in " + name, .found = {}});
    // In file order; a tensor the index does not mention does not belong to the model.
    for (const TensorInfo& tensor : shard.tensors())
      if (std::binary_search(wanted.begin(), wanted.end(), tensor.name)) index_.add(tensor, shard.bytes(tensor));
  }

  std::filesystem::path path_;
  std::vector<std::unique_ptr<TensorFile>> shards_;
  TensorIndex index_;
};

}  // namespace

std::unique_ptr<TensorFile> open_sharded(const std::filesystem::path& index) {
  return std::make_unique<Sharded>(index);
}

}  // namespace deltascape::io
