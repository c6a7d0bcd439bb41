#include "model/rearranged_file.h"

#include <map>

#include "deltascape/error.h"

namespace deltascape::model {
namespace {

class Rearranged final : public io::TensorFile {
 public:
  explicit Rearranged(std::shared_ptr<const io::TensorFile> whole)
      : whole_(std::move(whole)), tensors_(whole_->tensors()) {}
  const std::vector<io::TensorInfo>& tensors() const override { return tensors_; }
  const io::TensorInfo* find(std::string_view name) const override {
    const auto it = pieces_.find(name);
    return it != pieces_.end() ? &it->second.info : whole_->find(name);
  }
  std::span<const std::byte> bytes(const io::TensorInfo& t) const override {
    const auto it = pieces_.find(t.name);
    return it != pieces_.end() ? it->second.bytes : whole_->bytes(t);
  }
  const std::filesystem::path& path() const override { return whole_->path(); }
  std::vector<const io::MappedFile*> maps() const override { return whole_->maps(); }

  // A run of another tensor's bytes.
  void add(io::TensorInfo info, std::span<const std::byte> bytes) {
    std::string name = info.name;
    pieces_.emplace(std::move(name), Piece{std::move(info), bytes, {}});
  }
  void add(io::TensorInfo info, std::vector<std::byte> own) {
    std::string name = info.name;
    Piece& p = pieces_.emplace(std::move(name), Piece{std::move(info), {}, std::move(own)}).first->second;
    p.bytes = p.own;
  }
  bool any() const { return !pieces_.empty(); }

 private:
  struct Piece {
    io::TensorInfo info;
    std::span<const std::byte> bytes;
    std::vector<std::byte> own;
  };
  std::shared_ptr<const io::TensorFile> whole_;
  std::vector<io::TensorInfo> tensors_;
  std::map<std::string, Piece, std::less<>> pieces_;
};

[[noreturn]] void wrong_shape(const io::TensorFile& file, const io::TensorInfo& t,
                              const std::vector<std::int64_t>& expected) {
  throw Error(ErrorCode::kMismatch, "tensor does not fit the configuration",
              {.path = file.path().string(),
               .field = t.name,
               .expected = io::shape_text(expected),
               .found = io::shape_text(t.shape)});
}

const io::TensorInfo* find_below(const io::TensorFile& file, const std::string& name, bool gguf) {
  if (gguf) return file.find(name);
  for (const std::string_view prefix : hf_prefixes())
    if (const io::TensorInfo* found = file.find(std::string(prefix) + name)) return found;
  return nullptr;
}

const io::TensorInfo* find_fused(const io::TensorFile& file, std::string_view pattern, int layer, bool gguf) {
  const auto hole = pattern.find("{}");
  if (hole == std::string_view::npos) return nullptr;
  std::string name(pattern.substr(0, hole));
  name.append(std::to_string(layer)).append(pattern.substr(hole + 2));
  return find_below(file, name, gguf);
}

// One layer's experts out of a tensor with all of them.
void split_experts(const io::TensorFile& file, const ModelSpec& spec, const FusedName& fused, int layer, bool gguf,
                   Rearranged& out) {
  const io::TensorInfo* t = find_fused(file, gguf ? fused.gguf : fused.hf, layer, gguf);
  if (t == nullptr) return;
  const std::vector<std::int64_t> own = spec.shape(fused.module);  // of one expert
  const bool bias = fused.param == Param::kBias;
  const std::int64_t parts = fused.parts;
  std::vector<std::int64_t> whole = {parts * own[0], own[1]}, piece = own;
  if (bias) whole = {parts * own[0], 1}, piece = {own[0], 1};
  if (fused.columns) std::swap(whole[0], whole[1]), piece = whole;  // of columns all parts stay together
  std::vector<std::int64_t> expected = {spec.routing.experts, whole[0], whole[1]};
  if (bias) expected = {spec.routing.experts, parts * own[0]};
  if (t->shape != expected) wrong_shape(file, *t, expected);
  const io::DTypeInfo& type = io::info(t->dtype);
  const auto rows = static_cast<std::uint64_t>(piece[0]), width = static_cast<std::uint64_t>(piece[1]);
  const std::uint64_t row_bytes = width * type.block_bytes / type.block;
  const std::vector<std::int64_t> shape = bias ? std::vector{piece[0] * piece[1]} : piece;
  for (int expert = 0; expert < spec.routing.experts; ++expert) {
    const Site site{fused.module, layer, expert};
    const std::string name = gguf ? gguf_names(*spec.architecture, site).front() : spec.hf_name(site);
    const auto first = static_cast<std::uint64_t>(expert * whole[0] + (fused.columns ? 0 : fused.part * piece[0]));
    out.add({name + (bias ? ".bias" : ".weight"), t->dtype, shape, rows * width},
            file.bytes(*t).subspan(first * row_bytes, rows * row_bytes));
  }
}

// One layer's norms of heads, NAME.norms.0.weight and so on, as NAME.weight: [heads, head_dim].
void join_heads(const io::TensorFile& file, const ModelSpec& spec, Site site, const std::string& name,
                Rearranged& out) {
  const std::int64_t heads = spec.shape(site.module)[0] / spec.head_dim;
  io::TensorInfo joined{name + ".weight", io::DType::kF32, {heads, spec.head_dim}, 0};
  std::vector<std::byte> bytes;
  for (std::int64_t head = 0; head < heads; ++head) {
    const std::string of_head = name + ".norms." + std::to_string(head) + ".weight";
    const io::TensorInfo* t = find_below(file, of_head, false);
    if (t == nullptr && head == 0) return;
    if (t == nullptr)
      throw Error(ErrorCode::kBadFile, "missing tensor", {.path = file.path().string(), .field = of_head});
    if (t->shape != std::vector<std::int64_t>{spec.head_dim}) wrong_shape(file, *t, {spec.head_dim});
    if (head > 0 && t->dtype != joined.dtype)
      throw Error(ErrorCode::kBadFile, "the norms of heads are of several types",
                  {.path = file.path().string(), .field = t->name});
    joined.dtype = t->dtype;
    joined.elements += t->elements;
    const auto from = file.bytes(*t);
    bytes.insert(bytes.end(), from.begin(), from.end());
  }
  out.add(std::move(joined), std::move(bytes));
}

}  // namespace

std::shared_ptr<const io::TensorFile> rearranged(std::shared_ptr<const io::TensorFile> file, const ModelSpec& spec,
                                                 bool gguf) {
  auto out = std::make_shared<Rearranged>(file);
  for (int layer = 0; layer < spec.layer_count(); ++layer) {
    for (const FusedName& fused : spec.architecture->fused)
      if (spec.has(Site{fused.module, layer})) split_experts(*file, spec, fused, layer, gguf, *out);
    if (!gguf && spec.qk_norm && spec.architecture->qk_norm_kind == QkNorm::kOwnHead)
      for (const Module m : {Module::kQNorm, Module::kKNorm})
        for (const std::string& name : spec.hf_names({m, layer})) join_heads(*file, spec, {m, layer}, name, *out);
  }
  if (!out->any()) return file;
  return out;
}

}  // namespace deltascape::model
