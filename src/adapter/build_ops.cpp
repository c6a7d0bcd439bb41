#include "adapter/build_ops.h"

#include <ATen/TensorIndexing.h>

#include "deltascape/error.h"
#include "model/gguf_rows.h"
#include "model/thread_count.h"

namespace deltascape::adapter {
namespace {

using model::Param;
using model::Site;

at::Tensor decoded(const Source& s, const io::TensorInfo* t) { return model::decode_tensor(s.file, *t, s.dtype); }

// A saved module's weight as the block multiplies, whichever way round the base's file stores it: [out, in].
at::Tensor own_weight(const Source& s, const Parts& p, Site site, at::ScalarType dtype) {
  const at::Tensor stored = model::decode_tensor(s.file, *p[Role::kWeight], dtype);
  const model::ModelSpec& spec = s.base.spec();
  if (spec.transposed(site.module)) return stored.t().contiguous();
  const bool flat = spec.shape(site.module).size() == 1 || model::is_parameter(site.module);
  return flat ? stored.reshape(spec.shape(site.module)) : stored;
}

// The weight that the adapter stands on, a copy that may be changed: [out, in].
at::Tensor own_or_base_weight(const Source& s, const Parts& p, Site site, at::ScalarType dtype) {
  if (p[Role::kWeight] != nullptr) return own_weight(s, p, site, dtype);
  // A tied head's is the token embedding's.
  const Site stored = s.base.spec().has(site) ? site : Site{model::Module::kEmbed};
  at::Tensor weight = s.base.load(stored, Param::kWeight, dtype);
  s.base.release(stored, Param::kWeight);
  return weight;
}

// What PEFT takes from the base's weight when it loads an adapter that started as a part of it: PiSSA (arXiv
// 2404.02948), the first r singular directions; OLoRA (arXiv 2406.01775), those of QR. The signs that these leave open
// cancel in B A. In float32 as there: where singular values lie close, its rounding is seen (1e-5 of the embedding).
LowRank start_of(const Source& s, const Parts& p, Site site, std::int64_t rank) {
  const at::Tensor weight = own_or_base_weight(s, p, site, at::kFloat);
  const model::ThreadCount one(1);  // LAPACK's results depend on how many share the work
  LowRank out{.scale = -p.scale};
  if (s.config.start == Start::kPissa) {
    const auto [u, sizes, v] = at::linalg_svd(weight, false);
    const at::Tensor root = (sizes.narrow(0, 0, rank) / p.scale).sqrt();
    out.a = root.unsqueeze(1) * v.narrow(0, 0, rank);
    out.b = u.narrow(1, 0, rank) * root;
  } else {
    const auto [q, r] = at::linalg_qr(weight);
    out.a = r.narrow(0, 0, rank);
    out.b = q.narrow(1, 0, rank);
  }
  out.a = out.a.to(s.dtype).contiguous();
  out.b = out.b.to(s.dtype).contiguous();
  return out;
}

// One expert's pair out of those of all (PEFT's target_parameters): A's rows stand expert by expert, while in B every
// r-th column is of the same direction. `first`: of B's rows.
LowRank expert_pair(const Source& s, const Parts& p, Site site, std::int64_t first) {
  const io::TensorInfo &a = *p[Role::kA], &b = *p[Role::kB];
  const std::int64_t experts = s.base.spec().routing.experts, rank = a.shape[0] / experts;
  const std::int64_t rows = s.base.spec().shape(site.module)[0];
  std::vector<std::int64_t> ids;
  for (std::int64_t r = 0; r < rank; ++r) ids.push_back(site.expert * rank + r);
  LowRank out{model::decode_rows(s.file, a, ids, s.dtype), at::empty({rows, rank}, at::TensorOptions(s.dtype)),
              p.scale};
  const auto bytes = s.file.bytes(b);
  const std::uint64_t size = io::info(b.dtype).block_bytes;
  AT_DISPATCH_FLOATING_TYPES(s.dtype, "expert", [&] {
    scalar_t* to = out.b.data_ptr<scalar_t>();
    for (std::int64_t row = first; row < first + rows; ++row)
      for (std::int64_t r = 0; r < rank; ++r, ++to) {
        const auto at = static_cast<std::uint64_t>((row * rank + r) * experts + site.expert);
        if (!io::decode_finite(b.dtype, bytes.subspan(at * size, size), to, 1))
          throw Error(ErrorCode::kNumeric, "NaN or Inf in a row that is used",
                      {.path = s.file.path().string(), .field = b.name});
      }
  });
  return out;
}

void add_lora(const Source& s, const Parts& p, Site site, ModuleOps& out) {
  for (const model::FusedName& fused : s.base.spec().architecture->fused) {
    const std::int64_t rows = s.base.spec().shape(fused.module)[0];
    const bool here =
        fused.module == site.module && p[Role::kB] != nullptr && p[Role::kB]->shape[0] == fused.parts * rows;
    if (!here || p[Role::kB]->shape[1] != s.base.spec().routing.experts * p.rank) continue;
    if (!p.idle) out.low_rank.push_back(expert_pair(s, p, site, fused.part * rows));
    return;
  }
  if (p[Role::kA] != nullptr && !p.idle) {
    LowRank pair = lora_pair(s, p, site);
    if (p[Role::kE] != nullptr) pair.a.mul_(decoded(s, p[Role::kE]));  // AdaLoRA (arXiv 2303.10512): B (E ⊙ A)
    out.low_rank.push_back(std::move(pair));
  }
  // What it took is gone already from a weight that the adapter brings (PEFT saves that of an adapted head).
  if (p[Role::kA] != nullptr && s.config.start != Start::kPlain && p[Role::kWeight] == nullptr)
    out.low_rank.push_back(start_of(s, p, site, p[Role::kA]->shape[0]));
  if (p[Role::kLoraBias] != nullptr) {
    const at::Tensor add = decoded(s, p[Role::kLoraBias]).mul_(p.scale);
    if (!out.bias.defined() && s.base.spec().has_bias(site.module)) out.bias = s.base.load(site, Param::kBias, s.dtype);
    out.bias = out.bias.defined() ? out.bias + add : add;
  }
}

// DoRA (arXiv 2402.09353): rows of W + sBA get the length m, so y = g ⊙ (W + sBA) x + bias with g = m / ‖W + sBA‖.
void scale_rows(const Source& s, const Parts& p, Site site, ModuleOps& out) {
  at::Tensor weight = own_or_base_weight(s, p, site, s.dtype);
  for (const LowRank& l : out.low_rank) weight.addmm_(l.b, l.a, 1, l.scale);
  const at::Tensor lengths = at::linalg_vector_norm(weight, 2, {1}, false, at::kDouble);
  const at::Tensor scale = decoded(s, p[Role::kMagnitude]).to(at::kDouble) / lengths;
  if (!scale.isfinite().all().item<bool>())
    throw Error(ErrorCode::kNumeric, "DoRA divides by a row of length zero",
                {.path = s.file.path().string(), .field = p[Role::kMagnitude]->name});
  out.out_scale = scale.to(s.dtype);
  for (LowRank& l : out.low_rank) l.b = l.b * out.out_scale.unsqueeze(1);
}

// (IA)³ (arXiv 2205.05638): all of the output times l, or before a feed-forward linear its input.
void add_ia3(const Source& s, const Parts& p, Site site, ModuleOps& out) {
  const io::TensorInfo& t = *p[Role::kIa3];
  const at::Tensor factors = decoded(s, &t).flatten();
  if (t.shape[0] == 1) {
    out.input = InputChange{.scale = factors, .a = {}, .b = {}};
    return;
  }
  out.out_scale = factors;
  if (!out.bias.defined() && s.base.spec().has_bias(site.module)) out.bias = s.base.load(site, Param::kBias, s.dtype);
  if (out.bias.defined()) out.bias = out.bias * factors;
}

at::Tensor factor(const Source& s, const Parts& p, Role whole, Role left, Role right) {
  return p[whole] != nullptr ? decoded(s, p[whole]) : at::mm(decoded(s, p[left]), decoded(s, p[right]));
}

// VeRA (arXiv 2310.11454): y += b ⊙ B (d ⊙ A x), A and B cut to the module's widths.
LowRank vera(const Source& s, const Parts& p, const std::vector<std::int64_t>& shape) {
  const at::Tensor a = decoded(s, s.vera_a).narrow(1, 0, shape[1]), b = decoded(s, s.vera_b).narrow(0, 0, shape[0]);
  return {(a * decoded(s, p[Role::kVeraD]).unsqueeze(1)).contiguous(),
          (b * decoded(s, p[Role::kVeraB]).unsqueeze(1)).contiguous(), 1};
}

// MiSS (arXiv 2409.15371): x cut into runs of r features, their sum times M, [r, out]. The last run may be shorter.
LowRank miss(const Source& s, const Parts& p, std::int64_t in) {
  const at::Tensor block = decoded(s, p[Role::kMiss]);
  const std::int64_t r = block.size(0);
  const at::Tensor runs = at::eye(r, block.options()).repeat({1, (in + r - 1) / r}).narrow(1, 0, in).contiguous();
  return {runs, block.t().contiguous(), 1};
}

// HRA (arXiv 2405.17484): W H₀ H₁ … with reflections H = I − 2uuᵀ, or with Gram–Schmidt W (I − 2QQᵀ), which is the
// same for orthonormal u. The product is I + Σ b uᵀ with b_k = −2 H₀ … H_{k−1} u_k.
InputChange hra(const Source& s, const Parts& p) {
  const at::Tensor given = decoded(s, p[Role::kHra]).t();  // [r, in]
  std::vector<at::Tensor> u, b;
  for (std::int64_t k = 0; k < given.size(0); ++k) {
    at::Tensor now = given[k];
    if (s.config.gram_schmidt)
      for (const at::Tensor& before : u) now = now - before.dot(now) * before;
    now = now / now.norm();
    at::Tensor turned = now;
    for (std::size_t j = 0; j < u.size(); ++j) turned = turned + b[j] * u[j].dot(now);
    u.push_back(now);
    b.push_back(turned * -2);
  }
  InputChange out{.scale = {}, .a = at::stack(u), .b = at::stack(b)};
  if (!out.b.isfinite().all().item<bool>())
    throw Error(ErrorCode::kNumeric, "a reflection's direction has length zero",
                {.path = s.file.path().string(), .field = p[Role::kHra]->name});
  return out;
}

// OFT (arXiv 2306.07280): each block is the Cayley transform (I − Q)(I + Q)⁻¹ of a skew-symmetric Q, or by default the
// first terms of its series as PEFT writes them: I + 2Q + 2Q² + … + Q^last. (Its Q has the other sign.)
InputChange oft(const Source& s, const Parts& p, std::int64_t in) {
  const at::Tensor given = decoded(s, p[Role::kOft]);  // [blocks, b (b − 1) / 2]
  const std::int64_t b = oft_block_size(given.size(1));
  const at::Tensor places = at::triu_indices(b, b, 1);
  at::Tensor q = at::zeros({given.size(0), b, b}, given.options());
  q.index_put_({at::indexing::Slice(), places[0], places[1]}, given);
  q = q - q.transpose(1, 2);
  const at::Tensor one = at::eye(b, q.options());
  at::Tensor r = one.repeat({q.size(0), 1, 1});
  const std::int64_t terms = s.config.cayley_terms.value_or(0);
  if (terms == 0) {
    r = at::linalg_solve(one + q, one - q, false);
  } else {
    at::Tensor power = q;
    if (terms > 1) r = r + 2 * q;
    if (terms > 2) {
      power = at::bmm(q, q);
      r = r + 2 * power;
      for (std::int64_t i = 3; i < terms - 1; ++i) {
        power = at::bmm(power, q);
        r = r + 2 * power;
      }
      r = r + at::bmm(power, q);
    }
  }
  if (r.size(0) == 1) r = r.repeat({in / b, 1, 1});
  return {.scale = {}, .a = {}, .b = {}, .blocks = r.contiguous()};
}

}  // namespace

LowRank lora_pair(const Source& s, const Parts& p, Site site) {
  const bool embedding = p[Role::kEmbedA] != nullptr;
  LowRank out{decoded(s, p[embedding ? Role::kEmbedA : Role::kA]), decoded(s, p[embedding ? Role::kEmbedB : Role::kB]),
              p.scale};
  if (!s.config.gguf) return out;
  if (embedding) out.a = out.a.t().contiguous();
  else out.b = model::rows_from_gguf(s.base.spec(), site.module, out.b);
  return out;
}

std::int64_t oft_block_size(std::int64_t elements) {
  std::int64_t b = 1;
  while (b < 65536 && b * (b - 1) / 2 < elements) ++b;
  return b * (b - 1) / 2 == elements && elements > 0 ? b : 0;
}

ModuleOps build_ops(const Source& s, const Parts& p, Site site) {
  ModuleOps out;
  const std::vector<std::int64_t> shape = s.base.spec().shape(site.module);
  if (p[Role::kWeight] != nullptr) out.weight = own_weight(s, p, site, s.dtype);
  if (p[Role::kBias] != nullptr) out.bias = decoded(s, p[Role::kBias]);
  add_lora(s, p, site, out);
  if (p[Role::kMagnitude] != nullptr) scale_rows(s, p, site, out);
  if (p[Role::kIa3] != nullptr) add_ia3(s, p, site, out);
  if (p[Role::kHra] != nullptr) out.input = hra(s, p);
  if (p[Role::kOft] != nullptr && !p.idle) out.input = oft(s, p, shape[1]);
  if (p.idle) return out;
  if (p[Role::kEmbedA] != nullptr) out.low_rank.push_back(lora_pair(s, p, site));
  if (p[Role::kHada1A] != nullptr)
    out.products.push_back({Product::Kind::kHadamard, p.scale, decoded(s, p[Role::kHada1A]),
                            decoded(s, p[Role::kHada1B]), decoded(s, p[Role::kHada2A]), decoded(s, p[Role::kHada2B])});
  if (p[Role::kKron1] != nullptr || p[Role::kKron1A] != nullptr)
    out.products.push_back({Product::Kind::kKronecker,
                            p.scale,
                            factor(s, p, Role::kKron1, Role::kKron1A, Role::kKron1B),
                            factor(s, p, Role::kKron2, Role::kKron2A, Role::kKron2B),
                            {},
                            {}});
  if (p[Role::kVeraB] != nullptr) out.low_rank.push_back(vera(s, p, shape));
  if (p[Role::kMiss] != nullptr) out.low_rank.push_back(miss(s, p, shape[1]));
  return out;
}

at::Tensor build_rows(const Source& s, const Parts& p, std::span<const std::int64_t> tokens,
                      std::span<const std::int64_t> ids) {
  at::Tensor rows = p[Role::kWeight] != nullptr ? model::decode_rows(s.file, *p[Role::kWeight], ids, s.dtype)
                                                : s.base.embedding_rows(ids, s.dtype);
  if (p[Role::kEmbedA] != nullptr && !p.idle) {
    const at::Tensor chosen =  // [ids, r]
        s.config.gguf ? model::decode_rows(s.file, *p[Role::kEmbedA], ids, s.dtype)
                      : decoded(s, p[Role::kEmbedA])
                            .index_select(1, at::tensor(std::vector(ids.begin(), ids.end()), at::kLong))
                            .t();
    rows = rows.addmm(chosen, decoded(s, p[Role::kEmbedB]).t(), 1, p.scale);
  }
  if (p[Role::kTokens] == nullptr) return rows;
  const at::Tensor replaced = decoded(s, p[Role::kTokens]);
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t t = 0; t < tokens.size(); ++t)
      if (tokens[t] == ids[i]) rows[static_cast<std::int64_t>(i)].copy_(replaced[static_cast<std::int64_t>(t)]);
  return rows;
}

}  // namespace deltascape::adapter
