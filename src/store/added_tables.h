// Owns the tables that joined schema 1 after its first release: other names and paths of a content, and the clusters
// that variants were put into. A store without them is read as one that holds none; the first writer adds them.
#pragma once

#include <optional>

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

class AddedTables {
 public:
  // Inside a transaction; what is there stays.
  static void create(Database& database);
  static bool are_in(Database& database);

  // Of a database that has them.
  explicit AddedTables(Database& database);

  void add_alias(const std::string& text, const std::string& variant_hash);
  // The path holds this content now, and no other.
  void take_path(const std::string& path, const std::string& variant_hash);
  // Another absolute path at which this content has been seen.
  std::optional<std::string> other_path(const std::string& variant_hash, const std::string& path);
  void remove_aliases(const std::string& variant_hash);
  void keep_clusters(const std::vector<Assignment>& assignments);
  // Fills Record::aliases, cluster and cluster_name.
  void attach(std::vector<Record>& records);
  void attach(Record& record);

 private:
  Database& database_;
  Statement add_, take_, other_, remove_, aliases_, cluster_;
};

}  // namespace deltascape::store
