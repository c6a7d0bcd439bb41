// Owns opening models and handing out their weights in one convention.
#include "model/checkpoint.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <ranges>

#include "core/hash.h"
#include "core/identity.h"
#include "core/machine.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/stand_in.h"
#include "model/gguf_rows.h"
#include "model/no_model.h"
#include "model/rearranged_file.h"
#include "model/tied_tables.h"
#include "model/wrapped_names.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kWindow = 4096;
constexpr std::size_t kWindows = 64;
constexpr std::string_view kNoPrefix[] = {""};

std::unique_ptr<io::TensorFile> open_weights(const fs::path& folder) {
  // In transformers' order: a single file wins over an index that an earlier save left behind.
  if (const auto f = folder / "model.safetensors"; io::exists(f)) return io::open_safetensors(f);
  if (const auto f = folder / "model.safetensors.index.json"; io::exists(f)) return io::open_sharded(f);
  if (const auto f = folder / "pytorch_model.bin"; io::exists(f)) return io::open_torch_pickle(f);
  if (const auto f = folder / "pytorch_model.bin.index.json"; io::exists(f)) return io::open_sharded(f);
  throw Error(
      ErrorCode::kNotFound, "no weights beside config.json",
      {.path = folder.string(), .expected = "model.safetensors, pytorch_model.bin, or an index of shards of these"});
}

// Runs part(bytes, first element, elements) over all of a tensor in parallel. When one of them says that it met NaN or
// Inf, throws the Error of the first.
template <class Part>
void for_finite_parts(const io::TensorFile& file, const io::TensorInfo& t, Part&& part) {
  const io::DTypeInfo& type = io::info(t.dtype);
  const auto bytes = file.bytes(t);
  const auto blocks = static_cast<std::int64_t>(t.elements / type.block);
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / type.block);
  std::atomic<bool> finite{true};
  at::parallel_for(0, blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::uint64_t>(begin), count = static_cast<std::uint64_t>(end - begin);
    if (!part(bytes.subspan(first * type.block_bytes, count * type.block_bytes), first * type.block,
              count * type.block))
      finite = false;
  });
  if (!finite) io::check_finite(file, t);
}

// Calls use(pointer to the elements as io::decode_finite writes them).
template <class Use>
decltype(auto) with_elements(const at::Tensor& t, Use&& use) {
  if (t.scalar_type() == at::kDouble) return use(t.data_ptr<double>());
  if (t.scalar_type() == at::kBFloat16) return use(reinterpret_cast<io::BFloat16*>(t.data_ptr<at::BFloat16>()));
  return use(t.data_ptr<float>());
}

at::Tensor place_for(const io::TensorInfo& t, at::ScalarType dtype, const at::Tensor& buffer) {
  const auto elements = static_cast<std::int64_t>(t.elements);
  if (!buffer.defined() || buffer.scalar_type() != dtype || !buffer.is_contiguous() || buffer.numel() < elements)
    return at::empty(t.shape, at::TensorOptions(dtype));
  return buffer.view(-1).narrow(0, 0, elements).view(t.shape);
}

// The file's type whose bytes are a tensor's elements.
bool same_type(io::DType file, at::ScalarType dtype) {
  return (file == io::DType::kBF16 && dtype == at::kBFloat16) || (file == io::DType::kF32 && dtype == at::kFloat) ||
         (file == io::DType::kF64 && dtype == at::kDouble);
}

}  // namespace

at::Tensor decode_tensor(const io::TensorFile& file, const io::TensorInfo& t, at::ScalarType dtype,
                         const at::Tensor& buffer) {
  at::Tensor out = place_for(t, dtype, buffer);
  with_elements(out, [&](auto* to) {
    for_finite_parts(file, t, [&](auto bytes, std::uint64_t first, std::uint64_t count) {
      return io::decode_finite(t.dtype, bytes, to + first, count);
    });
  });
  return out;
}

at::Tensor decode_rows(const io::TensorFile& file, const io::TensorInfo& t, std::span<const std::int64_t> ids,
                       at::ScalarType dtype) {
  const auto rows = static_cast<std::uint64_t>(t.shape[0]), width = static_cast<std::uint64_t>(t.shape[1]);
  const io::DTypeInfo& type = io::info(t.dtype);
  const std::uint64_t row_bytes = width / type.block * type.block_bytes;
  const auto bytes = file.bytes(t);
  at::Tensor out = at::empty({static_cast<std::int64_t>(ids.size()), t.shape[1]}, at::TensorOptions(dtype));
  std::vector<io::Bytes> used;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::uint64_t>(ids[i]) >= rows)
      throw Error(ErrorCode::kMismatch, "the tokenizer has a token id beyond the token embedding",
                  {.path = file.path().string(),
                   .field = t.name,
                   .expected = "ids below " + std::to_string(rows),
                   .found = std::to_string(ids[i])});
    used.push_back(bytes.subspan(static_cast<std::uint64_t>(ids[i]) * row_bytes, row_bytes));
  }
  with_elements(out, [&](auto* to) {
    io::BoundedPass(file).read_scattered(used, [&](io::Bytes row) {
      if (!io::decode_finite(t.dtype, row, to, width))
        throw Error(ErrorCode::kNumeric, "NaN or Inf in a row that is used",
                    {.path = file.path().string(), .field = t.name});
      to += width;
    });
  });
  return out;
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& given) {
  const fs::path path = io::single_gguf(given);
  std::shared_ptr<Checkpoint> c(new Checkpoint());
  c->path_ = path;
  if (io::is_directory(path)) {
    const fs::path config = path / "config.json";
    if (!io::exists(config)) refuse_folder(path);
    c->spec_ = spec_from_config(io::read_json(config), config);
    c->file_ = without_wrappers(open_weights(path), c->notes_);
  } else if (io::is_gguf(path)) {
    auto gguf = io::GgufFile::open(path);
    c->spec_ = spec_from_gguf(*gguf);
    c->gguf_ = gguf.get();
    c->file_ = std::move(gguf);
  } else {
    refuse_file(path);
  }
  c->file_ = rearranged(std::move(c->file_), c->spec_, c->gguf_ != nullptr);
  if (c->gguf_ == nullptr && c->spec_.tied_head) c->compare_heads();
  c->index_tensors();
  for (const auto& [key, t] : c->tensors_)  // experts are read and released one by one
    if (key.first.expert < 0) c->blocks_[key.first.layer].push_back(t);
  if (c->bytes() > available_memory() / 2) c->after_ = io::PageCache::kDrop;
  return c;
}

namespace {

// The norms of a variant's blocks are found by the base's.
bool same_norms(const ModelSpec& a, const ModelSpec& b) {
  for (std::size_t m = 0; m < kBlockModules; ++m) {
    const Module module = module_at(m);
    if (a.has(module) != b.has(module) && !a.is_linear(module) && !is_table(module)) return false;
  }
  return true;
}

}  // namespace

std::optional<Error> misfit(const Checkpoint& variant, const Checkpoint& base) {
  const auto size = [](const ModelSpec& spec) {
    std::string out;  // an encoder's layers and its decoder's apart
    for (const StackSpec& s : spec.stacks) out += (out.empty() ? "" : " + ") + std::to_string(s.layers);
    out += " layers of width " + std::to_string(spec.hidden);
    if (spec.embed_width != spec.hidden) out += " with embeddings of " + std::to_string(spec.embed_width);
    return out;
  };
  const std::string expected = size(base.spec()), found = size(variant.spec());
  const Architecture &of_base = *base.spec().architecture, &own = *variant.spec().architecture;
  if (expected == found && own.stacks == of_base.stacks && variant.spec().final_norm == base.spec().final_norm &&
      same_norms(variant.spec(), base.spec()))
    return std::nullopt;
  return Error(ErrorCode::kMismatch, "this model is not a finetune of the base",
               {.path = variant.path().string(),
                .expected = std::string(of_base.model_type) + ", " + expected,
                .found = std::string(own.model_type) + ", " + found});
}

// What the configuration calls one table may be two in the file: each is then used as it is, as transformers does.
void Checkpoint::compare_heads() {
  const TiedTables tables = find_tied_tables(*file_, spec_);
  if (tables.embedding == nullptr || tables.head == nullptr || same_values(*file_, *tables.embedding, *tables.head))
    return;
  spec_.tied_head = false;
  // T5 v1.1 says so itself, by a flag that means something else in transformers.
  const io::Json config = io::read_json(path_ / "config.json");
  if (!io::JsonFields(config, path_).boolean("tie_word_embeddings").value_or(true)) return;
  notes_.push_back("tie_word_embeddings says that the head is the token embedding, but the file holds a " +
                   tables.head->name + " of its own: that is used");
}

void Checkpoint::index_tensors() {
  for (const Site& site : spec_.sites()) {
    require(site, Param::kWeight);
    if (spec_.has_bias(site.module)) require(site, Param::kBias);
  }
}

namespace {

std::string suffix_of(Module module, Param param) {
  if (param == Param::kBias) return ".bias";
  return is_bare(module) ? "" : ".weight";
}

}  // namespace

// Under any of the names and published prefixes; `name` becomes what is missing otherwise.
const io::TensorInfo* Checkpoint::find(Site site, Param param, std::string& name) const {
  const std::string suffix = suffix_of(site.module, param);
  const std::string old = param == Param::kWeight ? ".gamma" : ".beta";  // of LayerNorms, as TensorFlow named them
  const auto names = gguf_ != nullptr ? gguf_names(*spec_.architecture, site) : spec_.hf_names(site);
  for (const std::string& bare : names)
    for (const std::string_view prefix : gguf_ != nullptr ? kNoPrefix : hf_prefixes()) {
      const std::string candidate = std::string(prefix) + bare;
      if (name.empty()) name = candidate + suffix;
      if (const io::TensorInfo* found = file_->find(candidate + suffix)) return found;
      if (const io::TensorInfo* found = gguf_ == nullptr ? file_->find(candidate + old) : nullptr) return found;
    }
  if (gguf_ != nullptr || param != Param::kWeight) return nullptr;
  // A table of two names may be stored under the head's alone.
  if (site.module == Module::kEmbed && spec_.tied_head) return find_tied_tables(*file_, spec_).embedding;
  return site.module == Module::kHead ? find_tied_tables(*file_, spec_).head : nullptr;
}

// Finds a tensor and checks its shape.
void Checkpoint::require(Site site, Param param) {
  std::string name;
  const io::TensorInfo* found = find(site, param, name);
  if (found == nullptr) {
    if (site.module == Module::kHead) return;  // checkpoints of the body alone; nothing that is computed needs it
    throw Error(ErrorCode::kBadFile, "missing tensor", {.path = path_.string(), .field = name});
  }
  if (!is_real(found->dtype))  // quantised weights whose scales lie in other tensors
    throw Error(ErrorCode::kUnsupported, "weights of this type are not supported: give the model in BF16, F16 or F32",
                {.path = path_.string(), .field = found->name, .found = std::string(io::info(found->dtype).name)});
  require_shape(site, param, *found);
  tensors_.emplace(std::pair(site, param), found);
}

void Checkpoint::require_shape(Site site, Param param, const io::TensorInfo& found) const {
  std::vector<std::int64_t> expected = spec_.stored_shape(site.module);
  if (const FusedName* columns = columns_of(site, param)) {
    expected = {expected[1], columns->parts * expected[0]};
    if (param == Param::kBias) expected.erase(expected.begin());
  } else if (param == Param::kBias) expected.resize(1);
  else if (gguf_ == nullptr && spec_.transposed(site.module)) std::swap(expected[0], expected[1]);
  else if (gguf_ != nullptr && site.module == Module::kSharedScore && found.shape.size() == 1)
    expected.erase(expected.begin());
  if (found.shape == expected) return;
  const bool table = site.module == Module::kEmbed || site.module == Module::kHead;
  if (table && gguf_ == nullptr && found.shape.size() == 2 && found.shape[1] == expected[1])
    throw Error(ErrorCode::kMismatch,
                "vocab_size is not the number of rows in the file: one of them is another model's",
                {.path = (path_ / "config.json").string(),
                 .field = "vocab_size",
                 .expected = std::to_string(found.shape[0]) + ", the rows of " + found.name,
                 .found = std::to_string(spec_.vocabulary)});
  throw Error(ErrorCode::kMismatch, "tensor does not fit the configuration",
              {.path = path_.string(),
               .field = found.name,
               .expected = io::shape_text(expected),
               .found = io::shape_text(found.shape)});
}

const io::TensorInfo& Checkpoint::tensor(Site site, Param param) const {
  const auto it = tensors_.find({site, param});
  if (it == tensors_.end())
    throw Error(ErrorCode::kNotFound, "the model has no such tensor",
                {.path = path_.string(), .field = spec_.hf_name(site)});
  return *it->second;
}

const FusedName* Checkpoint::columns_of(Site site, Param param) const {
  const auto here = [&](const FusedName& f) { return f.columns && f.module == site.module && f.param == param; };
  const auto found = std::ranges::find_if(spec_.architecture->fused, here);
  return gguf_ != nullptr || found == spec_.architecture->fused.end() ? nullptr : &*found;
}

namespace {

// One part of several that a tensor's last dimension holds, as rows.
at::Tensor part_of(const at::Tensor& all, const FusedName& columns) {
  const std::int64_t width = all.size(-1) / columns.parts;
  const at::Tensor part = columns.interleaved ? all.unflatten(-1, {width, columns.parts}).select(-1, columns.part)
                                              : all.narrow(-1, columns.part * width, width);
  return (part.dim() == 2 ? part.t() : part).contiguous();
}

}  // namespace

Checkpoint::Convention Checkpoint::convention(Site site, Param param) const {
  if (columns_of(site, param) != nullptr) return Convention::kColumns;
  if (param == Param::kWeight && tensor(site, param).shape.size() != spec_.shape(site.module).size())
    return Convention::kReshaped;
  if (gguf_ == nullptr)
    return param == Param::kWeight && spec_.transposed(site.module) ? Convention::kTransposed : Convention::kSame;
  const Architecture& a = *spec_.architecture;
  if (gguf_permutes(a, site.module)) return Convention::kReordered;
  const bool norm = tensor(site, param).shape.size() == 1 && param == Param::kWeight && a.norm_plus_one;
  return norm ? Convention::kMinusOne : Convention::kSame;  // llama.cpp stores Gemma's norms with the one added
}

at::Tensor Checkpoint::load(Site site, Param param, at::ScalarType dtype, const at::Tensor& buffer) const {
  const io::TensorInfo& t = tensor(site, param);
  switch (convention(site, param)) {
    case Convention::kSame: break;
    case Convention::kReshaped: return decode_tensor(*file_, t, dtype).view(spec_.shape(site.module));
    case Convention::kColumns: return part_of(decode_tensor(*file_, t, dtype), *columns_of(site, param));
    case Convention::kTransposed: return decode_tensor(*file_, t, dtype).t().contiguous();
    case Convention::kReordered: return rows_from_gguf(spec_, site.module, decode_tensor(*file_, t, dtype));
    case Convention::kMinusOne:  // before it is rounded
      return decode_tensor(*file_, t, dtype == at::kBFloat16 ? at::kFloat : dtype).sub_(1).to(dtype);
  }
  return decode_tensor(*file_, t, dtype, buffer);
}

bool Checkpoint::can_view(Site site, Param param, at::ScalarType dtype) const {
  const io::TensorInfo& t = tensor(site, param);
  const auto address = reinterpret_cast<std::uintptr_t>(file_->bytes(t).data());
  return t.elements > 0 && same_type(t.dtype, dtype) && convention(site, param) == Convention::kSame &&
         address % c10::elementSize(dtype) == 0;
}

at::Tensor Checkpoint::view(Site site, Param param, at::ScalarType dtype, const at::Tensor& buffer) const {
  if (!can_view(site, param, dtype)) return load(site, param, dtype, buffer);
  const io::TensorInfo& t = tensor(site, param);
  for_finite_parts(
      *file_, t, [&](auto bytes, std::uint64_t, std::uint64_t count) { return io::is_finite(t.dtype, bytes, count); });
  return at::from_blob(
      const_cast<std::byte*>(file_->bytes(t).data()), t.shape, [file = file_](void*) {}, at::TensorOptions(dtype));
}

std::span<const io::TensorInfo* const> Checkpoint::block(int layer) const {
  const auto it = layer < 0 ? blocks_.end() : blocks_.find(layer);
  if (it == blocks_.end())
    throw Error(ErrorCode::kInternal, "no such layer", {.path = path_.string(), .found = std::to_string(layer)});
  return it->second;
}

void Checkpoint::prefetch(int layer) const { io::prefetch(*file_, block(layer)); }
void Checkpoint::release(int layer) const { io::release(*file_, block(layer), after_); }
void Checkpoint::release() const { io::release(*file_, after_); }

void Checkpoint::release(Site site, Param param) const {
  const io::TensorInfo* const one = &tensor(site, param);
  io::release(*file_, std::span(&one, 1), after_);
}

std::uint64_t Checkpoint::layer_bytes(int layer) const {
  std::uint64_t n = 0;
  for (const io::TensorInfo* t : block(layer)) n += file_->bytes(*t).size();
  return n;
}

at::Tensor Checkpoint::rows(Module module, std::span<const std::int64_t> ids, at::ScalarType dtype) const {
  return decode_rows(*file_, tensor({module}, Param::kWeight), ids, dtype);
}

std::unique_ptr<text::Tokenizer> Checkpoint::tokenizer() const {
  return gguf_ != nullptr ? text::load_tokenizer(*gguf_) : text::load_tokenizer(path_);
}

std::string Checkpoint::hash(bool whole) const {
  Identity out(whole ? "checkpoint" : "base");
  out.add("config", spec_.fingerprint());
  io::BoundedPass pass(*file_, whole ? after_ : io::PageCache::kKeep);
  for (const auto& [key, t] : tensors_) {
    Hasher h;
    const auto update = [&](io::Bytes bytes) { h.update(bytes); };
    h.update(io::info(t->dtype).name).update(io::shape_text(t->shape));
    const auto bytes = file_->bytes(*t);
    if (whole || bytes.size() <= kWindow * kWindows) {
      pass.read(bytes, update);
    } else {
      std::array<io::Bytes, kWindows> windows;
      for (std::size_t w = 0; w < kWindows; ++w)
        windows[w] = bytes.subspan((bytes.size() - kWindow) / (kWindows - 1) * w, kWindow);
      pass.read_scattered(windows, update);
    }
    out.add(spec_.hf_name(key.first) + suffix_of(key.first.module, key.second), h.hex());
  }
  return out.text();
}

std::string Checkpoint::identity() const { return hash(false); }
std::string Checkpoint::content_hash() const { return hash(true); }

std::uint64_t Checkpoint::parameters() const {
  std::uint64_t n = 0;
  for (const auto& [key, t] : tensors_) n += own_share(key, t->elements);
  return n;
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t n = 0;
  for (const auto& [key, t] : tensors_) n += own_share(key, file_->bytes(*t).size());
  return n;
}

std::uint64_t Checkpoint::own_share(const std::pair<Site, Param>& key, std::uint64_t whole) const {
  const FusedName* columns = columns_of(key.first, key.second);
  return columns != nullptr ? whole / static_cast<std::uint64_t>(columns->parts) : whole;
}

std::string Checkpoint::dtypes() const {
  std::map<std::string_view, std::uint64_t> sizes;
  for (const auto& [key, t] : tensors_) sizes[io::info(t->dtype).name] += own_share(key, t->elements);
  std::vector<std::pair<std::uint64_t, std::string_view>> order;
  for (const auto& [name, n] : sizes) order.emplace_back(n, name);
  std::sort(order.rbegin(), order.rend());
  return listed(std::views::values(order), "+");
}

}  // namespace deltascape::model
