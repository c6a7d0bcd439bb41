#include "store/added_tables.h"

#include <algorithm>
#include <map>

namespace deltascape::store {
namespace {

constexpr const char* kAddedTables = R"(
CREATE TABLE IF NOT EXISTS alias (
  text TEXT NOT NULL, variant_hash TEXT NOT NULL,
  PRIMARY KEY (text, variant_hash)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alias_content ON alias (variant_hash);
CREATE TABLE IF NOT EXISTS cluster (
  variant INTEGER PRIMARY KEY REFERENCES variant (id) ON DELETE CASCADE,
  cluster INTEGER NOT NULL, name TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS variant_path ON variant (path);
)";

// In order, each once, without what the record says anyway.
void set_aliases(Record& record, std::vector<std::string> texts) {
  std::erase_if(texts, [&](const std::string& text) { return text == record.name || text == record.path; });
  std::sort(texts.begin(), texts.end());
  record.aliases = std::move(texts);
}

}  // namespace

void AddedTables::create(Database& database) { database.run(kAddedTables); }

bool AddedTables::are_in(Database& database) {
  return database.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('alias', 'cluster')") ==
         2;
}

AddedTables::AddedTables(Database& database)
    : database_(database),
      add_(database, "INSERT OR IGNORE INTO alias (text, variant_hash) VALUES (?, ?)"),
      take_(database, "DELETE FROM alias WHERE text = ? AND variant_hash != ?"),
      other_(database, "SELECT text FROM alias WHERE variant_hash = ? AND text != ? AND text LIKE '/%' ORDER BY text"),
      remove_(database, "DELETE FROM alias WHERE variant_hash = ?"),
      aliases_(database, "SELECT text FROM alias WHERE variant_hash = ?"),
      cluster_(database,
               "SELECT c.cluster, c.name FROM cluster c JOIN variant v ON v.id = c.variant WHERE v.name = ?") {}

void AddedTables::add_alias(const std::string& text, const std::string& variant_hash) {
  const Use use(add_);
  add_.bind(text).bind(variant_hash).step();
}

void AddedTables::take_path(const std::string& path, const std::string& variant_hash) {
  const Use use(take_);
  take_.bind(path).bind(variant_hash).step();
}

std::optional<std::string> AddedTables::other_path(const std::string& variant_hash, const std::string& path) {
  const Use use(other_);
  if (!other_.bind(variant_hash).bind(path).step()) return std::nullopt;
  return other_.text(0);
}

void AddedTables::remove_aliases(const std::string& variant_hash) {
  const Use use(remove_);
  remove_.bind(variant_hash).step();
}

// What was found before among the same rows is out of date: a map must not mix two clusterings.
void AddedTables::keep_clusters(const std::vector<Assignment>& assignments) {
  Statement forget(database_,
                   "DELETE FROM cluster WHERE variant IN (SELECT v.id FROM variant v WHERE v.space = "
                   "(SELECT space FROM variant WHERE name = ?))");
  Statement keep(database_,
                 "INSERT OR REPLACE INTO cluster (variant, cluster, name) SELECT id, ?, ? FROM variant WHERE name = ?");
  // All of them are of one space: they were compared.
  if (!assignments.empty()) forget.bind(assignments.front().variant).execute();
  for (const Assignment& a : assignments) {
    if (!a.cluster) continue;
    const Use use(keep);
    keep.bind(*a.cluster).bind(a.cluster_name).bind(a.variant).step();
  }
}

void AddedTables::attach(std::vector<Record>& records) {
  std::map<std::string, std::vector<std::string>> texts;  // by content
  Statement aliases(database_, "SELECT variant_hash, text FROM alias");
  while (aliases.step()) texts[aliases.text(0)].push_back(aliases.text(1));
  std::map<std::string, std::pair<std::int64_t, std::string>> clusters;  // by name
  Statement found(database_, "SELECT v.name, c.cluster, c.name FROM cluster c JOIN variant v ON v.id = c.variant");
  while (found.step()) clusters[found.text(0)] = {found.integer(1), found.text(2)};
  for (Record& record : records) {
    if (const auto own = texts.find(record.variant_hash); own != texts.end()) set_aliases(record, own->second);
    const auto cluster = clusters.find(record.name);
    if (cluster == clusters.end()) continue;
    record.cluster = cluster->second.first;
    record.cluster_name = cluster->second.second;
  }
}

void AddedTables::attach(Record& record) {
  std::vector<std::string> texts;
  const Use aliases(aliases_), found(cluster_);
  aliases_.bind(record.variant_hash);
  while (aliases_.step()) texts.push_back(aliases_.text(0));
  set_aliases(record, std::move(texts));
  if (!cluster_.bind(record.name).step()) return;
  record.cluster = cluster_.integer(0);
  record.cluster_name = cluster_.text(1);
}

}  // namespace deltascape::store
