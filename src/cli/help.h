// Owns the words about verbs that were not typed, or not right.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace deltascape::cli {

// "unknown command or option 'emebd'; did you mean embed? (see deltascape embed --help)".
std::string unknown_verb(const CLI::App& app, const std::string& typed);

}  // namespace deltascape::cli
