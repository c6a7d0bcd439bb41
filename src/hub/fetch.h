// Owns turning what a user calls a model into a local path, downloading what the Hugging Face cache misses.
#pragma once

#include <functional>

#include "deltascape/progress.h"
#include "hub/environment.h"
#include "hub/resolve.h"

namespace deltascape::hub {

// resolve(), and for a hub id whose files are not all in the cache a download of those that a model needs
// (needed.h). A whole snapshot in the cache is used without asking the hub. When the hub is out of reach, or the
// cache cannot be written, weights that are in the cache do, with a note. Settings::offline: the cache alone.
// `check` sees the folder of a download once its configuration is there, before the weights: what it throws ends the
// download.
using ConfigurationCheck = std::function<void(const std::filesystem::path& folder)>;
Resolved fetch(const std::string& model, Progress& progress, const Settings& settings,
               const ConfigurationCheck& check = {});
// settings_from_environment(), read for hub ids only
Resolved fetch(const std::string& model, Progress& progress, const ConfigurationCheck& check = {});
// The same, with the note told to `progress`.
std::filesystem::path fetch_path(const std::string& model, Progress& progress, const ConfigurationCheck& check = {});

}  // namespace deltascape::hub
