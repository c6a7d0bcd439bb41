// The models of a run: which belong to which base, and their files, opened and checked.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "pass/engine.h"

namespace deltascape::represent {

// A model, and where it lies on this machine.
struct Located {
  ModelRef ref;
  std::filesystem::path path;
};

// Models by their base: the option's for all, else each adapter's own. What is named by a hub id is downloaded here,
// one after the other, before any work begins. What cannot be found joins `failed`.
std::map<std::string, std::vector<Located>> by_base(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                                    std::vector<EmbedFailure>& failed, Progress& progress);

// The model joins `failed`; one that was only to be measured beside others throws.
void fail(const ModelRef& model, const std::string& error, ErrorCode code, std::vector<EmbedFailure>& failed);

struct Opened {
  const ModelRef* ref = nullptr;
  std::filesystem::path path;
  engine::Variant variant;  // without both for the base's own copy
  std::string hash;         // of its content
  std::vector<std::string> notes;
  std::optional<Error> error;  // why it could not be opened
};

// In the order given, `threads` at a time; safe beside a running engine. `models` outlive what is opened.
std::vector<Opened> open_all(std::span<const Located> models, const model::Checkpoint& base, bool strict, int threads);

}  // namespace deltascape::represent
