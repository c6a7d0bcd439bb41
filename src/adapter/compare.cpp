#include "adapter/compare.h"

#include "adapter/adapter.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "hub/resolve.h"

namespace deltascape::adapter {
namespace {

constexpr std::size_t kMostBases = 64;  // open at a time: a folder may name thousands

// Returns what is to be noted of it.
std::vector<std::string> require_fit(const std::filesystem::path& local, const model::Checkpoint& base) {
  if (holds_adapter(local)) return Adapter::check(local, base);
  const auto variant = model::Checkpoint::open(local);
  if (const auto error = model::misfit(*variant, base)) throw *error;
  return variant->notes();
}

std::filesystem::path local_path(const std::string& name) try {
  return hub::resolve(name).path;
} catch (const Error& e) {
  if (e.code() != ErrorCode::kNotFound) throw;
  throw Error(ErrorCode::kNotFound, "its base is not on this machine: " + name);
}

}  // namespace

NamedBases::Base NamedBases::find(const std::string& name) {
  // Opening under the lock: most adapters of a folder wait for the same base.
  const std::scoped_lock lock(mutex_);
  if (const auto it = bases_.find(name); it != bases_.end()) return it->second;
  if (bases_.size() >= kMostBases) bases_.clear();
  Base base;
  try {
    base.model = model::Checkpoint::open(local_path(name));
  } catch (const std::exception& e) {
    base.problem = one_line(e.what(), 390);
  }
  return bases_.emplace(name, std::move(base)).first->second;
}

void compare(Inspection& found, const std::filesystem::path& local, const model::Checkpoint& base,
             const std::string& name) {
  found.compared_with = name;
  try {
    found.note = listed(require_fit(local, base), "; ");
    found.fits = true;
    if (found.family.empty()) found.family = base.spec().architecture->model_type;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kMismatch) found.fits = false;
    found.verdict = "refused";
    found.reason = e.what();
    found.precision.clear();
  }
}

}  // namespace deltascape::adapter
