// Finding the variants that a typed text stands for: names, paths, aliases, and endings of names.
#pragma once

#include <unordered_map>

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

class Lookup {
 public:
  explicit Lookup(Database& database);

  // As Store::find().
  std::vector<Found> find(const std::string& text);
  // Variants at this path, whether it was stored absolute or, by an earlier version, relative.
  struct Place {
    std::int64_t id = 0;
    std::string variant_hash, name;
  };
  std::vector<Place> at_path(const std::string& path);

 private:
  std::vector<Found> rows(Statement& statement, const std::string& text);
  std::vector<Found> by_path(const std::string& text);
  std::vector<Found> rows_stored_relative(const std::string& path);
  std::vector<Found> by_ending(const std::string& text);
  const std::vector<std::int64_t>& stored_relative(const std::string& path);

  Database& database_;
  Statement by_name_, by_path_, by_id_, by_alias_, place_;
  // Variants whose path is relative, by the path it means here. Read once: this version writes none, and each is read
  // again when it is used.
  std::optional<std::unordered_map<std::string, std::vector<std::int64_t>>> relative_;
  // Names by each of their endings, for as long as nobody writes.
  std::unordered_map<std::string, std::vector<std::string>> endings_;
  std::pair<std::int64_t, std::int64_t> endings_as_of_ = {-1, -1};
};

}  // namespace deltascape::store
