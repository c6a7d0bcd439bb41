// The anchors of relative representations: few-shot finetunes of a base on named tasks, trained once and kept.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/relative.h"
#include "study/controls.h"

namespace deltascape::study {

struct Anchor {
  std::string name, examples;  // examples: JSONL
  ControlKey key;              // of its run
};

// In the order of their names. Error(kUsage) for two of one name or of the same examples; what reading them throws.
std::vector<Anchor> anchors_of(const RelativeOptions& options);

// What all the runs depend on but their base.
std::string hash_of(const std::vector<Anchor>& anchors, const TrainOptions& training);

// Those kept in the store that compare with `like`, one an anchor; without a mean where none is kept.
std::vector<store::Record> kept_anchors(const std::vector<Anchor>& anchors, const std::filesystem::path& store,
                                        const store::Record& like);

// Trains one on training.base, embeds it and keeps it in the store. `place`: " (3 of 29)".
store::Record make_anchor(const Anchor& anchor, const RelativeOptions& options, const EmbedOptions& embedding,
                          const std::string& place, Progress& progress);

}  // namespace deltascape::study
