// Owns converting an adapter: what may be carried, from which form to which.
#include "deltascape/convert.h"

#include <algorithm>

#include "adapter/adapter.h"
#include "adapter/fetch.h"
#include "adapter/peft_forms.h"
#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using adapter::Adapter;
using model::Checkpoint;

std::shared_ptr<const Checkpoint> open_base(const ConvertOptions& options, const std::string& named,
                                            Progress& progress) {
  const std::string& base = options.base.empty() ? named : options.base;
  if (base.empty())
    throw Error(ErrorCode::kUsage,
                "the adapter does not name its base, which defines tensor names and row order: give " + option("base"),
                {.path = options.in});
  try {
    return Checkpoint::open(adapter::fetch_model(base, progress));
  } catch (const Error& e) {
    if (!options.base.empty()) throw;
    throw Error(e.code(),
                "the base that the adapter names does not open: give " + option("base") + " (" + e.what() + ")",
                {.path = options.in});
  }
}

std::optional<io::DType> dtype_named(const std::string& name) {
  if (name.empty()) return {};
  for (const io::DType type : {io::DType::kF32, io::DType::kF16, io::DType::kBF16})
    if (name == io::info(type).name) return type;
  throw Error(ErrorCode::kUsage, "no such type",
              {.field = option("dtype"), .expected = "F32, F16 or BF16", .found = name});
}

io::DType dtype_of(const Adapter& in, bool changed) {
  const io::DType own = in.dtype();
  const bool plain = own == io::DType::kF16 || own == io::DType::kBF16;
  return plain && !changed ? own : io::DType::kF32;
}

}  // namespace

Converted convert(const ConvertOptions& options, Progress& progress) {
  if (options.to != "" && options.to != "peft" && options.to != "gguf")
    throw Error(ErrorCode::kUsage, "no such form",
                {.field = option("to"), .expected = "peft or gguf", .found = options.to});
  const std::optional<io::DType> dtype = dtype_named(options.dtype);
  const fs::path in = adapter::fetch_model(options.in, progress);
  if (!adapter::holds_adapter(in))
    throw Error(ErrorCode::kUsage, "not an adapter: a folder with adapter_config.json or a GGUF adapter is one",
                {.path = options.in});
  const adapter::PeftConfig config = adapter::read_peft_config(in);
  Converted out;
  out.form = !options.to.empty() ? options.to : config.gguf ? "peft" : "gguf";
  if (out.form == "peft" && io::exists(options.out))
    throw Error(ErrorCode::kUsage, "already exists; existing folders are not overwritten",
                {.path = options.out, .field = option("out")});
  const auto base = open_base(options, config.base, progress);
  const auto opened = Adapter::open(in, *base);
  const std::vector<adapter::LoraPair> pairs = adapter::lora_pairs(*opened);
  for (const adapter::LoraPair& pair : pairs) out.rank = std::max(out.rank, pair.low_rank.a.size(0));
  out.pairs = pairs.size();
  out.folded = out.form == "gguf" && !adapter::one_alpha(pairs);
  const adapter::LoraForm form{base->spec(), config.base.empty() ? options.base : config.base,
                               dtype.value_or(dtype_of(*opened, out.folded))};
  out.dtype = io::info(form.dtype).name;
  if (out.form == "gguf") adapter::write_gguf_lora(options.out, pairs, form);
  else adapter::write_peft_lora(options.out, pairs, form);
  return out;
}

}  // namespace deltascape
