#include "adapter/check_parts.h"

#include <algorithm>
#include <initializer_list>

#include "adapter/build_ops.h"
#include "adapter/kinds.h"
#include "deltascape/error.h"

namespace deltascape::adapter {
namespace {

using model::Module;
using model::Site;
using Shape = std::vector<std::int64_t>;

// One module's tensors, and what is said of them.
class Checker {
 public:
  Checker(const PartsCheck& check, const Parts& parts, Site site)
      : c_(check), p_(parts), site_(site), weight_(check.spec.shape(site.module)) {}
  void run() const;

 private:
  [[noreturn]] void fail(ErrorCode code, const char* what, const io::TensorInfo& t) const {
    throw Error(code, what, {.path = c_.file.path().string(), .field = t.name});
  }
  void expect(Role role, const Shape& shape) const {
    const io::TensorInfo* t = p_[role];
    if (t == nullptr || t->shape == shape) return;
    throw Error(ErrorCode::kMismatch, "the shape does not fit the base",
                {.path = c_.file.path().string(),
                 .field = t->name,
                 .expected = io::shape_text(shape),
                 .found = io::shape_text(t->shape)});
  }
  // All of them or none.
  void together(std::initializer_list<Role> roles) const {
    const io::TensorInfo* any = nullptr;
    for (const Role role : roles) any = any ? any : p_[role];
    for (const Role role : roles)
      if (any != nullptr && p_[role] == nullptr)
        fail(ErrorCode::kBadFile, "another part of this module is missing", *any);
  }
  bool has(Role role) const { return p_[role] != nullptr; }
  // The first tensor that belongs to a linear alone, or null.
  const io::TensorInfo* of_linear() const;
  std::int64_t rank(const io::TensorInfo& t, std::size_t dimension) const;
  void fused() const;
  void lora() const;
  void embedding() const;
  void hadamard() const;
  void kronecker() const;
  void others() const;
  void replaced() const;

  const PartsCheck& c_;
  const Parts& p_;
  Site site_;
  Shape weight_;  // [out, in], or of a norm [width]
};

const io::TensorInfo* Checker::of_linear() const {
  for (std::size_t role = 0; role < kRoles; ++role) {
    const Role r = static_cast<Role>(role);
    const bool linear =
        r != Role::kWeight && r != Role::kBias && r != Role::kEmbedA && r != Role::kEmbedB && r != Role::kTokens;
    if (linear && p_[r] != nullptr) return p_[r];
  }
  return nullptr;
}

std::int64_t Checker::rank(const io::TensorInfo& t, std::size_t dimension) const {
  if (t.shape.size() == 2 && t.shape[dimension] == p_.rank) return p_.rank;
  throw Error(
      ErrorCode::kMismatch, "the rank is not the configuration's",
      {.path = c_.file.path().string(),
       .field = t.name,
       .expected = dimension == 0 ? "[" + std::to_string(p_.rank) + ", …]" : "[…, " + std::to_string(p_.rank) + "]",
       .found = io::shape_text(t.shape)});
}

// The pairs of all experts beside each other: A [experts·r, in], B [parts·out, r·experts].
void Checker::fused() const {
  together({Role::kA, Role::kB});
  const std::int64_t ranks = c_.spec.routing.experts * p_.rank;
  expect(Role::kA, {ranks, weight_[1]});
  expect(Role::kB, {p_[Role::kB]->shape[0], ranks});  // by whose rows the tensor was found
}

void Checker::lora() const {
  if (model::of_expert(site_.module) && site_.expert < 0) return fused();
  together({Role::kA, Role::kB});
  if (!has(Role::kA)) {
    for (const Role role : {Role::kE, Role::kMagnitude, Role::kLoraBias})
      if (has(role)) fail(ErrorCode::kBadFile, "the LoRA pair of this module is missing", *p_[role]);
    return;
  }
  const io::TensorInfo& a = *p_[Role::kA];
  std::int64_t r = 0;
  if (holds(*c_.config.kind, Role::kE)) {  // ranks that the training took away are not saved
    together({Role::kA, Role::kE});
    if (a.shape.size() == 2 && a.shape[0] < p_.rank) r = a.shape[0];
    else r = rank(a, 0);
  } else {
    r = rank(a, 0);
  }
  const model::Architecture& family = *c_.spec.architecture;
  if (c_.config.gguf && site_.module == Module::kQkv && family.qkv != model::QkvLayout::kBlocks)
    fail(ErrorCode::kUnsupported, "llama.cpp's order of this family's fused q, k and v is not supported", a);
  expect(Role::kA, {r, weight_[1]});
  expect(Role::kB, {weight_[0], r});
  expect(Role::kE, {r, 1});
  expect(Role::kMagnitude, {weight_[0]});
  expect(Role::kLoraBias, {weight_[0]});
  if (c_.config.dora != has(Role::kMagnitude))
    fail(ErrorCode::kBadFile,
         c_.config.dora ? "no magnitudes beside this pair, but use_dora" : "magnitudes without use_dora",
         c_.config.dora ? a : *p_[Role::kMagnitude]);
  if (c_.config.start != Start::kPlain && r > std::min(weight_[0], weight_[1]))
    fail(ErrorCode::kMismatch, "more directions than the base's weight has", a);
  // PEFT takes them out of the one tensor that both modules read.
  if (c_.config.start != Start::kPlain && site_.module == Module::kHead && c_.spec.tied_head)
    fail(ErrorCode::kUnsupported, "PiSSA and OLoRA on a head tied to the token embedding are not supported", a);
}

void Checker::embedding() const {
  together({Role::kEmbedA, Role::kEmbedB});
  if (has(Role::kEmbedA) && has(Role::kTokens))
    fail(ErrorCode::kUnsupported, "LoRA and trained rows on one embedding are not supported", *p_[Role::kEmbedA]);
  const io::TensorInfo* own = p_[Role::kWeight];
  const std::int64_t rows = own != nullptr && own->shape.size() == 2 ? own->shape[0] : weight_[0];
  if (has(Role::kEmbedA)) {
    const std::int64_t r = rank(*p_[Role::kEmbedA], c_.config.gguf ? 1 : 0);
    expect(Role::kEmbedA, c_.config.gguf ? Shape{rows, r} : Shape{r, rows});
    expect(Role::kEmbedB, {weight_[1], r});
    if (c_.config.dora || c_.config.start != Start::kPlain)
      fail(ErrorCode::kUnsupported, "the token embedding takes plain LoRA alone", *p_[Role::kEmbedA]);
  }
  if (has(Role::kTokens) && site_.module == Module::kEmbed)
    expect(Role::kTokens, {static_cast<std::int64_t>(c_.tokens), weight_[1]});
}

void Checker::hadamard() const {
  together({Role::kHada1A, Role::kHada1B, Role::kHada2A, Role::kHada2B});
  if (!has(Role::kHada1A)) return;
  const std::int64_t r = rank(*p_[Role::kHada1A], 1);
  for (const Role role : {Role::kHada1A, Role::kHada2A}) expect(role, {weight_[0], r});
  for (const Role role : {Role::kHada1B, Role::kHada2B}) expect(role, {r, weight_[1]});
}

// Each factor is there whole or as two; their sizes multiply to the weight's.
void Checker::kronecker() const {
  const auto size_of = [&](Role whole, Role left, Role right) -> Shape {
    together({left, right});
    if (has(whole) == has(left)) {
      const io::TensorInfo* any = nullptr;
      for (const io::TensorInfo* t : p_.tensors) any = any ? any : t;
      fail(ErrorCode::kBadFile, "a Kronecker factor must be there once", *any);
    }
    for (const Role role : {whole, left, right})
      if (has(role) && p_[role]->shape.size() != 2)
        fail(ErrorCode::kMismatch, "a Kronecker factor must be a matrix", *p_[role]);
    if (has(whole)) return p_[whole]->shape;
    const std::int64_t r = rank(*p_[left], 1);
    if (p_[right]->shape[0] != r) fail(ErrorCode::kMismatch, "the rank is not the configuration's", *p_[right]);
    return {p_[left]->shape[0], p_[right]->shape[1]};
  };
  bool any = false;
  for (const Role role : {Role::kKron1, Role::kKron1A, Role::kKron1B, Role::kKron2, Role::kKron2A, Role::kKron2B})
    any = any || has(role);
  if (!any) return;
  const Shape one = size_of(Role::kKron1, Role::kKron1A, Role::kKron1B);
  const Shape two = size_of(Role::kKron2, Role::kKron2A, Role::kKron2B);
  const io::TensorInfo& t = has(Role::kKron1) ? *p_[Role::kKron1] : *p_[Role::kKron1A];
  for (const std::size_t i : {0u, 1u})
    if (one[i] < 1 || two[i] < 1 || weight_[i] % one[i] != 0 || weight_[i] / one[i] != two[i])
      throw Error(ErrorCode::kMismatch, "the Kronecker product does not fit the base",
                  {.path = c_.file.path().string(),
                   .field = t.name,
                   .expected = io::shape_text(weight_),
                   .found = io::shape_text(one) + " times " + io::shape_text(two)});
}

void Checker::others() const {
  if (const io::TensorInfo* t = p_[Role::kIa3]; t != nullptr && t->shape != Shape{1, weight_[1]})
    expect(Role::kIa3, {weight_[0], 1});
  expect(Role::kHra, {weight_[1], p_.rank});
  expect(Role::kMiss, {p_.rank, weight_[0]});
  if (has(Role::kMiss) && p_.rank > weight_[1])
    fail(ErrorCode::kMismatch, "a run longer than the input", *p_[Role::kMiss]);
  if (const io::TensorInfo* t = p_[Role::kOft]) {
    const std::int64_t b = t->shape.size() == 2 ? oft_block_size(t->shape[1]) : 0;
    if (b == 0 || weight_[1] % b != 0) fail(ErrorCode::kMismatch, "no blocks that fit the base", *t);
    expect(Role::kOft, {c_.config.block_share ? 1 : weight_[1] / b, t->shape[1]});
  }
  together({Role::kVeraB, Role::kVeraD});
  if (!has(Role::kVeraB)) return;
  expect(Role::kVeraB, {weight_[0]});
  expect(Role::kVeraD, {p_.rank});
  if (c_.vera_a == nullptr || c_.vera_b == nullptr)
    fail(ErrorCode::kBadFile, "the projections base_model.vera_A and vera_B are missing", *p_[Role::kVeraB]);
  if (c_.vera_a->shape.size() != 2 || c_.vera_a->shape[0] != p_.rank || c_.vera_a->shape[1] < weight_[1])
    fail(ErrorCode::kMismatch, "the projection is too small for the base", *c_.vera_a);
  if (c_.vera_b->shape.size() != 2 || c_.vera_b->shape[1] != p_.rank || c_.vera_b->shape[0] < weight_[0])
    fail(ErrorCode::kMismatch, "the projection is too small for the base", *c_.vera_b);
}

void Checker::replaced() const {
  const bool grows = site_.module == Module::kEmbed || site_.module == Module::kHead;  // added vocabulary
  const io::TensorInfo* own = p_[Role::kWeight];
  if (!(grows && own != nullptr && own->shape.size() == 2 && own->shape[1] == weight_[1]))
    expect(Role::kWeight,
           c_.spec.transposed(site_.module) ? Shape{weight_[1], weight_[0]} : c_.spec.stored_shape(site_.module));
  if (!grows) expect(Role::kBias, {weight_[0]});
}

void Checker::run() const {
  replaced();
  if (const io::TensorInfo* t = of_linear()) {
    if (weight_.size() != 2) fail(ErrorCode::kUnsupported, "a norm takes no operator of a linear", *t);
    if (model::is_parameter(site_.module)) fail(ErrorCode::kUnsupported, "not supported on a convolution", *t);
    if (model::is_table(site_.module))
      fail(ErrorCode::kUnsupported, "not supported on the token embedding and other tables", *t);
    if (model::of_expert(site_.module) &&
        (!c_.config.kind->experts || c_.config.dora || c_.config.start != Start::kPlain || has(Role::kLoraBias)))
      fail(ErrorCode::kUnsupported, "an expert takes plain LoRA alone", *t);
  }
  for (const Role role : {Role::kEmbedA, Role::kEmbedB, Role::kTokens})
    if (has(role) && site_.module != Module::kEmbed && (role != Role::kTokens || site_.module != Module::kHead))
      fail(ErrorCode::kUnsupported, "only a token embedding takes this", *p_[role]);
  if (weight_.size() != 2 || model::is_parameter(site_.module)) return;  // the rest is of matrices
  if (site_.module == Module::kHead) expect(Role::kTokens, {static_cast<std::int64_t>(c_.head_tokens), weight_[1]});
  // PEFT changes one of the names that the table goes by, and not what the stacks read.
  if (site_.module == Module::kEmbed && c_.spec.encodes_first())
    for (const io::TensorInfo* t : p_.tensors)
      if (t != nullptr)
        fail(ErrorCode::kUnsupported, "the embedding that encoder and decoder share is not adapted", *t);
  lora();
  if (site_.module == Module::kEmbed) embedding();
  hadamard();
  kronecker();
  others();
}

}  // namespace

void check_parts(const PartsCheck& check, const Parts& parts, Site site) { Checker(check, parts, site).run(); }

}  // namespace deltascape::adapter
