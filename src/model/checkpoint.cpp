// Owns opening models and handing out their weights in one convention.
#include "model/checkpoint.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/hash.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kWindow = 4096;
constexpr std::size_t kWindows = 64;

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

// A folder without config.json that holds one GGUF file is that file's model; anything else is itself.
fs::path single_gguf(const fs::path& path) {
  if (!io::is_directory(path) || io::exists(path / "config.json")) return path;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  if (found.size() > 1)
    throw Error(ErrorCode::kUsage, "the folder holds several GGUF files: name one of them", {.path = path.string()});
  return found.empty() ? path : found.front();
}

// llama.cpp stores rows of q and k pairwise: [heads, dim/2, 2] where transformers has [heads, 2, dim/2].
at::Tensor unpermute(const at::Tensor& w, std::int64_t heads) {
  const std::int64_t rows = w.size(0);
  return w.reshape({heads, rows / heads / 2, 2, -1}).transpose(1, 2).reshape(w.sizes()).contiguous();
}

template <class T>
void decode_parallel(const io::TensorInfo& t, std::span<const std::byte> bytes, T* out) {
  const io::DTypeInfo& type = io::info(t.dtype);
  const auto blocks = static_cast<std::int64_t>(t.elements / type.block);
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / type.block);
  at::parallel_for(0, blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::uint64_t>(begin), count = static_cast<std::uint64_t>(end - begin);
    io::decode(t.dtype, bytes.subspan(first * type.block_bytes, count * type.block_bytes), out + first * type.block,
               count * type.block);
  });
}

}  // namespace

at::Tensor decode_tensor(const io::TensorFile& file, const io::TensorInfo& t, at::ScalarType dtype) {
  io::check_finite(file, t);
  at::Tensor out = at::empty(t.shape, at::TensorOptions(dtype));
  const auto bytes = file.bytes(t);
  if (dtype == at::kDouble) decode_parallel(t, bytes, out.data_ptr<double>());
  else decode_parallel(t, bytes, out.data_ptr<float>());
  return out;
}

at::Tensor decode_rows(const io::TensorFile& file, const io::TensorInfo& t, std::span<const std::int64_t> ids,
                       at::ScalarType dtype) {
  const auto rows = static_cast<std::uint64_t>(t.shape[0]), width = static_cast<std::uint64_t>(t.shape[1]);
  const io::DTypeInfo& type = io::info(t.dtype);
  const std::uint64_t row_bytes = width / type.block * type.block_bytes;
  const auto bytes = file.bytes(t);
  at::Tensor out = at::empty({static_cast<std::int64_t>(ids.size()), t.shape[1]}, at::TensorOptions(dtype));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::uint64_t>(ids[i]) >= rows)
      throw Error(ErrorCode::kMismatch, "the tokenizer gives a token there is no embedding for",
                  {.path = file.path().string(),
                   .field = t.name,
                   .expected = "ids below " + std::to_string(rows),
                   .found = std::to_string(ids[i])});
    const auto row = bytes.subspan(static_cast<std::uint64_t>(ids[i]) * row_bytes, row_bytes);
    if (dtype == at::kDouble) io::decode(t.dtype, row, out.data_ptr<double>() + i * width, width);
    else io::decode(t.dtype, row, out.data_ptr<float>() + i * width, width);
  }
  if (!at::isfinite(out).all().item<bool>())
    throw Error(ErrorCode::kNumeric, "NaN or Inf in a row that is used",
                {.path = file.path().string(), .field = t.name});
  return out;
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& given, bool all_families) {
  const fs::path path = single_gguf(given);
  std::shared_ptr<Checkpoint> c(new Checkpoint());
  c->path_ = path;
  if (io::is_directory(path)) {
    const fs::path config = path / "config.json";
    if (!io::exists(config))
      throw Error(ErrorCode::kNotFound, "not a model: there is no config.json in it", {.path = path.string()});
    c->spec_ = spec_from_config(io::read_json(config), config, all_families);
    c->file_ = open_weights(path);
  } else if (path.extension() == ".gguf") {
    auto gguf = io::GgufFile::open(path);
    if (const auto parts = gguf->integer("split.count").value_or(1); parts > 1)
      throw Error(ErrorCode::kUnsupported, "one part of a split GGUF: merge the parts first (llama-gguf-split --merge)",
                  {.path = path.string(), .field = "split.count", .expected = "1", .found = std::to_string(parts)});
    c->spec_ = spec_from_gguf(*gguf);
    c->gguf_ = gguf.get();
    c->file_ = std::move(gguf);
  } else {
    throw Error(io::exists(path) ? ErrorCode::kUnsupported : ErrorCode::kNotFound,
                io::exists(path) ? "not a model" : "no such file or directory",
                {.path = path.string(), .expected = "a Hugging Face directory, a .gguf file or a hub id"});
  }
  c->index_tensors();
  return c;
}

void Checkpoint::index_tensors() {
  for (const Site& site : spec_.sites()) {
    require(site, Param::kWeight);
    if (spec_.has_bias(site.module)) require(site, Param::kBias);
  }
}

// Finds the tensor under any published prefix and checks its shape.
void Checkpoint::require(Site site, Param param) {
  const Architecture& a = *spec_.architecture;
  const std::string suffix = param == Param::kWeight ? ".weight" : ".bias";
  std::string name;
  const io::TensorInfo* found = nullptr;
  if (gguf_ != nullptr) {
    name = gguf_name(a, site) + suffix;
    found = file_->find(name);
  } else {
    for (const std::string_view prefix : hf_prefixes()) {
      const std::string candidate = std::string(prefix) + spec_.hf_name(site) + suffix;
      if (name.empty()) name = candidate;
      if ((found = file_->find(candidate)) != nullptr) break;
    }
  }
  if (found == nullptr) {
    if (site.module == Module::kHead) return;  // checkpoints of the body alone; nothing that is computed needs it
    throw Error(ErrorCode::kBadFile, "missing tensor", {.path = path_.string(), .field = name});
  }
  using io::DType;
  const bool real = io::is_quantised(found->dtype) || found->dtype == DType::kF64 || found->dtype == DType::kF32 ||
                    found->dtype == DType::kF16 || found->dtype == DType::kBF16;
  if (!real)  // quantised weights whose scales lie in other tensors
    throw Error(ErrorCode::kUnsupported, "weights of this type are not computed: give the model in BF16, F16 or F32",
                {.path = path_.string(), .field = found->name, .found = std::string(io::info(found->dtype).name)});
  std::vector<std::int64_t> expected = spec_.shape(site.module);
  if (param == Param::kBias) expected.resize(1);
  const bool grown = site.module == Module::kEmbed || site.module == Module::kHead;  // rows may be padded or added
  if (found->shape != expected && !(grown && found->shape.size() == 2 && found->shape[1] == expected[1]))
    throw Error(ErrorCode::kMismatch, "tensor does not fit the configuration",
                {.path = path_.string(),
                 .field = found->name,
                 .expected = io::shape_text(expected),
                 .found = io::shape_text(found->shape)});
  tensors_.emplace(std::pair(site, param), found);
}

const io::TensorInfo& Checkpoint::tensor(Site site, Param param) const {
  const auto it = tensors_.find({site, param});
  if (it == tensors_.end())
    throw Error(ErrorCode::kNotFound, "the model has no such tensor",
                {.path = path_.string(), .field = spec_.hf_name(site)});
  return *it->second;
}

at::Tensor Checkpoint::convention(at::Tensor value, Site site, Param param) const {
  if (gguf_ == nullptr) return value;
  const Architecture& a = *spec_.architecture;
  if (a.gguf_permutes_qk && site.module == Module::kQ) return unpermute(value, spec_.heads);
  if (a.gguf_permutes_qk && site.module == Module::kK) return unpermute(value, spec_.kv_heads);
  const bool norm = value.dim() == 1 && param == Param::kWeight && a.norm_plus_one;
  return norm ? value.sub_(1) : value;  // llama.cpp stores Gemma's norms with the one added
}

at::Tensor Checkpoint::load(Site site, Param param, at::ScalarType dtype) const {
  return convention(decode_tensor(*file_, tensor(site, param), dtype), site, param);
}

at::Tensor Checkpoint::embedding_rows(std::span<const std::int64_t> ids, at::ScalarType dtype) const {
  return decode_rows(*file_, tensor({Module::kEmbed}, Param::kWeight), ids, dtype);
}

std::unique_ptr<text::Tokenizer> Checkpoint::tokenizer() const {
  return gguf_ != nullptr ? text::load_tokenizer(*gguf_) : text::load_tokenizer(path_);
}

std::string Checkpoint::hash(bool whole) const {
  Hasher h;
  h.update(spec_.fingerprint());
  for (const auto& [key, t] : tensors_) {
    h.update(spec_.hf_name(key.first) + (key.second == Param::kBias ? ".bias" : ".weight"));
    h.update(io::info(t->dtype).name).update(io::shape_text(t->shape));
    const auto bytes = file_->bytes(*t);
    if (whole || bytes.size() <= kWindow * kWindows) {
      h.update(bytes);
      continue;
    }
    for (std::size_t w = 0; w < kWindows; ++w)
      h.update(bytes.subspan((bytes.size() - kWindow) / (kWindows - 1) * w, kWindow));
  }
  return h.hex();
}

std::string Checkpoint::identity() const { return hash(false); }
std::string Checkpoint::content_hash() const { return hash(true); }

std::uint64_t Checkpoint::parameters() const {
  std::uint64_t n = 0;
  for (const auto& [key, t] : tensors_) n += t->elements;
  return n;
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t n = 0;
  for (const auto& [key, t] : tensors_) n += file_->bytes(*t).size();
  return n;
}

std::string Checkpoint::dtypes() const {
  std::map<std::string_view, std::uint64_t> sizes;
  for (const auto& [key, t] : tensors_) sizes[io::info(t->dtype).name] += t->elements;
  std::vector<std::pair<std::uint64_t, std::string_view>> order;
  for (const auto& [name, n] : sizes) order.emplace_back(n, name);
  std::sort(order.rbegin(), order.rend());
  std::string out;
  for (const auto& [n, name] : order) out += (out.empty() ? "" : "+") + std::string(name);
  return out;
}

}  // namespace deltascape::model
