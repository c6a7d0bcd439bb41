// What changes a store: measurements, labels, clusters, control runs. Of a store of the current schema.
#pragma once

#include "store/rows.h"
#include "store/variants.h"

namespace deltascape::store {

// Every function runs inside a transaction of the caller's.
class Writer {
 public:
  Writer(Database& database, Lookup& lookup);

  // keep_richer: as put_all() does.
  Store::Kept put(const Record& record, Store::Replace replace, bool keep_richer = false);
  void put_control(const ControlRun& run);
  void remove(const Query& which);
  void remove_without_measurement() { variants_.remove_without_measurement(); }
  void set_label(const std::string& name, const std::string& label) { variants_.set_label(name, label); }
  void keep_clusters(std::int64_t space, const std::vector<Assignment>& assignments);

 private:
  struct Measurement {
    std::int64_t id = 0;
    bool replaced = false;
  };
  Measurement keep_measurement(const Record& record, const Variants::Row& variant, bool keep_richer = false);
  bool is_richer(std::int64_t measurement, const Record& than);
  const SpaceRow& space_of(const Space& space);

  Database& database_;
  Variants variants_;
  MeasurementWriter measurements_;
  Statement measured_, forget_, richer_;
  // As of the last look: spaces join, and none ever goes.
  std::optional<SpaceTable> spaces_;
  std::optional<std::pair<std::string, std::int64_t>> last_space_;  // of a run of records: canonical form, id
};

}  // namespace deltascape::store
