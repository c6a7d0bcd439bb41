// Owns one safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes end to end
// (https://huggingface.co/docs/safetensors, "Format").
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "deltascape/error.h"
#include "io/checked.h"
#include "io/file.h"
#include "io/json_sax.h"
#include "io/mapped_tensors.h"
#include "io/stand_in.h"

namespace deltascape::io {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kUsualHeader = std::size_t{64} << 10;  // of an adapter
constexpr std::size_t kMaxDimensions = 64;
constexpr std::size_t kMaxTensors = 1'000'000;  // ten times what the largest mixtures of experts have

std::optional<DType> dtype_named(std::string_view name) {
  for (auto type = DType::kF64; type <= DType::kBool; type = static_cast<DType>(static_cast<int>(type) + 1))
    if (info(type).name == name) return type;
  return std::nullopt;
}

struct Entry {
  TensorInfo tensor;
  std::uint64_t begin = 0, end = 0;  // in the data after the header
};

// {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {"key": "text"}}
class HeaderReader : public JsonSax {
 public:
  std::vector<Entry> entries;

  bool start_object(std::size_t) override {
    if (place_ == Place::kStart) return at(Place::kTop);
    if (place_ == Place::kTop && name_ == "__metadata__") {
      if (metadata_seen_) return refuse("__metadata__ appears twice");
      metadata_seen_ = true;
      return at(Place::kMetadata);
    }
    if (place_ != Place::kTop) return unexpected("an object");
    if (entries.size() == kMaxTensors) return refuse("more than " + std::to_string(kMaxTensors) + " tensors");
    seen_ = {};
    entries.emplace_back().tensor.name = name_;
    return at(Place::kTensor);
  }
  bool end_object() override {
    if (place_ == Place::kTensor && !(seen_[0] && seen_[1] && seen_[2]))
      return refuse("the header's entry lacks dtype, shape or data_offsets", name_);
    return at(Place::kTop);
  }
  bool key(std::string& key) override {
    if (place_ == Place::kTop) {
      name_ = std::move(key);
      return true;
    }
    if (place_ == Place::kMetadata) return true;
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (key != kFields[i]) continue;
      if (seen_[i]) return refuse("the field " + key + " appears twice", name_);
      seen_[i] = true;
      field_ = i;
      return true;
    }
    return refuse("an unknown field " + key.substr(0, 60) + " in the header's entry", name_);
  }
  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) return true;
    if (place_ != Place::kTensor || field_ != 0) return unexpected("a string");
    const auto dtype = dtype_named(value);
    if (!dtype)
      return refuse("the element type " + value.substr(0, 40) + " is not supported", name_, ErrorCode::kUnsupported);
    entries.back().tensor.dtype = *dtype;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || field_ == 0) return unexpected("an array");
    offsets_ = 0;
    return at(field_ == 1 ? Place::kShape : Place::kOffsets);
  }
  bool end_array() override {
    if (place_ == Place::kOffsets && offsets_ != 2) return refuse("data_offsets must be two numbers", name_);
    return at(Place::kTensor);
  }
  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::kShape) {
      auto& shape = entries.back().tensor.shape;
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
          shape.size() >= kMaxDimensions)
        return refuse("the shape is too large", name_);
      shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ != Place::kOffsets) return unexpected("a number");
    if (offsets_ >= 2) return refuse("data_offsets must be two numbers", name_);
    (offsets_++ == 0 ? entries.back().begin : entries.back().end) = value;
    return true;
  }
  bool number_integer(std::int64_t value) override {
    return refuse("the negative number " + std::to_string(value) + " in a shape or offset", name_);
  }
  bool number_float(double, const std::string& text) override {
    return refuse("the number " + text.substr(0, 40) + " is not a 64-bit integer", name_);
  }
  bool null() override { return place_ == Place::kTop && name_ == "__metadata__" ? true : unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  bool at(Place place) {
    place_ = place;
    return true;
  }
  bool unexpected(const char* what) {
    if (place_ == Place::kMetadata)
      return refuse(std::string("__metadata__ must map strings to strings, it holds ") + what);
    return refuse(std::string("the header holds ") + what + " in a place where the format has none", name_);
  }

  Place place_ = Place::kStart;
  std::string name_;
  std::array<bool, 3> seen_{};
  std::size_t field_ = 0;
  int offsets_ = 0;
  bool metadata_seen_ = false;
};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& field, const std::string& message,
                       const std::string& expected = {}, const std::string& found = {}) {
  throw Error(ErrorCode::kBadFile, message,
              {.path = file.string(), .field = field, .expected = expected, .found = found});
}

std::string_view header_of(const MappedFile& map) {
  const auto all = map.bytes();
  if (all.size() < 8)
    fail(map.path(), "", "too short for a safetensors file", "8 bytes of header length", std::to_string(all.size()));
  ask_for(all.first(std::min(all.size(), kUsualHeader)));
  std::uint64_t length = 0;
  std::memcpy(&length, all.data(), sizeof length);
  refuse_stand_in(all, map.path());
  if (length > kMaxHeader)
    fail(map.path(), "", "the header length is absurd; is this a safetensors file?", "at most 100 MB",
         std::to_string(length));
  if (length > all.size() - 8)
    fail(map.path(), "", "the file is truncated inside its header", std::to_string(length) + " bytes of header",
         std::to_string(all.size() - 8));
  if (length > kUsualHeader) ask_for(all.first(8 + length));
  const std::string_view header(reinterpret_cast<const char*>(all.data()) + 8, length);
  if (!header.starts_with('{')) fail(map.path(), "", "the header does not start with '{'; is this a safetensors file?");
  return header;
}

// Checks an entry against its bytes; `position` is where the tensor before it ends.
void check_entry(const std::filesystem::path& file, Entry& entry, std::uint64_t position) {
  TensorInfo& tensor = entry.tensor;
  if (entry.end < entry.begin)
    fail(file, tensor.name, "data_offsets run backwards", "",
         std::to_string(entry.begin) + ".." + std::to_string(entry.end));
  if (entry.begin != position)
    fail(file, tensor.name,
         entry.begin > position ? "there is a hole before this tensor's data" : "its data overlaps another tensor's",
         "offset " + std::to_string(position), std::to_string(entry.begin));
  const auto elements = element_count(tensor.shape);
  std::uint64_t bytes = 0;
  if (!elements || !byte_count(tensor.dtype, *elements, bytes))
    fail(file, tensor.name, "the shape " + shape_text(tensor.shape) + " overflows");
  if (bytes != entry.end - entry.begin)
    fail(file, tensor.name,
         "shape " + shape_text(tensor.shape) + " of " + std::string(info(tensor.dtype).name) +
             " does not fit its data_offsets",
         std::to_string(bytes) + " bytes", std::to_string(entry.end - entry.begin));
  tensor.elements = *elements;
}

class Safetensors final : public TensorFile {
 public:
  explicit Safetensors(std::shared_ptr<const MappedFile> map) : map_(std::move(map)) {
    const std::string_view header = header_of(*map_);
    HeaderReader reader;
    parse_json_sax(header, path(), reader);
    auto& entries = reader.entries;
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    const auto data = map_->bytes().subspan(8 + header.size());
    std::uint64_t position = 0;
    for (Entry& entry : entries) {
      check_entry(path(), entry, position);
      if (entry.end > data.size())
        fail(path(), entry.tensor.name, "the file is truncated inside this tensor",
             std::to_string(entry.end) + " bytes of data", std::to_string(data.size()));
      position = entry.end;
      const std::string name = entry.tensor.name;
      if (!index_.add(std::move(entry.tensor), data.subspan(entry.begin, entry.end - entry.begin)))
        fail(path(), name, "this tensor's name appears twice in the header");
    }
    if (position != data.size())
      fail(path(), "", "there are bytes after the last tensor", std::to_string(position) + " bytes of data",
           std::to_string(data.size()));
  }
  const std::vector<TensorInfo>& tensors() const override { return index_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return index_.find(name); }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override { return index_.bytes(tensor, path()); }
  const std::filesystem::path& path() const override { return map_->path(); }
  std::vector<const MappedFile*> maps() const override { return {map_.get()}; }

 private:
  std::shared_ptr<const MappedFile> map_;
  TensorIndex index_;
};

}  // namespace

std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& file) {
  return std::make_unique<Safetensors>(MappedFile::open(file));
}

}  // namespace deltascape::io
