// Owns what MODEL… on the command line stands for (docs/design.md §4.2): paths, hub ids, label=MODEL, @lists,
// labels, shards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "deltascape/embed.h"

namespace deltascape::cli {

struct ExpandOptions {
  std::string labels_file;    // CSV of name,label; empty: none
  std::string label_pattern;  // regular expression on the path; empty: none
  Shard shard;
};

struct Expansion {
  std::vector<ModelRef> models;    // of this shard; path as typed, label and name filled
  std::vector<std::string> notes;  // one line each: rows of the labels file that name no model
};

// "What exists as a path is a path; else it splits at the first `=`." What is left and starts with '@' is a file with
// one MODEL a line, read as if its lines stood on the command line (relative to the working directory); blank lines
// and lines that start with '#' are skipped, and a label before the '@' holds for lines without one.
// A label typed wins over the labels file (by name, else by path), which wins over the pattern.
// A model that is not there is kept: it fails later, by itself. Error for a list or labels file that cannot be read.
Expansion expand_models(const std::vector<std::string>& arguments, const ExpandOptions& options);

// What a model is called before collisions are looked at: last component of its path, or its hub id.
std::string first_name(const std::string& path);

}  // namespace deltascape::cli
