// Where the records of an embedding go: a name each, a store, an npz (docs/design.md §4.3).
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"
#include "deltascape/store.h"

namespace deltascape {

struct EmbedTargets {
  std::string store_file;  // empty: no store
  std::string npz_file;    // empty: no npz
};

class EmbedResults {
 public:
  // Opens the store that is there; another is made with the first record, so that a run that fails leaves none behind.
  // Error(kUsage) for an npz that does not end in .npz and for a chosen name that the store has for another path,
  // kNotFound for a folder that is not there, kIo for a store that cannot be written: all before hours of work.
  // `progress` outlives this, and is told of names that are others than one would think.
  EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, Progress& progress = silent_progress());
  // Gives the record its final name and keeps it. Same content keeps the name it has (docs/design.md §4.3); a model
  // that was trained again in place takes its row over.
  void add(store::Record record);
  // Writes the npz, if there is one to write.
  void finish() const;
  // One a variant, in the order in which the models were given; without vectors.
  std::vector<store::Record> rows() const;

 private:
  void check_chosen_names() const;
  std::string choose_name(const store::Record& record) const;
  void open_store();
  void put_in_store(store::Record& record);
  void tell_of_path(const std::string& path, const store::Store::Kept& kept) const;
  void require_one_base(const store::Record& record) const;

  // What is kept of a record until the end, and the place of its model among those given.
  struct Kept {
    std::size_t place = 0;
    store::Record facts;
    store::Record for_npz;  // filled when an npz is written
  };

  std::vector<const Kept*> in_order() const;

  EmbedTargets targets_;
  Progress& progress_;
  std::map<std::string, std::size_t> place_of_;  // path as the user gave it -> its first place
  std::map<std::string, std::string> chosen_;    // path as the user gave it -> the name that the user chose
  std::unique_ptr<store::Store> store_;
  std::set<std::string> taken_;                     // names that hold content
  std::map<std::string, std::string> name_of_run_;  // content -> name, of this run
  std::map<std::string, Kept> kept_;                // by name
};

// embed() into the targets, which are checked first, and an npz of several bases too.
struct EmbeddedInto {
  EmbedReport report;
  std::vector<store::Record> rows;  // EmbedResults::rows()
};
EmbeddedInto embed_into(const EmbedTargets& targets, const std::vector<ModelRef>& models, const EmbedOptions& options,
                        Progress& progress = silent_progress());

}  // namespace deltascape
