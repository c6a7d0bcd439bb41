// The spaces of a store: few rows, read whole.
#pragma once

#include <map>

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

struct SpaceRow {
  std::int64_t id = 0;
  std::string hash;
  Space space;
};

void insert_space(Database& database, const SpaceRow& row);

// The table as of one read of it.
class SpaceTable {
 public:
  // version: of the schema. Error(kBadFile) for parameters that are not what put() writes.
  SpaceTable(Database& database, std::int64_t version);
  const std::vector<SpaceRow>& rows() const { return rows_; }
  // Null for an id that no space has.
  const SpaceRow* by_id(std::int64_t id) const;
  const SpaceRow* by_hash(const std::string& hash) const;

 private:
  std::vector<SpaceRow> rows_;  // by id
};

}  // namespace deltascape::store
