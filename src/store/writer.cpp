#include "store/writer.h"

#include "store/conditions.h"
#include "store/schema.h"

namespace deltascape::store {

Writer::Writer(Database& database, Lookup& lookup)
    : database_(database),
      variants_(database, lookup),
      measurements_(database),
      measured_(database, "SELECT id FROM measurement WHERE variant = ? AND space = ?"),
      forget_(database, "DELETE FROM measurement WHERE id = ?"),
      richer_(database,
              "SELECT 1 FROM measurement m JOIN vector x ON x.measurement = m.id "
              "WHERE m.id = ? AND m.spread IS NOT NULL AND x.mean = ?") {}

Store::Kept Writer::put(const Record& record, Store::Replace replace, bool keep_richer) {
  Variants::Row variant = variants_.keep(record, replace);
  return {.name = variant.name,
          .replaced = keep_measurement(record, variant, keep_richer).replaced,
          .outdated = variant.outdated,
          .displaced = std::move(variant.displaced)};
}

// One that is measured again keeps its id, and nothing else.
Writer::Measurement Writer::keep_measurement(const Record& record, const Variants::Row& variant, bool keep_richer) {
  const SpaceRow& space = space_of(record.space);
  std::optional<std::int64_t> id;
  if (!variant.is_new) {
    const Use measured(measured_), forget(forget_);
    if (measured_.bind(variant.id).bind(space.id).step()) {
      id = measured_.integer(0);
      measured_.reset();
      if (keep_richer && is_richer(*id, record)) return {*id, true};
      forget_.bind(*id).step();
    }
  }
  return {measurements_.insert(record, {.id = id, .variant = variant.id, .space = &space}), id.has_value()};
}

// The same embedding, whose spread is known and that of the record is not.
bool Writer::is_richer(std::int64_t measurement, const Record& than) {
  if (known_spread(than)) return false;
  const Use use(richer_);
  return richer_.bind(measurement).bind(than.mean).step();
}

const SpaceRow& Writer::space_of(const Space& space) {
  std::string form = space.canonical();
  if (last_space_ && last_space_->first == form)
    if (const SpaceRow* known = spaces_->by_id(last_space_->second)) return *known;
  const std::string hash = space.hash();
  spaces_.emplace(database_, Schema::kCurrent);
  const SpaceRow* row = spaces_->by_hash(hash);
  if (!row) {
    const std::int64_t id = spaces_->rows().empty() ? 1 : spaces_->rows().back().id + 1;
    SpaceRow added{id, hash, space};
    if (space.base.empty()) added.space.base_name.clear();  // its measurements are of several
    insert_space(database_, added);
    spaces_.emplace(database_, Schema::kCurrent);
    row = spaces_->by_hash(hash);
  }
  last_space_.emplace(std::move(form), row->id);
  return *row;
}

void Writer::put_control(const ControlRun& run) {
  const Variants::Row variant = variants_.keep(run.record, Store::Replace::kContent);
  const std::int64_t id = keep_measurement(run.record, variant).id;
  Statement insert(database_,
                   "INSERT INTO control_run (measurement, control, fingerprint, settings) VALUES (?, ?, ?, ?)");
  insert.bind(id).bind(run.control).bind(run.fingerprint).bind(run.settings).execute();
}

void Writer::remove(const Query& which) {
  const SpaceTable spaces(database_, Schema::kCurrent);
  const Conditions conditions(which, spaces, database_);
  const std::string which_ones = "SELECT m.id" + std::string(kMeasurements) + conditions.sql();
  Statement remove(database_, ("DELETE FROM measurement WHERE id IN (" + which_ones + ")").c_str());
  conditions.bind(remove);
  remove.execute();
}

// What was found before among the same measurements is out of date: a map must not mix two clusterings.
void Writer::keep_clusters(std::int64_t space, const std::vector<Assignment>& assignments) {
  Statement forget(database_, "DELETE FROM cluster WHERE measurement IN (SELECT id FROM measurement WHERE space = ?)");
  forget.bind(space).execute();
  Statement keep(database_,
                 "INSERT OR REPLACE INTO cluster (measurement, cluster, name) SELECT m.id, ?, ? FROM measurement m "
                 "JOIN variant v ON v.id = m.variant WHERE v.name = ? AND m.space = ?");
  for (const Assignment& a : assignments) {
    if (!a.cluster) continue;
    const Use use(keep);
    keep.bind(*a.cluster).bind(a.cluster_name).bind(a.variant).bind(space).step();
  }
}

}  // namespace deltascape::store
