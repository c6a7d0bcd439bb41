#include "lm/weights.h"

namespace deltascape::engine {

using model::Param;
using model::Site;

at::Tensor Weights::get(Site site, Param param, at::ScalarType type) {
  const Key key{site, param, type};
  if (const auto it = loaded_.find(key); it != loaded_.end()) {
    uses_.splice(uses_.end(), uses_, it->second.use);
    return it->second.tensor;
  }
  // Before it is read: the new tensor and those that go would else lie in memory together.
  std::vector<std::int64_t> shape = spec().shape(site.module);
  if (param == Param::kBias) shape.resize(1);
  const std::size_t needed = c10::elementSize(type) * static_cast<std::size_t>(c10::multiply_integers(shape));
  if (limit_ > 0) drop_down_to(limit_ > needed ? limit_ - needed : 0);
  const bool shows_file = type == at::kBFloat16 && checkpoint_->can_view(site, param, type);
  const at::Tensor tensor = shows_file ? checkpoint_->view(site, param, type) : checkpoint_->load(site, param, type);
  if (!shows_file) checkpoint_->release(site, param);
  bytes_ += tensor.nbytes();
  loaded_.emplace(key, Loaded{tensor, uses_.insert(uses_.end(), key)});
  return tensor;
}

void Weights::drop_down_to(std::size_t bytes) {
  while (bytes_ > bytes && !uses_.empty()) {
    const Key oldest = uses_.front();
    const auto it = loaded_.find(oldest);
    bytes_ -= it->second.tensor.nbytes();
    loaded_.erase(it);
    uses_.pop_front();
    checkpoint_->release(oldest.site, oldest.param);  // what shows the file
  }
}

void Weights::limit(std::size_t bytes) {
  limit_ = bytes;
  if (bytes > 0) drop_down_to(bytes);
}

void Weights::forget() { drop_down_to(0); }

}  // namespace deltascape::engine
