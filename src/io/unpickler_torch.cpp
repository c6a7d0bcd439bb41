// Owns the globals a torch checkpoint may name, and what "calling" each of them gives: data, never a call.
#include <algorithm>
#include <array>

#include "deltascape/error.h"
#include "io/unpickler.h"

namespace deltascape::io {
namespace {

enum class Role { kOrderedDict, kTensorV2, kTensorV3, kParameter, kSize, kStorage, kUntyped, kElementType };

struct Allowed {
  std::string_view name;
  Role role;
  DType dtype = DType::kF32;
};

constexpr std::array<Allowed, 36> kAllowed = {{
    {"collections.OrderedDict", Role::kOrderedDict},
    {"torch._utils._rebuild_tensor_v2", Role::kTensorV2},
    {"torch._utils._rebuild_tensor_v3", Role::kTensorV3},
    {"torch._utils._rebuild_parameter", Role::kParameter},
    {"torch.Size", Role::kSize},
    {"torch.DoubleStorage", Role::kStorage, DType::kF64},
    {"torch.FloatStorage", Role::kStorage, DType::kF32},
    {"torch.HalfStorage", Role::kStorage, DType::kF16},
    {"torch.BFloat16Storage", Role::kStorage, DType::kBF16},
    {"torch.LongStorage", Role::kStorage, DType::kI64},
    {"torch.IntStorage", Role::kStorage, DType::kI32},
    {"torch.ShortStorage", Role::kStorage, DType::kI16},
    {"torch.CharStorage", Role::kStorage, DType::kI8},
    {"torch.ByteStorage", Role::kStorage, DType::kU8},
    {"torch.BoolStorage", Role::kStorage, DType::kBool},
    {"torch.UntypedStorage", Role::kUntyped},
    {"torch.storage.UntypedStorage", Role::kUntyped},
    {"torch.storage._UntypedStorage", Role::kUntyped},
    {"torch.float64", Role::kElementType, DType::kF64},
    {"torch.float32", Role::kElementType, DType::kF32},
    {"torch.float16", Role::kElementType, DType::kF16},
    {"torch.bfloat16", Role::kElementType, DType::kBF16},
    {"torch.float8_e4m3fn", Role::kElementType, DType::kF8E4M3},
    {"torch.float8_e5m2", Role::kElementType, DType::kF8E5M2},
    {"torch.int64", Role::kElementType, DType::kI64},
    {"torch.int32", Role::kElementType, DType::kI32},
    {"torch.int16", Role::kElementType, DType::kI16},
    {"torch.int8", Role::kElementType, DType::kI8},
    {"torch.uint64", Role::kElementType, DType::kU64},
    {"torch.uint32", Role::kElementType, DType::kU32},
    {"torch.uint16", Role::kElementType, DType::kU16},
    {"torch.uint8", Role::kElementType, DType::kU8},
    {"torch.bool", Role::kElementType, DType::kBool},
    {"torch.double", Role::kElementType, DType::kF64},
    {"torch.float", Role::kElementType, DType::kF32},
    {"torch.half", Role::kElementType, DType::kF16},
}};

const Allowed& allowed(PickledValue global) { return kAllowed[static_cast<std::size_t>(global.payload)]; }

}  // namespace

void Unpickler::push_global(const std::string& name) {
  const auto found = std::find_if(kAllowed.begin(), kAllowed.end(), [&](const Allowed& a) { return a.name == name; });
  if (found == kAllowed.end())
    throw Error(ErrorCode::kBadFile,
                "its pickle names the global " + one_line(name, 80) +
                    ", which is refused: only tensors are read. Save a plain state dict, best as safetensors",
                {.path = file_->string(), .field = {}, .expected = {}, .found = {}});
  push({Kind::kGlobal, found - kAllowed.begin()});
}

void Unpickler::reduce() {
  const Value arguments = pop(), callee = pop();
  if (arguments.kind != Kind::kTuple) fail("arguments that are no tuple");
  if (callee.kind != Kind::kGlobal) fail("a call of something that is not a function");
  const auto& given = sequence(arguments);
  switch (allowed(callee).role) {
    case Role::kOrderedDict:
      if (!given.empty()) fail("an OrderedDict made from arguments");
      charge(64);
      dicts_.emplace_back();
      return push({Kind::kDict, static_cast<std::int64_t>(dicts_.size()) - 1});
    case Role::kTensorV2: return push(make_tensor(given, true));
    case Role::kTensorV3: return push(make_tensor(given, false));
    case Role::kParameter:
      if (given.empty() || given[0].kind != Kind::kTensor) fail("a parameter that is not a tensor");
      return push(given[0]);
    case Role::kSize: return push({Kind::kOther, 0});
    default: fail("a call of " + std::string(allowed(callee).name) + ", which is refused");
  }
}

// State set on a dict is the `_metadata` of a module's state dict: versions of modules, of no use here.
void Unpickler::build() {
  pop();
  top(Kind::kDict, "a dict that is given state");
}

// ("storage", torch.FloatStorage, "0", "cpu", count[, None])
void Unpickler::resolve_persistent_id() {
  const Value id = pop();
  if (id.kind != Kind::kTuple) fail("a persistent id that is not a tuple");
  const auto& parts = sequence(id);
  if (parts.size() < 5 || parts.size() > 6 || parts[0].kind != Kind::kText || text(parts[0]) != "storage" ||
      parts[1].kind != Kind::kGlobal || parts[2].kind != Kind::kText || parts[4].kind != Kind::kInt ||
      parts[4].payload < 0)
    fail("a persistent id that names no storage");
  if (parts.size() == 6 && parts[5].kind != Kind::kNone) fail("a storage that is a view of another is not supported");
  const Allowed& type = allowed(parts[1]);
  if (type.role != Role::kStorage && type.role != Role::kUntyped) fail("a persistent id with no storage type");
  charge(sizeof(PickledStorage) + text(parts[2]).size());
  storages_.push_back({text(parts[2]), type.role == Role::kStorage ? std::optional(type.dtype) : std::nullopt,
                       static_cast<std::uint64_t>(parts[4].payload)});
  push({Kind::kStorage, static_cast<std::int64_t>(storages_.size()) - 1});
}

// v2: (storage, offset, size, stride, requires_grad, hooks[, metadata]); v3 has the element type before metadata.
Unpickler::Value Unpickler::make_tensor(const std::vector<Value>& arguments, bool typed_by_storage) {
  const std::size_t least = typed_by_storage ? 6 : 7;
  if (arguments.size() < least || arguments.size() > least + 1 || arguments[0].kind != Kind::kStorage ||
      arguments[1].kind != Kind::kInt || arguments[1].payload < 0)
    fail("a tensor with impossible arguments");
  PickledTensor made;
  made.storage = static_cast<std::size_t>(arguments[0].payload);
  made.offset = static_cast<std::uint64_t>(arguments[1].payload);
  made.shape = integers(arguments[2], "a shape");
  made.strides = integers(arguments[3], "strides");
  if (made.shape.size() != made.strides.size()) fail("a tensor whose shape and strides differ in length");
  const auto& storage_type = storages_[made.storage].dtype;
  if (typed_by_storage) {
    if (!storage_type) fail("a tensor of an untyped storage without an element type");
    made.dtype = *storage_type;
  } else {
    if (arguments[6].kind != Kind::kGlobal || allowed(arguments[6]).role != Role::kElementType)
      fail("a tensor without an element type");
    made.dtype = allowed(arguments[6]).dtype;
  }
  charge(2 * sizeof(PickledTensor) + 16 * made.shape.size());
  tensors_.push_back(std::move(made));
  return {Kind::kTensor, static_cast<std::int64_t>(tensors_.size()) - 1};
}

std::vector<std::int64_t> Unpickler::integers(Value tuple, const char* what) const {
  constexpr std::size_t kMaxDimensions = 64;
  if (tuple.kind != Kind::kTuple || sequence(tuple).size() > kMaxDimensions)
    fail(std::string(what) + " is not a short tuple");
  std::vector<std::int64_t> out;
  for (const Value& one : sequence(tuple)) {
    if (one.kind != Kind::kInt || one.payload < 0) fail(std::string(what) + " with something else than sizes");
    out.push_back(one.payload);
  }
  return out;
}

}  // namespace deltascape::io
