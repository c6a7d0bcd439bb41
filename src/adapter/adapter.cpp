// Owns matching an adapter's tensors to the base's modules, by the key names PEFT saves.
#include "adapter/adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/hash.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/residency.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Param;
using model::Site;

constexpr std::string_view kPrefix = "base_model.model.";

// What a saved key says of its module: "….q_proj.lora_A.weight" -> {"….q_proj", kA}.
enum class Role { kA, kB, kWeight, kBias };
struct Key {
  std::string module_path;
  Role role;
};

// Suffixes PEFT writes; the adapter's name "default" appears where a state dict was saved by hand.
std::optional<Key> parse_key(std::string_view name) {
  if (!name.starts_with(kPrefix)) return {};
  name.remove_prefix(kPrefix.size());
  constexpr std::pair<std::string_view, Role> kSuffixes[] = {{".lora_A.weight", Role::kA},
                                                             {".lora_A.default.weight", Role::kA},
                                                             {".lora_B.weight", Role::kB},
                                                             {".lora_B.default.weight", Role::kB},
                                                             {".base_layer.bias", Role::kBias},
                                                             {".base_layer.weight", Role::kWeight},
                                                             {".modules_to_save.default.bias", Role::kBias},
                                                             {".modules_to_save.bias", Role::kBias},
                                                             {".modules_to_save.default.weight", Role::kWeight},
                                                             {".modules_to_save.weight", Role::kWeight},
                                                             {".bias", Role::kBias}};
  for (const auto& [suffix, role] : kSuffixes)
    if (name.ends_with(suffix)) {
      // ".lora_B.bias" and the like are other computations, not a bias of the module.
      const auto path = name.substr(0, name.size() - suffix.size());
      if (path.find(".lora_") != std::string_view::npos) return {};
      return Key{std::string(path), role};
    }
  if (name.ends_with(".weight") && name.find(".lora_") == std::string_view::npos)
    return Key{std::string(name.substr(0, name.size() - 7)), Role::kWeight};
  return {};
}

// What the first block reads depends on it.
bool at_start(Module m) { return m == Module::kEmbed || m == Module::kPositions || m == Module::kEmbedNorm; }

bool same_bytes(const io::TensorFile& file, const io::TensorInfo& x, const io::TensorInfo& y) {
  const io::Bytes left = file.bytes(x), right = file.bytes(y);
  return left.size() == right.size() && std::memcmp(left.data(), right.data(), left.size()) == 0;
}

// Positive and negative zeros alone. Stops at the first other value, so a trained tensor costs one piece.
bool all_zero(const io::TensorFile& file, const io::TensorInfo& t) {
  constexpr std::uint64_t kPiece = 1024;
  const io::DTypeInfo& type = io::info(t.dtype);
  const auto bytes = file.bytes(t);
  std::array<float, kPiece> values;
  for (std::uint64_t first = 0; first < t.elements; first += kPiece) {
    const std::uint64_t count = std::min(kPiece, t.elements - first);
    io::decode(t.dtype, bytes.subspan(first / type.block * type.block_bytes, count / type.block * type.block_bytes),
               values.data(), count);
    if (std::any_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                    [](float v) { return v != 0; }))
      return false;
  }
  return true;
}

}  // namespace

bool holds_adapter(const fs::path& path) { return io::exists(path / "adapter_config.json"); }

std::unique_ptr<io::TensorFile> open_adapter_tensors(const fs::path& folder) {
  if (const auto f = folder / "adapter_model.safetensors"; io::exists(f)) return io::open_safetensors(f);
  if (const auto f = folder / "adapter_model.bin"; io::exists(f)) return io::open_torch_pickle(f);
  throw Error(ErrorCode::kNotFound, "no weights beside adapter_config.json",
              {.path = folder.string(), .expected = "adapter_model.safetensors or adapter_model.bin"});
}

std::shared_ptr<const Adapter> Adapter::open(const fs::path& folder, const model::Checkpoint& base) {
  std::shared_ptr<Adapter> a(new Adapter());
  a->folder_ = folder;
  a->config_ = read_peft_config(folder);
  if (!a->config_.refusal.empty())
    throw Error(ErrorCode::kUnsupported, a->config_.refusal, {.path = folder.string(), .field = "adapter_config.json"});
  a->file_ = open_adapter_tensors(folder);
  a->index_tensors(base);
  a->compute_hash();
  a->release();  // the header too
  return a;
}

void Adapter::index_tensors(const model::Checkpoint& base) {
  if (file_->tensors().empty())
    throw Error(ErrorCode::kBadFile, "the adapter holds no tensors", {.path = file_->path().string()});
  for (const io::TensorInfo& t : file_->tensors()) place(t, base);
  find_zero_pairs();
  const int last = base.spec().layer_count();
  first_layer_ = last + 1;
  for (const auto& [site, parts] : parts_) {
    check(site, parts, base);
    if (parts.zero && parts.weight == nullptr && parts.bias == nullptr) continue;
    const int from = at_start(site.module)               ? 0
                     : site.module == Module::kFinalNorm ? last
                     : site.module == Module::kHead      ? last + 1
                                                         : site.layer;
    first_layer_ = std::min(first_layer_, from);
  }
}

void Adapter::place(const io::TensorInfo& t, const model::Checkpoint& base) {
  if (t.name.find(".original_module.") != std::string::npos) return;  // what a saved module replaces
  const auto key = parse_key(t.name);
  const auto site = key ? base.spec().site_of(key->module_path) : std::nullopt;
  if (!key)
    throw Error(ErrorCode::kUnsupported, "a tensor of a kind that is not computed here",
                {.path = file_->path().string(), .field = t.name});
  if (!site || !base.spec().has(site->module) || site->layer >= base.spec().layer_count()) {
    if (site && site->module == Module::kHead) return;  // a tied head: nothing that is read depends on it
    throw Error(ErrorCode::kMismatch, "the base has no such module: is this adapter for another base?",
                {.path = file_->path().string(),
                 .field = t.name,
                 .expected = std::string(base.spec().architecture->model_type) + " with " +
                             std::to_string(base.spec().layer_count()) + " layers"});
  }
  if (site->module == Module::kEmbed && (key->role == Role::kA || key->role == Role::kB))
    throw Error(ErrorCode::kUnsupported, "LoRA on the token embedding is not computed",
                {.path = file_->path().string(), .field = t.name});
  Parts& p = parts_[*site];
  p.transposed = base.spec().transposed(site->module);
  const io::TensorInfo*& slot = key->role == Role::kA        ? p.a
                                : key->role == Role::kB      ? p.b
                                : key->role == Role::kWeight ? p.weight
                                                             : p.bias;
  // PEFT saves the bias of a saved module under two names; both must say the same.
  if (slot != nullptr && slot->dtype == t.dtype && slot->shape == t.shape && same_bytes(*file_, *slot, t)) return;
  if (slot != nullptr)
    throw Error(ErrorCode::kBadFile, "two tensors for one part of a module",
                {.path = file_->path().string(), .field = t.name, .found = slot->name});
  slot = &t;
  if (key->role != Role::kA) return;
  p.scale = config_.scale_of(key->module_path);
  if (!(std::abs(p.scale) <= std::numeric_limits<float>::max()))
    throw Error(ErrorCode::kNumeric, "the scale alpha / r is beyond float32",
                {.path = (folder_ / "adapter_config.json").string(), .field = "lora_alpha"});
  const std::int64_t rank = config_.rank_of(key->module_path);
  if (t.shape.size() != 2 || t.shape[0] != rank)
    throw Error(ErrorCode::kMismatch, "the rank is not the configuration's",
                {.path = file_->path().string(),
                 .field = t.name,
                 .expected = "[" + std::to_string(rank) + ", …]",
                 .found = io::shape_text(t.shape)});
}

// A pair with B = 0 (LoRA as it starts) adds nothing: without it the result is the base's own, to the bit.
void Adapter::find_zero_pairs() {
  for (auto& [site, p] : parts_) {
    if (p.b == nullptr || p.a == nullptr) continue;
    p.zero = all_zero(*file_, *p.b);
  }
}

void Adapter::check(Site site, const Parts& p, const model::Checkpoint& base) const {
  const std::vector<std::int64_t> weight = base.spec().shape(site.module);
  const auto fail = [&](const io::TensorInfo& t, const std::vector<std::int64_t>& expected) {
    throw Error(ErrorCode::kMismatch, "the shape does not fit the base",
                {.path = file_->path().string(),
                 .field = t.name,
                 .expected = io::shape_text(expected),
                 .found = io::shape_text(t.shape)});
  };
  if ((p.a == nullptr) != (p.b == nullptr)) {
    const io::TensorInfo& lone = p.a ? *p.a : *p.b;
    throw Error(ErrorCode::kBadFile, "the other half of this LoRA pair is missing",
                {.path = file_->path().string(), .field = lone.name});
  }
  if (p.a != nullptr) {
    if (weight.size() != 2)
      throw Error(ErrorCode::kUnsupported, "LoRA on a norm", {.path = file_->path().string(), .field = p.a->name});
    if (p.a->shape[1] != weight[1]) fail(*p.a, {p.a->shape[0], weight[1]});
    if (p.b->shape != std::vector<std::int64_t>{weight[0], p.a->shape[0]}) fail(*p.b, {weight[0], p.a->shape[0]});
  }
  const bool grows = site.module == Module::kEmbed || site.module == Module::kHead;  // added vocabulary
  std::vector<std::int64_t> stored = weight;
  if (p.transposed) std::swap(stored[0], stored[1]);
  if (p.weight != nullptr && p.weight->shape != stored &&
      !(grows && p.weight->shape.size() == 2 && p.weight->shape[1] == weight[1]))
    fail(*p.weight, stored);
  if (p.bias != nullptr && p.bias->shape != std::vector<std::int64_t>{weight[0]} && !grows) fail(*p.bias, {weight[0]});
}

void Adapter::compute_hash() {
  Hasher h;
  io::BoundedPass pass(*file_);
  for (const auto& [site, p] : parts_) {
    h.update(std::to_string(model::index(site.module)) + "." + std::to_string(site.layer));
    if (site.expert >= 0) h.update("." + std::to_string(site.expert));
    for (const io::TensorInfo* t : p.all()) {
      h.update(t ? io::shape_text(t->shape).append(io::info(t->dtype).name) : "-");
      if (t != nullptr) pass.read(file_->bytes(*t), [&](io::Bytes bytes) { h.update(bytes); });
    }
    h.update(std::as_bytes(std::span(&p.scale, 1)));
  }
  hash_ = h.hex();
}

std::vector<const io::TensorInfo*> Adapter::tensors_of(int layer) const {
  std::vector<const io::TensorInfo*> out;
  for (const auto& [site, parts] : parts_) {
    if (site.layer != layer) continue;
    for (const io::TensorInfo* t : parts.all())
      if (t != nullptr) out.push_back(t);
  }
  return out;
}

void Adapter::prefetch(int layer) const { io::prefetch(*file_, tensors_of(layer)); }
void Adapter::release(int layer) const { io::release(*file_, tensors_of(layer)); }
void Adapter::release() const { io::release(*file_); }

std::uint64_t Adapter::layer_bytes(int layer) const {
  std::uint64_t n = 0;
  for (const io::TensorInfo* t : tensors_of(layer)) n += file_->bytes(*t).size();
  return n;
}

ModuleOps Adapter::ops(Site site, at::ScalarType dtype) const {
  ModuleOps out;
  const auto it = parts_.find(site);
  if (it == parts_.end()) return out;
  const Parts& p = it->second;
  if (p.a != nullptr && !p.zero)
    out.low_rank.push_back(
        {model::decode_tensor(*file_, *p.a, dtype), model::decode_tensor(*file_, *p.b, dtype), p.scale});
  if (p.weight != nullptr) out.weight = model::decode_tensor(*file_, *p.weight, dtype);
  if (p.weight != nullptr && p.transposed) out.weight = out.weight.t().contiguous();
  if (p.bias != nullptr) out.bias = model::decode_tensor(*file_, *p.bias, dtype);
  return out;
}

bool Adapter::changes_embedding() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return at_start(part.first.module); });
}

std::optional<at::Tensor> Adapter::embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const {
  const auto it = parts_.find(Site{Module::kEmbed});
  if (it == parts_.end() || it->second.weight == nullptr) return {};
  return model::decode_rows(*file_, *it->second.weight, ids, dtype);
}

}  // namespace deltascape::adapter
