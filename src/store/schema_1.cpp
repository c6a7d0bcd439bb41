#include "store/schema_1.h"

#include <array>
#include <map>

#include "store/rows.h"
#include "store/schema.h"

namespace deltascape::store {
namespace {

constexpr std::array kOldTables = {"variant", "space", "alias", "cluster"};
constexpr std::array kViews = {"variant", "alias", "measurement", "vector", "detail", "cluster", "control_run"};

// {variant} and so on stand for the old tables.
constexpr const char* kRowsAsVariants = R"(
CREATE TEMP VIEW variant AS
  SELECT v.id AS id, v.variant_hash AS content_hash, v.name AS name,
    coalesce(nullif(v.label, ''), (SELECT w.label FROM {variant} w
      WHERE w.variant_hash = v.variant_hash AND w.label != '' ORDER BY w.id LIMIT 1), '') AS label,
    (SELECT w.path FROM {variant} w WHERE w.variant_hash = v.variant_hash
      ORDER BY w.created DESC, w.id DESC LIMIT 1) AS path
  FROM {variant} v
  WHERE NOT EXISTS (SELECT 1 FROM {variant} w WHERE w.variant_hash = v.variant_hash AND w.id < v.id);
CREATE TEMP VIEW measurement AS
  SELECT v.id AS id, (SELECT min(w.id) FROM {variant} w WHERE w.variant_hash = v.variant_hash) AS variant,
    v.space AS space, 'vector' AS kind, v.base_name AS base_name, v.program_version AS program_version,
    v.device AS device, v.precision AS precision, v.created AS created, v.probe_count AS probe_count, v.dim AS dim,
    v.layers AS layers, v.norm AS norm, v.relative_norm AS relative_norm,
    deltascape_spread(v.standard_error, v.dim, v.probe_count) AS spread, v.numeric_error AS numeric_error,
    v.no_effect AS no_effect
  FROM {variant} v;
CREATE TEMP VIEW vector AS SELECT id AS measurement, mean FROM {variant};
CREATE TEMP VIEW detail AS SELECT id AS measurement, per_probe, standard_error FROM {variant}
  WHERE length(per_probe) > 0 OR length(standard_error) > 0;
CREATE TEMP VIEW control_run AS
  SELECT id AS measurement, substr(name, 1, instr(name || '-', '-') - 1) AS control, label AS fingerprint,
    substr(path, 10) AS settings
  FROM {variant} WHERE path LIKE 'controls {%';
)";
// What a content was called in other spaces, and where it lay.
constexpr const char* kOtherNames = R"(
  SELECT w.name AS text, v.id AS variant FROM temp.variant v JOIN {variant} w ON w.variant_hash = v.content_hash
    WHERE w.id != v.id
  UNION SELECT w.path, v.id FROM temp.variant v JOIN {variant} w ON w.variant_hash = v.content_hash
    WHERE w.path != v.path AND w.path != ''
)";
constexpr const char* kAliases = R"(
  UNION SELECT a.text, v.id FROM {alias} a JOIN temp.variant v ON v.content_hash = a.variant_hash
)";
constexpr const char* kClusters = "SELECT variant AS measurement, cluster, name FROM {cluster}";
constexpr const char* kNoClusters = "SELECT 0 AS measurement, 0 AS cluster, '' AS name WHERE 0";

// deltascape_spread(standard_error, dim, probe_count): known_spread() of such a row.
void spread(sqlite3_context* context, int, sqlite3_value** values) {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(values[0]));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[0]));
  Record record{.probe_count = sqlite3_value_int64(values[2]), .dim = sqlite3_value_int64(values[1])};
  record.standard_error.resize(size / 4);
  read_little_endian({bytes, size}, record.standard_error.data());
  if (const auto length = known_spread(record)) sqlite3_result_double(context, *length);
}

void add_spread(Database& database) {
  sqlite3_create_function_v2(database.handle(), "deltascape_spread", 3,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr, spread, nullptr, nullptr,
                             nullptr);
}

// The two tables that joined schema 1 after its first release.
bool has_table(Database& database, const std::string& name) {
  Statement one(database, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?");
  return one.bind(name).step();
}

std::string over(std::string sql, const std::string& suffix) {
  for (const char* table : kOldTables) {
    const std::string place = "{" + std::string(table) + "}", name = "main." + std::string(table) + suffix;
    for (std::size_t at = sql.find(place); at != std::string::npos; at = sql.find(place, at + name.size()))
      sql.replace(at, place.size(), name);
  }
  return sql;
}

// Most rows call their base as the space does.
void share_base_names(Database& database, const std::vector<SpaceRow>& spaces) {
  Statement share(database, "UPDATE main.measurement SET base_name = NULL WHERE space = ? AND base_name = ?");
  for (const SpaceRow& row : spaces) {
    const Use use(share);
    share.bind(row.id).bind(row.space.base_name).step();
  }
}

}  // namespace

void create_views_of_schema_1(Database& database, const std::string& suffix) {
  const bool aliases = has_table(database, "alias" + suffix), clusters = has_table(database, "cluster" + suffix);
  add_spread(database);
  std::string sql = kRowsAsVariants;
  sql += std::string("CREATE TEMP VIEW alias AS ") + kOtherNames + (aliases ? kAliases : "") + ";";
  sql += std::string("CREATE TEMP VIEW cluster AS ") + (clusters ? kClusters : kNoClusters) + ";";
  database.run(over(sql, suffix).c_str());
}

void drop_views_of_schema_1(Database& database) {
  for (const char* view : kViews) database.run(("DROP VIEW temp." + std::string(view)).c_str());
}

std::vector<SpaceRow> spaces_of_schema_1(Database& database, const std::string& suffix) {
  std::map<std::int64_t, std::string> base_names;  // of the first row of each space
  Statement names(database, over("SELECT space, base_name, min(id) FROM {variant} GROUP BY space", suffix).c_str());
  while (names.step()) base_names[names.integer(0)] = names.text(1);
  Statement rows(database, over("SELECT id, base, tokenizer, probes, representation, layer, position FROM {space} "
                                "ORDER BY id",
                                suffix)
                               .c_str());
  std::vector<SpaceRow> out;
  while (rows.step()) {
    Space space{.representation = rows.text(4),
                .parameters = {{"layer", rows.text(5)}, {"position", rows.text(6)}, {"probes", rows.text(3)}},
                .base = rows.text(1),
                .base_name = base_names[rows.integer(0)],
                .tokenizer = rows.text(2)};
    std::string hash = space.hash();
    out.push_back({rows.integer(0), std::move(hash), std::move(space)});
  }
  return out;
}

void migrate_from_schema_1(Database& database) {
  constexpr const char* kOld = "_1";
  for (const char* table : kOldTables)
    if (has_table(database, table))
      database.run(("ALTER TABLE main." + std::string(table) + " RENAME TO " + table + kOld).c_str());
  database.run("DROP INDEX IF EXISTS main.variant_path; DROP INDEX IF EXISTS main.alias_content");
  create_tables(database);
  create_views_of_schema_1(database, kOld);
  const std::vector<SpaceRow> spaces = spaces_of_schema_1(database, kOld);
  for (const SpaceRow& row : spaces) insert_space(database, row);
  for (const char* table : {"variant", "alias", "measurement", "vector", "detail", "control_run"})
    database.run((std::string("INSERT INTO main.") + table + " SELECT * FROM temp." + table).c_str());
  // Rows of the old table that belong to no variant were never shown.
  database.run(
      "INSERT INTO main.cluster SELECT c.* FROM temp.cluster c JOIN main.measurement m ON m.id = c.measurement");
  share_base_names(database, spaces);
  drop_views_of_schema_1(database);
  for (const char* table : {"cluster", "alias", "variant", "space"})
    database.run(("DROP TABLE IF EXISTS main." + std::string(table) + kOld).c_str());
}

}  // namespace deltascape::store
