#include "represent/opened.h"

#include <atomic>
#include <future>

#include "adapter/fetch.h"
#include "adapter/notes.h"
#include "exec/translated.h"
#include "hub/resolve.h"
#include "io/file.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using model::Checkpoint;

Opened open_variant(const Located& model, const Checkpoint& base, bool strict) {
  Opened out{.ref = &model.ref, .path = model.path};
  try {
    engine::translated([&] {
      if (adapter::holds_adapter(model.path)) {
        if (strict) adapter::require_known_options(adapter::read_peft_config(model.path), model.path);
        out.variant.adapter = adapter::Adapter::open(model.path, base);
        out.hash = out.variant.adapter->content_hash();
        out.notes = out.variant.adapter->notes();
        return;
      }
      out.variant.full = Checkpoint::open(model.path);
      out.notes = out.variant.full->notes();
      out.hash = out.variant.full->content_hash();
      // The base's own copy runs as the base: its delta is zero, not the rounding between two runs.
      if (out.variant.full->identity() == base.identity() && out.hash == base.content_hash())
        out.variant.full = nullptr;
    });
  } catch (const Error& e) {
    out.error = e;
  }
  return out;
}

std::string last_component(const std::string& path) {
  fs::path p(path);
  if (!p.has_filename()) p = p.parent_path();
  return p.filename().string();
}

}  // namespace

void fail(const ModelRef& model, const std::string& error, ErrorCode code, std::vector<EmbedFailure>& failed) {
  if (model.beside)
    throw Error(code,
                "a stored variant cannot be measured beside the new ones (put its files back, or remove it with "
                "`deltascape rm`): " +
                    error);
  failed.push_back({model.name, model.path, error, code});
}

std::vector<Opened> open_all(std::span<const Located> models, const Checkpoint& base, bool strict, int threads) {
  std::vector<Opened> out(models.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < models.size(); i = next++) out[i] = open_variant(models[i], base, strict);
  };
  std::vector<std::future<void>> others;
  for (int t = 1; t < threads; ++t) others.push_back(std::async(std::launch::async, work));
  work();
  for (auto& other : others) other.get();
  return out;
}

std::map<std::string, std::vector<Located>> by_base(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                                    std::vector<EmbedFailure>& failed, Progress& progress) {
  std::map<std::string, std::vector<Located>> out;
  for (ModelRef m : models) {
    try {
      const bool hub_id = !io::exists(m.path) && hub::parse_hub_id(m.path).has_value();
      if (m.name.empty()) m.name = hub_id ? m.path : last_component(m.path);
      std::string base = options.base;
      const fs::path path = engine::translated([&] { return adapter::fetch_model(m.path, progress); });
      if (base.empty()) {
        if (!adapter::holds_adapter(path))
          throw Error(ErrorCode::kUsage, "a full model does not say what it was finetuned from: give " + option("base"),
                      {.path = m.path});
        base = engine::translated([&] { return adapter::read_peft_config(path).base; });
        if (base.empty())
          throw Error(ErrorCode::kUsage, "the adapter does not name its base: give " + option("base"),
                      {.path = m.path, .field = "base_model_name_or_path"});
      }
      out[base].push_back({m, path});
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      const bool missing = e.code() == ErrorCode::kNotFound || e.code() == ErrorCode::kIo;
      fail(m, e.what() + (missing ? m.hint : ""), e.code(), failed);
    }
  }
  return out;
}

}  // namespace deltascape::represent
