// Owns what an adapter does to the token embedding and the head together: rows of one or of both, and what PEFT makes
// of a head that the configuration says is tied, as its set_additional_trainable_modules() and _check_tied_modules()
// do.
#include <algorithm>
#include <numeric>

#include "adapter/adapter.h"
#include "adapter/build_ops.h"
#include "adapter/peft_forms.h"
#include "deltascape/error.h"

namespace deltascape::adapter {

using model::Module;
using model::Site;

// Which of the adapter's tensors for the head count, and what of the token embedding's counts for it too. PEFT asks the
// configuration whether they are tied, whatever the base's file holds.
void Adapter::tie_ends() {
  const auto embed = parts_.find(Site{Module::kEmbed}), head = parts_.find(Site{Module::kHead});
  const auto has = [&](const auto& place, Role role) {
    return place != parts_.end() && place->second[role] != nullptr;
  };
  const std::string path = module_path(base_->spec(), {Module::kEmbed});
  const std::string head_path = module_path(base_->spec(), {Module::kHead});
  const bool says_tied = base_->spec().says_tied && base_->spec().stacks.back().causal;
  const auto *rows = config_.tokens_of(path), *head_rows = config_.tokens_of(head_path);
  const bool differ = rows != nullptr && head_rows != nullptr && *rows != *head_rows;
  if (says_tied && config_.ensure_tying && differ)
    throw Error(ErrorCode::kBadFile, "ensure_weight_tying, but other rows of the head than of the token embedding",
                {.path = (path_ / "adapter_config.json").string(), .field = "trainable_token_indices"});
  rows_tied_ = says_tied && has(embed, Role::kTokens) && !differ;
  const bool saved = has(embed, Role::kWeight) && !is_copy({Module::kEmbed});
  ends_tied_ = says_tied && config_.ensure_tying && (saved || has(embed, Role::kEmbedA));
  if (head == parts_.end()) return;
  if (ends_tied_) {
    parts_.erase(head);
    return;
  }
  // PEFT stacks LoRA on the rows where head and token embedding are one, and fails at all else.
  const io::TensorInfo* other = has(head, Role::kWeight) && !is_copy({Module::kHead}) ? head->second[Role::kWeight]
                                : has(head, Role::kMagnitude)                         ? head->second[Role::kMagnitude]
                                : has(head, Role::kA) && !base_->spec().tied_head     ? head->second[Role::kA]
                                                                                      : nullptr;
  if (rows_tied_ && other != nullptr)
    throw Error(ErrorCode::kUnsupported, "not supported on a head that shares the token embedding's rows",
                {.path = file_->path().string(), .field = other->name});
  if (rows_tied_ || head_rows == nullptr) head->second[Role::kTokens] = nullptr;  // nobody reads them
}

// PEFT puts the copy of a table that it keeps beside LoRA in the base's place: where head and token embedding are one,
// both change.
void Adapter::copy_to_embedding() {
  const Site head{Module::kHead}, embed{Module::kEmbed};
  if (!base_->spec().tied_head || !parts_.contains(head) || !is_copy(head)) return;
  const io::TensorInfo* table = parts_[head][Role::kWeight];
  const auto own = parts_.find(embed);
  if ((own != parts_.end() && own->second[Role::kWeight] != nullptr) || is_the_bases(*table, Module::kEmbed)) return;
  parts_[embed][Role::kWeight] = table;
  layers_[embed.layer].push_back(table);
}

// What of the token embedding's the head takes too.
void Adapter::follow_embedding(ModuleOps& head, at::ScalarType dtype) const {
  const auto it = parts_.find(Site{Module::kEmbed});
  if (it == parts_.end()) return;
  const Parts& p = it->second;
  // Its LoRA stands on the rows that are the token embedding's.
  for (const LowRank& l : head.low_rank)
    if (rows_tied_) head.rows.rows = head.rows.rows.addmm(l.b.index_select(0, head.rows.ids), l.a, 1, l.scale);
  const bool copy = is_copy({Module::kEmbed});
  const io::TensorInfo* table = p[Role::kWeight];
  const bool takes = copy ? base_->spec().tied_head && !is_the_bases(*table, Module::kEmbed) : ends_tied_;
  if (table != nullptr && takes && !head.weight.defined()) head.weight = model::decode_tensor(*file_, *table, dtype);
  if (!ends_tied_ || p[Role::kEmbedA] == nullptr || p.idle || (table != nullptr && !copy)) return;
  // e += s A[:, t]ᵀ Bᵀ there, so y += s Aᵀ (Bᵀ x) here.
  const LowRank there = lora_pair(source(dtype), p, {Module::kEmbed});
  head.low_rank.push_back({there.b.t().contiguous(), there.a.t().contiguous(),
                           config_.scale_of(module_path(base_->spec(), {Module::kHead}))});
}

RowChange Adapter::changed_rows(Site site, at::ScalarType dtype) const {
  const bool shared = site.module == Module::kHead && rows_tied_;
  const auto it = parts_.find(shared ? Site{Module::kEmbed} : site);
  const io::TensorInfo* rows = it == parts_.end() ? nullptr : it->second[Role::kTokens];
  if (rows == nullptr) return {};
  const auto& ids = site.module == Module::kEmbed || shared ? tokens_ : head_tokens_;
  const io::TensorInfo* own = it->second[Role::kWeight];
  const std::int64_t table = own != nullptr ? own->shape[0] : base_->spec().vocabulary;
  for (const std::int64_t id : ids)
    if (id < 0 || id >= table)
      throw Error(ErrorCode::kMismatch, "a trained row that the table does not have",
                  {.path = file_->path().string(),
                   .field = rows->name,
                   .expected = "below " + std::to_string(table),
                   .found = std::to_string(id)});
  return {at::tensor(ids, at::kLong), model::decode_tensor(*file_, *rows, dtype)};
}

bool Adapter::is_copy(Site site) const {
  const auto it = parts_.find(site);
  const io::TensorInfo* t = it == parts_.end() ? nullptr : it->second[Role::kWeight];
  return t != nullptr && t->name.find(".base_layer.") != std::string::npos;
}

bool Adapter::is_the_bases(const io::TensorInfo& t, Module module) const {
  constexpr std::int64_t kRows = 1024;
  const model::ModelSpec& spec = base_->spec();
  const Module table = module == Module::kHead && spec.tied_head ? Module::kEmbed : module;
  if (t.shape != spec.shape(table) || !base_->holds({table})) return false;
  std::vector<std::int64_t> ids;
  for (std::int64_t first = 0; first < t.shape[0]; first += kRows) {
    ids.resize(static_cast<std::size_t>(std::min(kRows, t.shape[0] - first)));
    std::iota(ids.begin(), ids.end(), first);
    if (!at::equal(model::decode_rows(*file_, t, ids, at::kFloat), base_->rows(table, ids, at::kFloat))) return false;
  }
  return true;
}

}  // namespace deltascape::adapter
