#include "adapter/fetch.h"

#include "adapter/peft_config.h"
#include "deltascape/error.h"
#include "hub/fetch.h"
#include "io/file.h"
#include "io/json.h"
#include "model/spec.h"

namespace deltascape::adapter {
namespace {

void check_configuration(const std::filesystem::path& folder) {
  const auto adapter = folder / "adapter_config.json", model = folder / "config.json";
  if (io::exists(adapter)) require_supported(read_peft_config(folder), folder);
  else if (io::exists(model)) model::spec_from_config(io::read_json(model), model);
}

}  // namespace

std::filesystem::path fetch_model(const std::string& model, Progress& progress) {
  return hub::fetch_path(model, progress, check_configuration);
}

}  // namespace deltascape::adapter
