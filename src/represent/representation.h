// The table of representations (docs/design.md §5.6). A new one is a row here and a file that reads it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "represent/reading.h"

namespace deltascape::represent {

using Parameters = std::map<std::string, std::string>;  // by name, each in its one canonical spelling

// What stands behind a representation's name: "salient,fraction=0.01".
struct Parameter {
  const char* name;
  const char* fallback;
  const char* about;
  // The one spelling of a value. Throws Error(kUsage) for one that makes no sense.
  std::string (*canonical)(const std::string& value);
};

struct Representation {
  const char* name;
  const char* about;   // one line, for --help
  const char* source;  // paper and section
  std::vector<Parameter> parameters;
  std::vector<const char*> reads;  // fields of EmbedOptions that are of single representations, and count here
  // One of the two. `base` outlives what they give.
  std::unique_ptr<VectorReading> (*vectors)(const Base& base, const Parameters& parameters) = nullptr;
  std::unique_ptr<ProductReading> (*products)(const Base& base, const Parameters& parameters) = nullptr;
};

const std::vector<Representation>& representations();

// A row of the table, and all its parameters.
struct Chosen {
  const Representation* row;
  Parameters parameters;
};
// Of "NAME" or "NAME,PARAMETER=VALUE,…". Throws Error(kUsage) with what there is.
Chosen representation_named(const std::string& text);
// The text that chooses the representation of a space.
std::string spelled(const store::Space& space);

}  // namespace deltascape::represent
