// Owns the models of a verb: what the words stand for (store/model_words.h), with labels and shards
// (docs/design.md §4.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "deltascape/embed.h"
#include "store/model_words.h"

namespace deltascape::cli {

struct ExpandOptions {
  std::string labels_file;    // CSV of name,label; empty: none
  std::string label_pattern;  // regular expression on the path; empty: none
  Shard shard;
  std::string store_file{};  // where names are looked up; empty: nowhere
  bool store_named = false;  // by the user, not by default
  bool recursive = false;    // models deeper than in the folders of a folder
  std::string name{};        // what the one MODEL is called; empty: its own name
};

struct Expansion {
  std::vector<ModelRef> models;    // of this shard; path as typed, label and name filled
  std::vector<std::string> notes;  // one line each: rows of the labels file that name no model
};

// store::expand_words(), then the labels, then the shard. A label typed wins over the labels file (by name, else by
// path), which wins over the pattern. Error for a list or labels file that cannot be read, and for ExpandOptions::name
// with another number of models than one.
Expansion expand_models(const std::vector<std::string>& arguments, const ExpandOptions& options);

using store::first_name;

}  // namespace deltascape::cli
