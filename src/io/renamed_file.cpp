#include "io/renamed_file.h"

#include <unordered_map>

#include "deltascape/error.h"

namespace deltascape::io {
namespace {

class Renamed final : public TensorFile {
 public:
  Renamed(std::unique_ptr<TensorFile> whole, const std::function<std::string(const std::string&)>& rename)
      : whole_(std::move(whole)), tensors_(whole_->tensors()) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].name = rename(tensors_[i].name);
      const auto [taken, added] = places_.emplace(tensors_[i].name, i);
      if (!added)
        throw Error(ErrorCode::kBadFile, "two tensors that are one without the wrappers in their names",
                    {.path = whole_->path().string(),
                     .field = whole_->tensors()[i].name,
                     .found = whole_->tensors()[taken->second].name});
    }
  }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const TensorInfo* find(std::string_view name) const override {
    const auto it = places_.find(name);
    return it == places_.end() ? nullptr : &tensors_[it->second];
  }
  std::span<const std::byte> bytes(const TensorInfo& t) const override {
    return whole_->bytes(whole_->tensors()[places_.at(t.name)]);
  }
  const std::filesystem::path& path() const override { return whole_->path(); }
  std::vector<const MappedFile*> maps() const override { return whole_->maps(); }

 private:
  std::unique_ptr<TensorFile> whole_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string_view, std::size_t> places_;  // names of tensors_
};

}  // namespace

std::unique_ptr<TensorFile> renamed(std::unique_ptr<TensorFile> file,
                                    const std::function<std::string(const std::string&)>& rename) {
  for (const TensorInfo& t : file->tensors())
    if (rename(t.name) != t.name) return std::make_unique<Renamed>(std::move(file), rename);
  return file;
}

}  // namespace deltascape::io
