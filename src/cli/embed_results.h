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
  // Opens (and creates) the store. Error(kUsage) for an npz that does not end in .npz, kNotFound for a folder that is
  // not there: both before hours of work.
  EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, const Console& console);
  // Gives the record its final name and keeps it. Same content keeps the name it has (DESIGN §4).
  void add(store::Record record);
  // Writes the npz, if there is one to write.
  void finish() const;
  const std::vector<Summary>& rows() const { return rows_; }

 private:
  std::string choose_name(const store::Record& record) const;
  void put_in_store(store::Record& record);
  void require_one_base(const store::Record& record) const;

  EmbedTargets targets_;
  const Console& console_;
  std::set<std::string> typed_;  // paths as the user gave them
  std::unique_ptr<store::Store> store_;
  std::set<std::string> taken_;                     // names that hold content
  std::map<std::string, std::string> name_of_run_;  // content -> name, of this run
  std::vector<store::Record> for_npz_;
  std::vector<Summary> rows_;
};

}  // namespace deltascape::cli
