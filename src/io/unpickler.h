// Owns a pickle machine that can build tensors, dicts, lists and plain values, and nothing else: no code is looked
// up or run. Opcodes: Python's pickletools.py; persistent ids and rebuild functions: torch/serialization.py, _utils.py.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/byte_reader.h"
#include "io/tensor_file.h"

namespace deltascape::io {

struct PickledStorage {
  std::string key;
  std::optional<DType> dtype;  // empty: untyped, `count` is in bytes
  std::uint64_t count = 0;
};

struct PickledTensor {
  std::size_t storage = 0;  // index into storages()
  DType dtype = DType::kF32;
  std::uint64_t offset = 0;  // in elements, as the strides
  std::vector<std::int64_t> shape, strides;
};

struct PickledValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInt,
    kOther,
    kText,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kTensor
  };
  Kind kind = Kind::kNone;
  std::int64_t payload = 0;  // the number itself, or an index into what the unpickler holds
};

class Unpickler {
 public:
  using Value = PickledValue;
  using Kind = PickledValue::Kind;
  using Items = std::vector<std::pair<Value, Value>>;

  // Both must outlive the unpickler.
  Unpickler(std::span<const std::byte> bytes, const std::filesystem::path& file) : reader_(bytes, file), file_(&file) {}

  // One pickle, up to its STOP; `position` is then behind it.
  Value load();
  std::size_t position() const { return reader_.position(); }

  const std::string& text(Value v) const { return texts_[static_cast<std::size_t>(v.payload)]; }
  const std::vector<Value>& sequence(Value v) const { return sequences_[static_cast<std::size_t>(v.payload)]; }
  const Items& items(Value v) const { return dicts_[static_cast<std::size_t>(v.payload)]; }
  const PickledTensor& tensor(Value v) const { return tensors_[static_cast<std::size_t>(v.payload)]; }
  const std::vector<PickledStorage>& storages() const { return storages_; }

 private:
  [[noreturn]] void fail(const std::string& message) const;
  [[noreturn]] void refuse_opcode(std::uint8_t opcode);
  void step(std::uint8_t opcode);
  bool step_value(std::uint8_t opcode);
  bool step_container(std::uint8_t opcode);
  bool step_memo(std::uint8_t opcode);

  void charge(std::uint64_t bytes);  // of memory that what is made takes
  void push(Value value);
  Value pop();
  Value& top(Kind kind, const char* what);
  std::vector<Value> pop_to_mark();
  void push_text(std::uint64_t length);
  void push_integer(std::uint64_t length);
  void push_tuple(std::vector<Value> values);
  void push_global(const std::string& name);
  void set_items(const std::vector<Value>& flat);
  void reduce();
  void build();
  void resolve_persistent_id();

  Value make_tensor(const std::vector<Value>& arguments, bool typed_by_storage);
  std::vector<std::int64_t> integers(Value tuple, const char* what) const;

  ByteReader reader_;
  const std::filesystem::path* file_;
  std::uint64_t memory_ = 0;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, Value> memo_;
  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> sequences_;
  std::deque<Items> dicts_;
  std::vector<PickledStorage> storages_;
  std::vector<PickledTensor> tensors_;
};

}  // namespace deltascape::io
