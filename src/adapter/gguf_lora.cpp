#include "adapter/gguf_lora.h"

#include <cmath>

#include "adapter/kinds.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::adapter {
namespace {

constexpr std::string_view kAdapterType = "lora";  // the one that llama.cpp has

// ORG/NAME at the end of an address, or the name that stands beside it.
std::string base_of(const io::GgufFile& file) {
  const std::string name = file.string("general.base_model.0.name").value_or("");
  const std::string address = file.string("general.base_model.0.repo_url").value_or("");
  const auto last = address.rfind('/');
  const auto before = last == std::string::npos || last == 0 ? last : address.rfind('/', last - 1);
  const bool repository = before != std::string::npos && before + 1 < last && last + 1 < address.size();
  return repository ? address.substr(before + 1) : name;
}

}  // namespace

std::unique_ptr<io::GgufFile> open_gguf_adapter(const std::filesystem::path& path) {
  if (io::exists(path / "adapter_config.json")) return nullptr;
  const std::filesystem::path file = io::single_gguf(path);
  if (!io::is_gguf(file)) return nullptr;
  auto gguf = io::GgufFile::open(file);
  const bool adapter = gguf->string("general.type").value_or("") == "adapter" || gguf->string("adapter.type");
  return adapter ? std::move(gguf) : nullptr;
}

PeftConfig read_gguf_config(const io::GgufFile& file) {
  PeftConfig out;
  out.kind = find_gguf_kind(kAdapterType);
  out.peft_type = out.kind->peft;
  out.gguf = true;
  out.rank = 0;  // each pair's own
  out.base = base_of(file);
  out.alpha = file.real("adapter.lora.alpha").value_or(0);
  if (!std::isfinite(out.alpha))
    throw Error(ErrorCode::kBadFile, "no number", {.path = file.path().string(), .field = "adapter.lora.alpha"});
  const std::string type = file.string("adapter.type").value_or("");
  if (type != kAdapterType)
    out.refusal = "GGUF adapters of type " + (type.empty() ? "none" : type) + " are not supported";
  else if (file.metadata().contains("adapter.alora.invocation_tokens"))
    out.refusal = "aLoRA (adapter.alora.invocation_tokens), which begins in the middle of a text, is not supported";
  return out;
}

std::string_view gguf_adapter_architecture(const model::Architecture& family) {
  return family.gguf_written.empty() ? family.gguf : family.gguf_written;
}

void check_architecture(const io::GgufFile& file, const model::ModelSpec& base) {
  const std::string found = file.string("general.architecture").value_or("");
  const std::string_view own = base.architecture->gguf, expected = gguf_adapter_architecture(*base.architecture);
  if (!found.empty() && (found == own || found == expected)) return;
  throw Error(ErrorCode::kMismatch, "this GGUF adapter is for another architecture than the base's",
              {.path = file.path().string(),
               .field = "general.architecture",
               .expected = expected.empty() ? "one that llama.cpp has for " + std::string(base.architecture->model_type)
                                            : std::string(expected),
               .found = found.empty() ? "none" : found});
}

}  // namespace deltascape::adapter
