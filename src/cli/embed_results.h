// Owns where the records of one `embed` go: a name each, the store, the npz, and the rows that are printed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/store_view.h"
#include "deltascape/embed.h"
#include "store/store.h"

namespace deltascape::cli {

struct EmbedTargets {
  std::string store_file;  // empty: no store
  std::string npz_file;    // empty: no npz
};

class EmbedResults {
 public:
  // Opens the store that is there; another is made with the first record, so that a run that fails leaves none behind.
  // Error(kUsage) for an npz that does not end in .npz and for a chosen name that the store has for another path,
  // kNotFound for a folder that is not there, kIo for a store that cannot be written: all before hours of work.
  EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, const Console& console);
  // Gives the record its final name and keeps it. Same content keeps the name it has (docs/design.md §4.3); a model
  // that was trained again in place takes its row over.
  void add(store::Record record);
  // Writes the npz, if there is one to write.
  void finish() const;
  // One a variant, in the order in which the models were given.
  std::vector<Summary> rows() const;

 private:
  void check_chosen_names() const;
  std::string choose_name(const store::Record& record) const;
  void open_store();
  void put_in_store(store::Record& record);
  void require_one_base(const store::Record& record) const;

  // What is kept of a record until the end, and the place of its model among those given.
  struct Kept {
    std::size_t place = 0;
    Summary summary;
    store::Record for_npz;  // filled when an npz is written
  };

  std::vector<const Kept*> in_order() const;

  EmbedTargets targets_;
  const Console& console_;
  std::map<std::string, std::size_t> place_of_;  // path as the user gave it -> its first place
  std::map<std::string, std::string> chosen_;    // path as the user gave it -> the name that the user chose
  std::unique_ptr<store::Store> store_;
  std::set<std::string> taken_;                     // names that hold content
  std::map<std::string, std::string> name_of_run_;  // content -> name, of this run
  std::map<std::string, Kept> kept_;                // by name
};

}  // namespace deltascape::cli
