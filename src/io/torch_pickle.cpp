// Owns torch.save files: finding the pickle and the storages in the zip archive (or the older stream), and checking
// every tensor against the bytes of its storage.
#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

#include "deltascape/error.h"
#include "io/checked.h"
#include "io/file.h"
#include "io/mapped_tensors.h"
#include "io/stand_in.h"
#include "io/unpickler.h"
#include "io/zip.h"

namespace deltascape::io {
namespace {

using Kind = PickledValue::Kind;

constexpr std::uint64_t kMaxPickle = std::uint64_t{64} << 20;
// torch stores and never compresses; a re-packed archive is read as long as it is no bomb.
constexpr std::uint64_t kMaxDeflatedPickle = std::uint64_t{4} << 20;
constexpr std::uint64_t kCopySlack = std::uint64_t{16} << 20;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& field, const std::string& message,
                       const std::string& expected = {}, const std::string& found = {}) {
  throw Error(ErrorCode::kBadFile, message,
              {.path = file.string(), .field = field, .expected = expected, .found = found});
}

bool holds_tensors(const Unpickler& pickle, PickledValue dict) {
  const auto& items = pickle.items(dict);
  return std::any_of(items.begin(), items.end(), [](const auto& item) { return item.second.kind == Kind::kTensor; });
}

// The dict of tensors: the top one, or the only one inside it ({"state_dict": {…}}).
PickledValue state_dict(const Unpickler& pickle, PickledValue top, const std::filesystem::path& file) {
  if (top.kind != Kind::kDict) fail(file, "", "its pickle holds no dict of tensors");
  if (holds_tensors(pickle, top)) return top;
  std::vector<PickledValue> inside;
  for (const auto& [key, value] : pickle.items(top))
    if (value.kind == Kind::kDict && holds_tensors(pickle, value)) inside.push_back(value);
  if (inside.size() > 1) fail(file, "", "its pickle holds several dicts of tensors; save the state dict alone");
  return inside.empty() ? top : inside[0];
}

bool is_contiguous(const PickledTensor& tensor) {
  std::uint64_t step = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 1) continue;
    if (static_cast<std::uint64_t>(tensor.strides[i]) != step) return false;
    step *= static_cast<std::uint64_t>(tensor.shape[i]);  // fits: element_count has been checked
  }
  return true;
}

// One past the last element the view touches; nothing on overflow. No dimension is 0.
std::optional<std::uint64_t> reach(const PickledTensor& tensor) {
  std::uint64_t last = tensor.offset;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    std::uint64_t span = 0;
    if (!multiply(static_cast<std::uint64_t>(tensor.shape[i] - 1), static_cast<std::uint64_t>(tensor.strides[i]),
                  span) ||
        !add(last, span, last))
      return std::nullopt;
  }
  std::uint64_t end = 0;
  return add(last, 1, end) ? std::optional(end) : std::nullopt;
}

// Row-major copy of a strided view, walking the outer dimensions like an odometer.
std::vector<std::byte> gather(const PickledTensor& tensor, std::span<const std::byte> storage, std::uint64_t elements,
                              std::size_t item) {
  std::vector<std::byte> out(elements * item);
  std::vector<std::int64_t> at(tensor.shape.size(), 0);
  const std::size_t inner = tensor.shape.size() - 1;  // a scalar is contiguous and never comes here
  const auto run = static_cast<std::uint64_t>(tensor.shape[inner]);
  std::uint64_t from = tensor.offset;
  for (std::uint64_t done = 0; done < elements; done += run) {
    for (std::uint64_t i = 0; i < run; ++i)
      std::copy_n(storage.data() + (from + i * static_cast<std::uint64_t>(tensor.strides[inner])) * item, item,
                  out.data() + (done + i) * item);
    for (std::size_t k = inner; k-- > 0;) {
      from += static_cast<std::uint64_t>(tensor.strides[k]);
      if (++at[k] < tensor.shape[k]) break;
      from -= static_cast<std::uint64_t>(tensor.strides[k]) * static_cast<std::uint64_t>(tensor.shape[k]);
      at[k] = 0;
    }
  }
  return out;
}

class TorchPickle final : public TensorFile {
 public:
  explicit TorchPickle(std::shared_ptr<const MappedFile> map) : map_(std::move(map)) {
    const auto all = map_->bytes();
    refuse_stand_in(all, path());
    const bool zip =
        all.size() >= 4 && std::equal(all.begin(), all.begin() + 4, std::as_bytes(std::span("PK\3\4")).begin());
    zip ? read_archive() : read_stream();
  }
  const std::vector<TensorInfo>& tensors() const override { return index_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return index_.find(name); }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override { return index_.bytes(tensor, path()); }
  const std::filesystem::path& path() const override { return map_->path(); }
  std::vector<const MappedFile*> maps() const override { return {map_.get()}; }

 private:
  // NAME/data.pkl, NAME/data/KEY for every storage, NAME/byteorder
  void read_archive() {
    const ZipReader zip(map_->bytes(), path());
    const ZipEntry* program = nullptr;
    for (const ZipEntry& entry : zip.entries()) {
      if (!entry.name.ends_with("/data.pkl")) continue;
      if (program) fail(path(), "", "the archive holds two pickles");
      program = &entry;
    }
    if (!program) fail(path(), "", "this zip archive was not written by torch.save: it holds no data.pkl");
    const std::string prefix = program->name.substr(0, program->name.size() - std::string_view("data.pkl").size());
    check_byte_order(zip, prefix);
    const std::uint64_t limit = program->deflated ? kMaxDeflatedPickle : kMaxPickle;
    if (program->size > limit)
      fail(path(), program->name, "the pickle is too large", "at most " + std::to_string(limit),
           std::to_string(program->size));
    const auto code = zip.unpack(*program);
    Unpickler pickle(code, path());
    const PickledValue top = pickle.load();
    std::unordered_map<std::string_view, const ZipEntry*> entries;
    for (const ZipEntry& entry : zip.entries()) entries.emplace(entry.name, &entry);
    for (const PickledStorage& storage : pickle.storages()) {
      if (storages_.contains(storage.key)) continue;
      const auto found = entries.find(prefix + "data/" + storage.key);
      if (found == entries.end())
        fail(path(), prefix + "data/" + storage.key, "this storage is missing from the archive");
      storages_[storage.key] = content(zip, *found->second);
    }
    index_tensors(pickle, top);
  }

  std::span<const std::byte> content(const ZipReader& zip, const ZipEntry& entry) {
    return entry.deflated ? owned_.emplace_back(zip.unpack(entry)) : entry.data;
  }

  void check_byte_order(const ZipReader& zip, const std::string& prefix) const {
    const ZipEntry* entry = zip.find(prefix + "byteorder");
    if (!entry) return;  // older than torch 2.1: little-endian everywhere it mattered
    if (entry->size > 16) fail(path(), entry->name, "an impossible byte order");
    const auto order = zip.unpack(*entry);
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little")
      throw Error(ErrorCode::kUnsupported, "saved on a big-endian machine; save it again as safetensors",
                  {.path = path().string(), .field = {}, .expected = {}, .found = {}});
  }

  // Before torch 1.6: magic number, protocol, system, object, storage keys as pickles; then count and bytes of each.
  void read_stream() {
    static constexpr unsigned char kMagic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                               0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    const auto all = map_->bytes();
    if (all.size() < sizeof kMagic || !std::equal(std::begin(kMagic), std::end(kMagic), all.begin(),
                                                  [](unsigned char a, std::byte b) { return std::byte{a} == b; }))
      fail(path(), "", "not a torch.save file", "a zip archive or torch's older stream");
    Unpickler pickle(all.subspan(sizeof kMagic), path());
    pickle.load();
    pickle.load();
    const PickledValue top = pickle.load();
    const PickledValue keys = pickle.load();
    if (keys.kind != Kind::kList) fail(path(), "", "the list of storages is missing");
    std::unordered_map<std::string_view, const PickledStorage*> known;
    for (const PickledStorage& storage : pickle.storages()) known.emplace(storage.key, &storage);
    ByteReader reader(all, path());
    reader.take(sizeof kMagic + pickle.position(), "the pickles");
    for (const PickledValue& key : pickle.sequence(keys)) {
      const auto found = key.kind == Kind::kText ? known.find(pickle.text(key)) : known.end();
      if (found == known.end()) fail(path(), "", "the list of storages names one that no tensor uses");
      const auto count = reader.number<std::uint64_t>("a storage's size");
      std::uint64_t bytes = 0;
      const auto& dtype = found->second->dtype;
      if (!multiply(count, dtype ? info(*dtype).block_bytes : 1, bytes)) fail(path(), "", "a storage's size overflows");
      storages_[found->second->key] = reader.take(bytes, "a storage");
    }
    index_tensors(pickle, top);
  }

  void index_tensors(const Unpickler& pickle, PickledValue top) {
    for (const auto& [key, value] : pickle.items(state_dict(pickle, top, path()))) {
      if (value.kind != Kind::kTensor) continue;  // versions, names, configuration
      if (key.kind != Kind::kText) fail(path(), "", "a tensor whose name is not a text");
      const PickledTensor& tensor = pickle.tensor(value);
      const std::string& name = pickle.text(key);
      TensorInfo made{name, tensor.dtype, tensor.shape, 0};
      const auto elements = element_count(tensor.shape);
      if (!elements) fail(path(), name, "the shape " + shape_text(tensor.shape) + " overflows");
      made.elements = *elements;
      const auto bytes = view(name, tensor, *elements, pickle.storages()[tensor.storage]);
      if (!index_.add(std::move(made), bytes)) fail(path(), name, "this tensor's name appears twice");
    }
  }

  std::span<const std::byte> view(const std::string& name, const PickledTensor& tensor, std::uint64_t elements,
                                  const PickledStorage& storage) {
    const auto found = storages_.find(storage.key);
    if (found == storages_.end()) fail(path(), name, "the storage of this tensor is missing");
    const auto data = found->second;
    const std::uint64_t item = info(tensor.dtype).block_bytes;
    std::uint64_t declared = 0;
    if (!multiply(storage.count, storage.dtype ? info(*storage.dtype).block_bytes : 1, declared) ||
        declared != data.size())
      fail(path(), name, "the storage's size is not what the pickle says", std::to_string(storage.count),
           std::to_string(data.size()) + " bytes");
    if (elements == 0) return {};
    const auto end = reach(tensor);
    if (!end || *end > data.size() / item)
      fail(path(), name, "the view of shape " + shape_text(tensor.shape) + " leaves its storage", "",
           std::to_string(data.size()) + " bytes");
    if (is_contiguous(tensor)) return data.subspan(tensor.offset * item, elements * item);
    // A stride of 0 makes a huge tensor of a small storage: what is copied is bounded by the file's size.
    std::uint64_t bytes = 0;
    if (!multiply(elements, item, bytes) || !add(copied_, bytes, copied_) ||
        copied_ > bytes_on_disk(path(), map_->bytes().size()) + kCopySlack)
      fail(path(), name, "expanded views would take more memory than the file; save contiguous tensors", "",
           shape_text(tensor.shape));
    return owned_.emplace_back(gather(tensor, data, elements, item));
  }

  std::shared_ptr<const MappedFile> map_;
  std::unordered_map<std::string, std::span<const std::byte>> storages_;
  std::deque<std::vector<std::byte>> owned_;  // inflated storages and gathered views
  std::uint64_t copied_ = 0;
  TensorIndex index_;
};

}  // namespace

std::unique_ptr<TensorFile> open_torch_pickle(const std::filesystem::path& file) {
  return std::make_unique<TorchPickle>(MappedFile::open(file));
}

}  // namespace deltascape::io
