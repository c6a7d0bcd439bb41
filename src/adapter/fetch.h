// Getting a model or an adapter onto this machine, refused as soon as its configuration says that it is not supported.
#pragma once

#include <filesystem>
#include <string>

#include "deltascape/progress.h"

namespace deltascape::adapter {

// hub::fetch_path(); what is downloaded is refused by its config.json or adapter_config.json before its weights come:
// throws what opening it would throw.
std::filesystem::path fetch_model(const std::string& model, Progress& progress);

}  // namespace deltascape::adapter
