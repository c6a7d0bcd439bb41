#include "measure/random_adapters.h"

#include <cmath>
#include <set>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors_write.h"
#include "model/architecture.h"

namespace deltascape::measure {
namespace {

namespace fs = std::filesystem;
using model::Module;
using model::Site;

constexpr Module kAdapted[] = {Module::kQ, Module::kK, Module::kV, Module::kGate, Module::kUp, Module::kDown};

// Uniform numbers of a given standard deviation (xorshift64*, Vigna 2016): the same on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(0x9E3779B97F4A7C15u * (seed + 1)) {}
  void fill(std::vector<float>& values, double deviation) {
    const auto scale = static_cast<float>(deviation * std::sqrt(12.0) / 16777216.0);
    for (float& value : values) {
      state_ ^= state_ >> 12, state_ ^= state_ << 25, state_ ^= state_ >> 27;
      value = (static_cast<float>((state_ * 0x2545F4914F6CDD1Du) >> 40) - 8388608.0f) * scale;
    }
  }

 private:
  std::uint64_t state_;
};

struct Matrices {
  std::vector<io::TensorToWrite> tensors;
  std::vector<std::vector<float>> values;  // what `tensors` points at
};

void add(Matrices& out, const std::string& name, std::vector<std::int64_t> shape, double deviation, Chance& chance) {
  std::vector<float>& values = out.values.emplace_back(static_cast<std::size_t>(shape[0] * shape[1]));
  chance.fill(values, deviation);
  out.tensors.push_back({name, io::DType::kF32, std::move(shape), std::as_bytes(std::span(values))});
}

void write_adapter(const model::ModelSpec& spec, int rank, std::uint64_t seed, const fs::path& folder) {
  Chance chance(seed);
  Matrices matrices;
  std::set<std::string> targets;
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    for (const Module module : kAdapted) {
      const std::string path = spec.hf_name({module, layer});
      if (path.empty() || !spec.has(Site{module, layer})) continue;
      const auto shape = spec.shape(module);  // [out, in]
      targets.insert(model::last_component(path));
      const std::string name = "base_model.model.model." + path;
      add(matrices, name + ".lora_A.weight", {rank, shape[1]}, 1 / std::sqrt(static_cast<double>(shape[1])), chance);
      add(matrices, name + ".lora_B.weight", {shape[0], rank}, 0.02, chance);
    }
  if (targets.empty())
    throw Error(ErrorCode::kUnsupported, "random adapters need one of q, k, v, gate, up, down: name models instead",
                {.field = std::string(spec.architecture->model_type)});
  fs::create_directory(folder);
  io::write_safetensors(folder / "adapter_model.safetensors", matrices.tensors);
  const nlohmann::ordered_json config = {{"peft_type", "LORA"},    {"task_type", "CAUSAL_LM"},  {"r", rank},
                                         {"lora_alpha", 2 * rank}, {"target_modules", targets}, {"bias", "none"}};
  io::write_file_atomically(folder / "adapter_config.json", config.dump(2) + "\n");
}

}  // namespace

std::vector<ModelRef> make_random_adapters(const model::ModelSpec& spec, int count, int rank, const fs::path& folder,
                                           Progress& progress) {
  std::vector<ModelRef> out;
  progress.begin("making adapters", count);
  for (int i = 0; i < count; ++i) {
    const std::string name = "random-" + std::to_string(i);
    write_adapter(spec, rank, static_cast<std::uint64_t>(i), folder / name);
    out.push_back({.path = (folder / name).string(), .label = {}, .name = name});
    advance(progress, 1);
  }
  return out;
}

}  // namespace deltascape::measure
