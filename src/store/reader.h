// What is read of a store, of either schema. Every function runs inside a snapshot of the caller's.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>

#include "store/conditions.h"
#include "store/products.h"
#include "store/rows.h"

namespace deltascape::store {

class Reader {
 public:
  // version: of the schema.
  Reader(Database& database, std::int64_t version)
      : database_(database), version_(version), spaces_(database, version) {}

  void read(const Query& query, Numbers numbers, const std::function<void(Record)>& use) const;
  // In the order of read(). Numbers are read in the order of the file, from front to back.
  std::vector<Record> records(const Query& query, Numbers numbers) const;
  std::vector<std::string> names(const Query& query) const;
  std::vector<StoredSpace> spaces(const Query& query) const;
  Embeddings embeddings(const Query& query, std::optional<std::int64_t> row) const;
  std::vector<ControlRun> controls(const std::string& fingerprint) const;
  std::optional<std::string> unmet(const Query& query) const;

 private:
  struct Facts {
    std::vector<Record> records;                              // in name order
    std::unordered_map<std::int64_t, std::size_t> place;      // in `records`, by measurement
    std::vector<std::optional<std::int64_t>> product_spaces;  // of each, as product_space_in()
  };
  Facts facts(const Conditions& conditions) const;
  // The numbers of a measurement of inner products, from those of all of its space.
  void fill_products(std::int64_t space, Record& record) const;
  // Calls `use` with the row of each measurement and its record, in the order of read().
  void each_record(const Conditions& conditions, Numbers numbers,
                   const std::function<void(const Statement&, Record)>& use) const;
  // Calls `use` with the id of each measurement that has a row there, in their order.
  void each_row(const Conditions& conditions, const std::string& table, const std::string& columns,
                const std::function<void(std::int64_t, const Statement&)>& use) const;

  Database& database_;
  std::int64_t version_;
  SpaceTable spaces_;
  mutable std::map<std::int64_t, SpaceProducts> products_;  // of those that were asked for
};

}  // namespace deltascape::store
