#include "store/variants.h"

#include "core/identity.h"
#include "deltascape/error.h"
#include "store/names.h"

namespace deltascape::store {

Variants::Variants(Database& database, Lookup& lookup)
    : database_(database),
      lookup_(lookup),
      of_content_(database, "SELECT id, name, path FROM variant WHERE content_hash = ?"),
      of_name_(database, "SELECT 1 FROM variant WHERE name = ?"),
      insert_(database, "INSERT INTO variant (content_hash, name, label, path) VALUES (?, ?, ?, ?)"),
      update_(database, "UPDATE variant SET path = ?, label = coalesce(nullif(?, ''), label) WHERE id = ?"),
      label_(database, "UPDATE variant SET label = ? WHERE name = ?"),
      move_(database, "UPDATE variant SET path = ? WHERE id = ?"),
      become_(database, "UPDATE variant SET content_hash = ? WHERE id = ?"),
      forget_(database, "DELETE FROM measurement WHERE variant = ?"),
      alias_(database, "INSERT OR IGNORE INTO alias (text, variant) VALUES (?, ?)"),
      take_path_(database, "DELETE FROM alias WHERE text = ? AND variant != ?"),
      other_path_(database, "SELECT text FROM alias WHERE variant = ? AND text != ? AND text LIKE '/%' ORDER BY text"),
      forget_aliases_(database, "DELETE FROM alias WHERE variant = ?") {}

Variants::Row Variants::keep(const Record& record, Store::Replace replace) {
  std::optional<Kept> kept = of_content(record.variant_hash);
  std::vector<std::string> displaced;
  if (replace == Store::Replace::kContentOrPath) displaced = give_way(record, kept);
  Row out = kept ? Row{kept->id, kept->name, false, kept->outdated, {}} : insert(record);
  out.displaced = std::move(displaced);
  if (kept) update(*kept, record);
  for (const std::string& alias : record.aliases)
    if (!alias.empty()) add_alias(alias, out.id);
  if (replace == Store::Replace::kContentOrPath) {  // the path holds this content now, and no other
    const Use use(take_path_);
    take_path_.bind(record.path).bind(out.id).step();
  }
  return out;
}

std::optional<Variants::Kept> Variants::of_content(const std::string& variant_hash) {
  const Use use(of_content_);
  if (!of_content_.bind(variant_hash).step()) return std::nullopt;
  return Kept{of_content_.integer(0), of_content_.text(1), of_content_.text(2)};
}

// What is known of the record's path is out of date, unless it is the record's content. A content that lies elsewhere,
// too, stays what it is. Where the record's content is known from elsewhere, models were moved, and what lay here may
// turn up again: it loses its path alone. Else it was trained again in place and becomes the record's variant, name and
// label included.
std::vector<std::string> Variants::give_way(const Record& record, std::optional<Kept>& kept) {
  std::vector<std::string> displaced;
  for (const Lookup::Place& place : lookup_.at_path(record.path)) {
    if (place.variant_hash == record.variant_hash) continue;
    if (const auto elsewhere = other_path(place.id, record.path)) {
      const Use use(move_);
      move_.bind(*elsewhere).bind(place.id).step();
    } else if (kept) {
      const Use use(move_);
      move_.bind(std::string()).bind(place.id).step();
      displaced.push_back(place.name);
    } else {
      const std::int64_t outdated = take_over(place, record.variant_hash);
      kept = of_content(record.variant_hash);
      kept->same_content = false;
      kept->outdated = outdated;
    }
  }
  return displaced;
}

std::optional<std::string> Variants::other_path(std::int64_t variant, const std::string& path) {
  const Use use(other_path_);
  if (!other_path_.bind(variant).bind(path).step()) return std::nullopt;
  return other_path_.text(0);
}

// What was measured of the old content, in whatever space, says nothing of the new one and goes. An identity by the
// rules of an older release is no sign of other content; what was measured then lies in spaces of such bases and stays.
std::int64_t Variants::take_over(const Lookup::Place& place, const std::string& variant_hash) {
  const Use become(become_);
  become_.bind(variant_hash).bind(place.id).step();
  if (Identity::is_current(place.variant_hash) != Identity::is_current(variant_hash)) return 0;
  const Use forget(forget_), aliases(forget_aliases_);
  forget_.bind(place.id).step();
  const std::int64_t outdated = sqlite3_changes(database_.handle());
  forget_aliases_.bind(place.id).step();
  return outdated;
}

Variants::Row Variants::insert(const Record& record) {
  {
    const Use use(of_name_);
    if (of_name_.bind(record.name).step())
      throw Error(ErrorCode::kMismatch, "the store holds other content by this name; give the new one another name",
                  {.path = database_.file().string(), .field = record.name, .expected = {}, .found = {}});
  }
  const Use use(insert_);
  insert_.bind(record.variant_hash).bind(record.name).bind(record.label).bind(record.path).step();
  return {sqlite3_last_insert_rowid(database_.handle()), record.name, true, 0, {}};
}

void Variants::update(const Kept& kept, const Record& record) {
  {
    const Use use(update_);
    update_.bind(record.path).bind(record.label).bind(kept.id).step();
  }
  if (kept.same_content && !kept.path.empty() && kept.path != record.path && stored_path(kept.path) != record.path)
    add_alias(kept.path, kept.id);
}

void Variants::add_alias(const std::string& text, std::int64_t variant) {
  const Use use(alias_);
  alias_.bind(text).bind(variant).step();
}

void Variants::set_label(const std::string& name, const std::string& label) {
  const Use use(label_);
  label_.bind(label).bind(name).step();
}

void Variants::remove_without_measurement() {
  database_.run("DELETE FROM variant WHERE NOT EXISTS (SELECT 1 FROM measurement m WHERE m.variant = variant.id)");
}

}  // namespace deltascape::store
