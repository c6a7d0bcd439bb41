// The variants of a store and their other names, as put() keeps them (docs/design.md §4.3).
#pragma once

#include "store/lookup.h"

namespace deltascape::store {

class Variants {
 public:
  // Of a store of the current schema.
  Variants(Database& database, Lookup& lookup);

  // The row of the record's variant, made or brought up to date, and its name. As Store::put().
  struct Row {
    std::int64_t id = 0;
    std::string name;
    bool is_new = false;
    std::int64_t outdated = 0;  // as Store::Kept
    std::vector<std::string> displaced;
  };
  Row keep(const Record& record, Store::Replace replace);
  void set_label(const std::string& name, const std::string& label);
  void remove_without_measurement();

 private:
  struct Kept {
    std::int64_t id = 0;
    std::string name, path;
    bool same_content = true;  // as the record's; else it is the record's from now on
    std::int64_t outdated = 0;
  };
  std::optional<Kept> of_content(const std::string& variant_hash);
  std::vector<std::string> give_way(const Record& record, std::optional<Kept>& kept);
  std::optional<std::string> other_path(std::int64_t variant, const std::string& path);
  std::int64_t take_over(const Lookup::Place& place, const std::string& variant_hash);
  Row insert(const Record& record);
  void update(const Kept& kept, const Record& record);
  void add_alias(const std::string& text, std::int64_t variant);

  Database& database_;
  Lookup& lookup_;
  Statement of_content_, of_name_, insert_, update_, label_, move_, become_, forget_, alias_, take_path_, other_path_,
      forget_aliases_;
};

}  // namespace deltascape::store
