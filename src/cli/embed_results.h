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
  // Opens (and creates) the store. Error(kUsage) for an npz that does not end in .npz and for a chosen name that the
  // store has for another path, kNotFound for a folder that is not there: all before hours of work.
  EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, const Console& console);
  // Gives the record its final name and keeps it. Same content keeps the name it has (DESIGN §4).
  void add(store::Record record);
  // Puts all rows into the order in which the models were given, and writes the npz, if there is one to write.
  void finish();
  const std::vector<Summary>& rows() const { return rows_; }

 private:
  void check_chosen_names() const;
  std::string choose_name(const store::Record& record) const;
  void put_in_store(store::Record& record);
  void require_one_base(const store::Record& record) const;

  EmbedTargets targets_;
  const Console& console_;
  std::map<std::string, std::size_t> typed_;   // paths as the user gave them, and which is which
  std::map<std::string, std::string> chosen_;  // path -> the name that the user chose
  std::map<std::string, std::size_t> order_;   // name of a row -> which model it is, as given
  std::unique_ptr<store::Store> store_;
  std::set<std::string> taken_;                     // names that hold content
  std::map<std::string, std::string> name_of_run_;  // content -> name, of this run
  std::vector<store::Record> for_npz_;
  std::vector<Summary> rows_;
};

}  // namespace deltascape::cli
