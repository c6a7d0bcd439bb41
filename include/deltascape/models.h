// What users type for models (docs/design.md §4.2): paths, folders of models, patterns, names of a store, label=MODEL,
// lists, hub ids and their addresses -> one ModelRef a model, with its label, of one shard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/store.h"

namespace deltascape {

// 1 <= index <= count. Item k (from 0) belongs to it where k mod count == index - 1 (docs/design.md §4.2).
struct Shard {
  std::uint64_t index = 1, count = 1;
  bool holds(std::uint64_t item) const { return item % count == index - 1; }
};

struct ExpandOptions {
  std::string labels_file;    // CSV of name,label; empty: none
  std::string label_pattern;  // regular expression on the path; empty: none
  Shard shard;
  std::string store_file{};  // where names are looked up; empty: nowhere
  bool store_named = false;  // by the user, not by default
  bool recursive = false;    // models deeper than in the folders of a folder
  std::string name{};        // what the one model is called; empty: its own name
};

struct Expansion {
  std::vector<ModelRef> models;    // of this shard, in the order given; path as typed, label and name filled
  std::vector<std::string> notes;  // one line each: folders that could not be looked into, labels that name no model
};

// What exists as a path is a path, and a folder that is no model stands for the models below it; else it is a name of
// the store; else it splits at the first '=' into a label and a MODEL; "@list.txt" holds a MODEL a line, as if typed
// here (blank lines and lines that start with '#' are skipped), "@list.jsonl" {"model","name","label"} a line; a
// pattern (*, ?, […]) stands for what matches; else it is a hub id or the address of its page. A label before a list, a
// folder or a pattern holds for its models without one. A label typed wins over the labels file (by name, else by
// path), which wins over the pattern.
// A model that is not there is kept, with a hint for its message: it fails later, by itself. Throws Error for a list or
// a labels file that cannot be read, a pattern that nothing matches, two models of one chosen name, and
// ExpandOptions::name with another number of models than one.
Expansion expand_models(const std::vector<std::string>& words, const ExpandOptions& options = {});

// Labels by name from a CSV of name,label. A first row "name,label" is a title; blank rows are skipped; another number
// of columns than two is Error(kBadFile), as is a name with two different labels.
std::map<std::string, std::string> read_labels(const std::string& file);

namespace store {

// The store in which a word that is no path is looked up as a name; opened when the first one asks.
class StoreAtHand {
 public:
  // A file that is not there is no store at hand. One that cannot be read is an error where the user named it
  // (`named`), and otherwise none.
  StoreAtHand(std::filesystem::path file, bool named) : file_(std::move(file)), named_(named) {}
  // What the text stands for (Store::find). Error(kUsage) where it stands for several contents.
  std::optional<Found> find(const std::string& text);
  // How a message ends that says that `word` is nowhere: names that are near, or that none is; empty without a store.
  std::string absent(const std::string& word);

 private:
  Store* store();
  std::filesystem::path file_;
  bool named_, asked_ = false;
  std::unique_ptr<Store> store_;
};

// One MODEL where a single one is asked for: its path or hub id. Error(kNotFound) for what is neither, and near a name
// of the store.
std::string model_path(const std::string& word, StoreAtHand& store);

// What a model is called before collisions are looked at: last component of its path, or its hub id.
std::string first_name(const std::string& path);

}  // namespace store
}  // namespace deltascape
