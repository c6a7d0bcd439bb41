// What a path holds that is no model, in one line that says what to do.
#pragma once

#include <filesystem>

namespace deltascape::model {

// Throws Error: kNotFound for a folder without config.json, kUnsupported for a file of another kind.
[[noreturn]] void refuse_folder(const std::filesystem::path& folder);
[[noreturn]] void refuse_file(const std::filesystem::path& file);

}  // namespace deltascape::model
