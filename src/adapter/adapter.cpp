// Owns matching an adapter's tensors to the base's modules, by the key names PEFT saves.
#include "adapter/adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "adapter/build_ops.h"
#include "adapter/check_parts.h"
#include "adapter/gguf_lora.h"
#include "adapter/kinds.h"
#include "adapter/notes.h"
#include "adapter/targets.h"
#include "core/hash.h"
#include "core/identity.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/residency.h"
#include "model/wrapped_names.h"

namespace deltascape::adapter {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Site;

// What the first block reads depends on it.
bool at_start(Module m) {
  return m == Module::kEmbed || m == Module::kPositions || m == Module::kTokenTypes || m == Module::kEmbedNorm ||
         m == Module::kProjectIn;
}

bool same_bytes(const io::TensorFile& file, const io::TensorInfo& x, const io::TensorInfo& y) {
  const io::Bytes left = file.bytes(x), right = file.bytes(y);
  return left.size() == right.size() && std::memcmp(left.data(), right.data(), left.size()) == 0;
}

// Of an encoder's head for masked tokens, which has several layers.
bool in_head(std::string_view module_path) {
  return std::ranges::any_of(model::hf_prefixes(), [&](std::string_view prefix) {
    return module_path.starts_with(prefix) && module_path.substr(prefix.size()).starts_with("lm_head.");
  });
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

// What a base is called: the last component of a path or a hub id, of the cache's folders the repository's.
std::string name_of(const fs::path& base) {
  std::string name;
  for (const fs::path& part : base) {
    const std::string text = part.string();
    if (text == "snapshots" && name.starts_with("models--")) return name.substr(name.rfind("--") + 2);
    if (!text.empty()) name = text;
  }
  return name.substr(0, name.find('@'));
}

}  // namespace

bool holds_adapter(const fs::path& path) {
  return io::exists(path / "adapter_config.json") || open_gguf_adapter(path) != nullptr;
}

std::unique_ptr<io::TensorFile> open_adapter_tensors(const fs::path& path) {
  if (auto gguf = open_gguf_adapter(path)) return gguf;
  if (const auto f = path / "adapter_model.safetensors"; io::exists(f)) return io::open_safetensors(f);
  if (const auto f = path / "adapter_model.bin"; io::exists(f)) return io::open_torch_pickle(f);
  throw Error(ErrorCode::kNotFound, "no weights beside adapter_config.json",
              {.path = path.string(), .expected = "adapter_model.safetensors or adapter_model.bin"});
}

std::shared_ptr<const Adapter> Adapter::open(const fs::path& path, const model::Checkpoint& base) {
  std::shared_ptr<Adapter> a(new Adapter());
  a->read_headers(path, base);
  a->copy_to_embedding();
  a->find_idle();
  a->find_first_layer();
  a->compute_hash();
  a->release();  // the header too
  return a;
}

std::vector<std::string> Adapter::check(const fs::path& path, const model::Checkpoint& base) {
  Adapter a;
  a.read_headers(path, base);
  return std::move(a.notes_);
}

void Adapter::read_headers(const fs::path& path, const model::Checkpoint& base) try {
  path_ = path;
  base_ = &base;
  config_ = read_peft_config(path);
  require_supported(config_, path);
  file_ = open_adapter_tensors(path);
  if (config_.gguf) check_architecture(dynamic_cast<const io::GgufFile&>(*file_), base.spec());
  else file_ = model::without_wrappers(std::move(file_), notes_);
  for (std::string& note : notes_of(config_, *file_)) notes_.push_back(std::move(note));
  index_tensors(base);
  require_targets(base.spec());
} catch (const Error& e) {
  // What does not fit may be another base's: both names say it at once.
  const std::string here = name_of(base.path());
  if (e.code() != ErrorCode::kMismatch || config_.base.empty() || name_of(config_.base) == here) throw;
  throw Error(e.code(),
              std::string(e.what()) + "; the adapter names the base " + config_.base + ", this one is " + here);
}

// PEFT refuses a configuration that targets nothing of the base; one that targets other modules has no effect.
void Adapter::require_targets(const model::ModelSpec& spec) {
  if (untargeted_.empty()) return;
  notes_.push_back("as PEFT does, " + std::to_string(untargeted_.size()) +
                   " tensors are left out because adapter_config.json does not target their modules: " +
                   untargeted_.front() + (untargeted_.size() > 1 ? ", …" : ""));
  if (!parts_.empty()) return;
  for (const Site& site : spec.sites())
    if (targeted({.module_path = "model." + spec.hf_name(site)}, site, spec)) return;
  throw Error(ErrorCode::kMismatch, "the configuration targets no module of the base",
              {.path = (path_ / "adapter_config.json").string(), .field = "target_modules"});
}

// Under the name in the file, or the one that transformers gives the module today.
bool Adapter::targeted(const Key& key, const std::optional<Site>& site, const model::ModelSpec& spec) const {
  const bool linear = site && site->module != Module::kHead && spec.is_linear(site->module);
  if (config_.targeting.names(key.module_path, linear)) return true;
  if (!site) return false;
  const auto named = [&](const Site& s) {
    const std::string name = spec.hf_name(s);
    return config_.targeting.names("model." + name, linear) ||
           (!in_block(s.module) && config_.targeting.names(name, linear));
  };
  // PEFT adapts both ends where they are tied and it is told to.
  const bool end = site->module == Module::kEmbed || site->module == Module::kHead;
  if (end && config_.ensure_tying && spec.says_tied) return named({Module::kEmbed}) || named({Module::kHead});
  return named(*site);
}

// Whether nothing that is computed depends on a tensor, or PEFT would leave it out; takes note of it.
bool Adapter::left_out(const io::TensorInfo& t, const std::optional<Key>& key, const model::ModelSpec& spec) {
  if (t.name.find(".original_module.") != std::string::npos) return true;  // what a saved module replaces
  if (!part_outside_text(t.name).empty()) {
    unused_ = &t;
    return true;
  }
  if (!key) return false;
  const bool of_target = key->role != Role::kTokens && (key->adapts || key->base_layer);
  const auto site = spec.site_of(key->module_path);
  if (!of_target || !site || targeted(*key, site, spec)) return false;  // no module of the base: place() says so
  untargeted_.push_back(t.name);
  return true;
}

void Adapter::index_tensors(const model::Checkpoint& base) {
  if (file_->tensors().empty())
    throw Error(ErrorCode::kBadFile, "the adapter holds no tensors", {.path = file_->path().string()});
  for (const io::TensorInfo& t : file_->tensors()) place(t, base);
  tie_ends();
  const PartsCheck rules{*file_, base.spec(), config_, vera_a_, vera_b_, tokens_.size(), head_tokens_.size()};
  for (const auto& [site, parts] : parts_) {
    check_parts(rules, parts, site);
    for (const io::TensorInfo* t : parts.tensors)
      if (t != nullptr) layers_[site.layer].push_back(t);
  }
  if (config_.virtual_tokens == 0) return;
  if (virtual_tensor_ == nullptr)
    throw Error(ErrorCode::kBadFile, "the virtual tokens are missing",
                {.path = file_->path().string(), .field = std::string(kVirtualTokensName)});
  virtual_ = adapter::virtual_tokens(config_, *file_, *virtual_tensor_, base.spec());
}

void Adapter::find_first_layer() {
  const int last = base_->spec().layer_count();
  first_layer_ = last + 1;
  for (const auto& [site, parts] : parts_) {
    if (parts.idle && has_no_effect(parts)) continue;
    const bool at_end = site.module == Module::kFinalNorm || site.module == Module::kProjectOut;
    const int from = at_start(site.module)                 ? 0
                     : site.module == Module::kEncoderNorm ? base_->spec().decoder_first()
                     : at_end                              ? last
                     : site.module == Module::kHead        ? last + 1
                                                           : site.layer;
    first_layer_ = std::min(first_layer_, from);
  }
  if (virtual_.any()) first_layer_ = 0;
}

void Adapter::place(const io::TensorInfo& t, const model::Checkpoint& base) {
  const Kind& kind = *config_.kind;
  if (!kind.shared.empty() && t.name.starts_with(kind.shared)) {
    (t.name.starts_with(std::string(kind.shared) + "A") ? vera_a_ : vera_b_) = &t;
    return;
  }
  if (config_.virtual_tokens > 0 && t.name == kVirtualTokensName) {
    virtual_tensor_ = &t;
    return;
  }
  const auto key = parse_key(t.name);
  const auto fused = key && kind.experts ? fused_target(*file_, t, *key, base.spec()) : std::nullopt;
  if (fused) {
    for (const Site site : fused->sites) {
      Parts& p = parts_[site];
      put(t, p[key->role]);
      scale(p, fused->path);
    }
    return;
  }
  if (!config_.gguf && left_out(t, key, base.spec())) return;
  const auto site = !key           ? std::nullopt
                    : config_.gguf ? model::gguf_site_of(*base.spec().architecture, key->module_path)
                                   : base.spec().site_of(key->module_path);
  if (!key || !holds(kind, key->role))
    throw Error(ErrorCode::kUnsupported, "a tensor of a kind that is not supported",
                {.path = file_->path().string(), .field = t.name});
  // A tied head has operators of its own beside the table that it shares.
  const bool tied_head =
      site && site->module == Module::kHead && base.spec().tied_head && base.spec().stacks.back().causal;
  if (tied_head) unused_ = &t;
  if (!site || (!base.spec().has(*site) && !tied_head) || site->layer >= base.spec().layer_count()) {
    if ((site && site->module == Module::kHead) || in_head(key->module_path)) {  // nothing that is read depends on it
      unused_ = &t;
      return;
    }
    if (base.spec().encodes_first() && key->module_path.ends_with("coder.embed_tokens"))
      throw Error(ErrorCode::kUnsupported, "the embedding that encoder and decoder share is not adapted",
                  {.path = file_->path().string(), .field = t.name});
    if (const auto prefix = site ? std::nullopt : model::unknown_prefix(key->module_path))
      throw Error(
          ErrorCode::kMismatch,
          "the module's name begins with '" + *prefix + "', which is not a known part of a model: rename the tensor",
          {.path = file_->path().string(), .field = t.name});
    throw Error(ErrorCode::kMismatch, "the base has no such module: is this adapter for another base?",
                {.path = file_->path().string(),
                 .field = t.name,
                 .expected = std::string(base.spec().architecture->model_type) + " with " +
                             std::to_string(base.spec().layer_count()) + " layers"});
  }
  Parts& p = parts_[*site];
  const io::TensorInfo*& slot = p[key->role];
  // PEFT saves the bias of a saved module under two names; both must say the same.
  if (slot != nullptr && slot->dtype == t.dtype && slot->shape == t.shape && same_bytes(*file_, *slot, t)) return;
  put(t, slot);
  if (key->role == Role::kTokens) {
    const auto* rows = config_.tokens_of(key->module_path);
    if (rows != nullptr) (site->module == Module::kEmbed ? tokens_ : head_tokens_) = *rows;
  }
  if (config_.gguf && (key->role == Role::kB || key->role == Role::kEmbedB)) {
    p.rank = t.shape.empty() ? 0 : t.shape.back();
    p.scale = config_.alpha != 0 && p.rank > 0 ? config_.alpha / static_cast<double>(p.rank) : 1;  // llama.cpp's rule
  }
  if (!key->adapts || config_.rank == 0) return;
  scale(p, key->module_path);
}

void Adapter::put(const io::TensorInfo& t, const io::TensorInfo*& slot) const {
  if (slot != nullptr)
    throw Error(ErrorCode::kBadFile, "two tensors for one part of a module",
                {.path = file_->path().string(), .field = t.name, .found = slot->name});
  slot = &t;
}

void Adapter::scale(Parts& p, const std::string& module_path) const {
  p.rank = config_.rank_of(module_path);
  p.scale = config_.scale_of(module_path);
  if (!(std::abs(p.scale) <= std::numeric_limits<float>::max()))
    throw Error(ErrorCode::kNumeric, "the scale alpha / r is beyond float32",
                {.path = (path_ / "adapter_config.json").string(), .field = "lora_alpha"});
}

// A product with a factor of zeros (LoRA as it starts) adds nothing: without it the result is the base's own, to the
// bit. PiSSA and OLoRA change the base all the same.
void Adapter::find_idle() {
  for (auto& [site, p] : parts_)
    for (const Component& c : config_.kind->tensors)
      p.idle = p.idle || (c.factor && p[c.weight] != nullptr && all_zero(*file_, *p[c.weight]));
}

bool Adapter::has_no_effect(const Parts& p) const {
  if (config_.start != Start::kPlain && p[Role::kA] != nullptr) return false;
  for (const Role role : {Role::kWeight, Role::kBias, Role::kMagnitude, Role::kLoraBias, Role::kTokens})
    if (p[role] != nullptr) return false;
  return true;
}

void Adapter::compute_hash() {
  Identity out("adapter");
  io::BoundedPass pass(*file_);
  const auto add = [&](const std::string& name, const io::TensorInfo* t) {
    if (t == nullptr) return;
    Hasher h;
    h.update(io::info(t->dtype).name).update(io::shape_text(t->shape));
    pass.read(file_->bytes(*t), [&](io::Bytes bytes) { h.update(bytes); });
    out.add(name, h.hex());
  };
  for (const auto& [site, p] : parts_) {
    const std::string module = base_->spec().hf_name(site);
    for (std::size_t role = 0; role < kRoles; ++role)
      add(module + "." + std::string(name_of(static_cast<Role>(role))), p.tensors[role]);
    char scale[40];
    std::snprintf(scale, sizeof scale, "%.17g", p.scale);
    if (p.scale != 1) out.add(module + ".scale", scale);
  }
  add("vera_A", vera_a_);
  add("vera_B", vera_b_);
  add(std::string(kVirtualTokensName), virtual_tensor_);
  out.add("computation", config_.computation());
  hash_ = out.text();
}

std::span<const io::TensorInfo* const> Adapter::tensors_of(int layer) const {
  const auto it = layers_.find(layer);
  return it == layers_.end() ? std::span<const io::TensorInfo* const>() : it->second;
}

void Adapter::prefetch(int layer) const { io::prefetch(*file_, tensors_of(layer)); }
void Adapter::release(int layer) const { io::release(*file_, tensors_of(layer)); }
void Adapter::release() const { io::release(*file_); }

std::uint64_t Adapter::layer_bytes(int layer) const {
  std::uint64_t n = 0;
  for (const io::TensorInfo* t : tensors_of(layer)) n += file_->bytes(*t).size();
  return n;
}

std::uint64_t Adapter::scratch_elements() const {
  std::uint64_t most = 0;
  for (const auto& [site, p] : parts_) {
    std::uint64_t copies = 0;  // of the base's weight
    if (p[Role::kMagnitude] != nullptr) copies = 1;
    if (p[Role::kHada1A] != nullptr) copies = 2;
    if (p[Role::kA] != nullptr && config_.start != Start::kPlain)
      copies = 5;  // the decomposition's factors and workspace
    if (copies == 0) continue;
    std::uint64_t elements = copies;
    for (const std::int64_t n : base_->spec().shape(site.module)) elements *= static_cast<std::uint64_t>(n);
    most = std::max(most, elements);
  }
  return most;
}

ModuleOps Adapter::ops(Site site, at::ScalarType dtype) const {
  auto it = parts_.find(site);
  if (model::of_expert(site.module)) {
    if (site.expert < 0) return {};  // not all of them at once
    if (it == parts_.end()) it = parts_.find(Site{site.module, site.layer});
  }
  ModuleOps out = it == parts_.end() ? ModuleOps() : build_ops(source(dtype), it->second, site);
  if (site.module == Module::kEmbed || site.module == Module::kHead) out.rows = changed_rows(site, dtype);
  if (site.module == Module::kHead) follow_embedding(out, dtype);
  return out;
}

bool Adapter::changes_embedding() const {
  return virtual_.any() || std::ranges::any_of(parts_, [](const auto& part) { return at_start(part.first.module); });
}

at::Tensor Adapter::virtual_rows(at::ScalarType dtype) const {
  return model::decode_tensor(*file_, *virtual_tensor_, dtype);
}

std::optional<Prefix> Adapter::prefix(int layer, at::ScalarType dtype) const {
  if (virtual_.keys == 0) return {};
  return read_prefix(*file_, *virtual_tensor_, base_->spec(), layer, dtype);
}

std::vector<Site> Adapter::lora_sites() const {
  const auto refuse = [&](const std::string& what, const std::string& field) {
    throw Error(ErrorCode::kUnsupported, what + " cannot be converted",
                {.path = file_->path().string(), .field = field});
  };
  if (config_.kind->gguf.empty()) refuse("an adapter of type " + config_.peft_type, "peft_type");
  if (config_.dora) refuse("DoRA", "use_dora");
  if (ends_tied_) refuse("an adapter whose head follows its token embedding", "ensure_weight_tying");
  if (config_.start != Start::kPlain) refuse("an adapter that changes the base's weights", "init_lora_weights");
  if (unused_ != nullptr) {
    const auto key = parse_key(unused_->name);
    const auto site = key ? base_->spec().site_of(key->module_path) : std::nullopt;
    refuse(site && site->module == Module::kHead ? "a part of the head, which is the token embedding's own here,"
                                                 : "a part of a task head, which the language model does not have,",
           unused_->name);
  }
  std::vector<Site> out;
  for (const auto& [site, parts] : parts_) {
    // PEFT keeps a copy of a token embedding, and of a head, beside a pair on it.
    const io::TensorInfo* own = parts[Role::kWeight];
    const bool copy =
        own != nullptr && (parts[Role::kEmbedA] != nullptr || parts[Role::kA] != nullptr) && is_copy(site);
    if (copy && !is_the_bases(*own, site.module)) refuse("a replaced embedding table under a LoRA pair,", own->name);
    for (std::size_t i = 0; i < kRoles; ++i) {
      const auto role = static_cast<Role>(i);
      const bool pair = role == Role::kA || role == Role::kB || role == Role::kEmbedA || role == Role::kEmbedB;
      const io::TensorInfo* t = parts[role];
      if (t != nullptr && !pair && !(copy && t == own)) refuse("a part that is not a LoRA pair", t->name);
    }
    out.push_back(site);
  }
  if (out.empty()) refuse("an adapter without pairs of LoRA", file_->tensors().front().name);
  return out;
}

LowRank Adapter::lora(Site site) const { return lora_pair(source(at::kFloat), parts_.at(site), site); }

io::DType Adapter::dtype() const {
  const io::DType first = file_->tensors().front().dtype;
  const bool same = std::ranges::all_of(file_->tensors(), [&](const io::TensorInfo& t) { return t.dtype == first; });
  return same ? first : io::DType::kF32;
}

std::optional<at::Tensor> Adapter::embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const {
  const auto it = parts_.find(Site{Module::kEmbed});
  if (it == parts_.end() || (it->second.idle && has_no_effect(it->second))) return {};
  return build_rows(source(dtype), it->second, tokens_, ids);
}

}  // namespace deltascape::adapter
