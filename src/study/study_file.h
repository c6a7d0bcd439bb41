// Owns a study's configuration as JSON.
#pragma once

#include "deltascape/study.h"
#include "io/json.h"

namespace deltascape::study {

// Every option as it is used, and the base's identity.
nlohmann::ordered_json configuration(const StudyOptions& options, const std::string& base_identity);

// The first key that decides trained adapters and differs; empty when the output belongs to these options.
std::string differing_key(const io::Json& before, const io::Json& now);

}  // namespace deltascape::study
