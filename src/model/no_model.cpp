#include "model/no_model.h"

#include <algorithm>

#include "deltascape/error.h"
#include "hub/find_models.h"
#include "io/file.h"
#include "io/tensor_file.h"

namespace deltascape::model {
namespace {

namespace fs = std::filesystem;

// The first *.safetensors file in a folder that holds pairs of LoRA, by its tensors' names; empty where there is none.
std::string lora_file(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() != ".safetensors") continue;
    try {
      const auto file = io::open_safetensors(it->path());
      if (std::ranges::any_of(file->tensors(), [](const io::TensorInfo& t) {
            return t.name.find("lora_") != std::string::npos || t.name.find("ia3_l") != std::string::npos;
          }))
        return it->path().filename().string();
    } catch (const Error&) {  // an unreadable one is no adapter
    }
  }
  return "";
}

std::size_t models_below(const fs::path& folder) {
  return hub::find_models(folder, {.entries = 10'000, .tell_depth = false}).models.size();
}

}  // namespace

void refuse_folder(const fs::path& folder) {
  const auto because = [&](const std::string& what) {
    return Error(ErrorCode::kNotFound, what, {.path = folder.string()});
  };
  if (io::exists(folder / "adapter_config.json"))
    throw because("this is an adapter, not a base: give the model it was trained on");
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"})
    if (io::exists(folder / name))
      throw because(std::string("adapter_config.json is missing beside ") + name +
                    ": copy it from where the adapter was saved, it holds rank and alpha");
  if (const std::string name = lora_file(folder); !name.empty())
    throw because(
        name +
        " holds an adapter, but adapter_config.json is missing: save it with PEFT's save_pretrained, which writes "
        "adapter_model.safetensors and adapter_config.json");
  std::error_code failed;
  if (fs::is_empty(folder, failed)) throw because("not a model: the folder is empty");
  if (const std::size_t models = models_below(folder); models > 0)
    throw because("not a model, but a folder with " + std::to_string(models) +
                  (models == 1 ? " model below: give its folder" : " models below: give their folders") + ", or " +
                  option("recursive") + " where several models are asked for");
  throw because("not a model: there is neither config.json nor adapter_config.json in it");
}

void refuse_file(const fs::path& file) {
  const bool weights = file.extension() == ".safetensors" || file.extension() == ".bin";
  const bool there = io::exists(file);
  std::string what = there ? "not a model" : "no such file or directory";
  if (there && weights)
    what = "a file of weights alone: give the folder it lies in, with config.json or adapter_config.json beside it";
  throw Error(there ? ErrorCode::kUnsupported : ErrorCode::kNotFound, what,
              {.path = file.string(), .expected = "a Hugging Face directory, a .gguf file or a hub id"});
}

}  // namespace deltascape::model
