// Owns what MODEL… stands for (docs/design.md §4.2): paths, folders of models, patterns, names of a store, label=MODEL,
// lists, hub ids and their addresses.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "store/store.h"

namespace deltascape::store {

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

struct WordOptions {
  bool recursive = false;  // models deeper than in the folders of a folder
};

struct Words {
  std::vector<ModelRef> models;    // in the order given
  std::vector<std::string> notes;  // one line each: folders that could not be looked into
};

// What exists as a path is a path, and a folder that is no model stands for the models below it; else it is a name of
// the store; else it splits at the first '=' into a label and a MODEL; "@list.txt" holds a MODEL a line, as if typed
// here (blank lines and lines that start with '#' are skipped), "@list.jsonl" {"model","name","label"} a line; a
// pattern (*, ?, […]) stands for what matches; else it is a hub id or the address of its page. A label before a list, a
// folder or a pattern holds for its models without one.
// A model that is not there is kept, with a hint for its message: it fails later, by itself. Throws Error for a list
// that cannot be read, a pattern that nothing matches, and two models of one chosen name.
Words expand_words(const std::vector<std::string>& words, StoreAtHand& store, const WordOptions& options);

// One MODEL of a verb that takes a single one: its path or hub id. Error(kNotFound) for what is neither, and near a
// name of the store.
std::string model_path(const std::string& word, StoreAtHand& store);

// What a model is called before collisions are looked at: last component of its path, or its hub id.
std::string first_name(const std::string& path);

}  // namespace deltascape::store
