// Stores of schema 1, in which a row was a variant in one space: read through views, and brought to schema 2.
#pragma once

#include "store/space_table.h"
#include "store/sqlite.h"

namespace deltascape::store {

// Temporary views variant, alias, measurement, vector, detail, cluster and control_run, as schema 2 has them, over the
// tables of schema 1, which are called `variant` and so on with `suffix` behind. Of a content in several spaces the
// first row gives the variant's name and the others' names are aliases; the newest gives its path.
void create_views_of_schema_1(Database& database, const std::string& suffix);
void drop_views_of_schema_1(Database& database);

// Inside a transaction, with foreign keys off and without the views. Rows keep their ids: a measurement has its row's,
// a variant that of its first row.
void migrate_from_schema_1(Database& database);

std::vector<SpaceRow> spaces_of_schema_1(Database& database, const std::string& suffix);

}  // namespace deltascape::store
