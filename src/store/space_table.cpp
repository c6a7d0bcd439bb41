#include "store/space_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deltascape/error.h"
#include "io/json.h"
#include "store/schema_1.h"

namespace deltascape::store {
namespace {

std::map<std::string, std::string> read_parameters(const std::string& text, const std::filesystem::path& file) {
  const io::Json json = io::parse_json(text, file.string() + ": space.parameters");
  std::map<std::string, std::string> out;
  bool texts = json.is_object();
  for (const auto& [name, value] : json.items()) {
    texts = texts && value.is_string();
    if (texts) out[name] = value.get<std::string>();
  }
  if (!texts)
    throw Error(ErrorCode::kBadFile, "the parameters of a space are an object of texts",
                {.path = file.string(), .field = "space.parameters", .expected = {}, .found = one_line(text, 60)});
  return out;
}

}  // namespace

void insert_space(Database& database, const SpaceRow& row) {
  const std::string parameters =
      nlohmann::json(row.space.parameters).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  Statement insert(database,
                   "INSERT INTO main.space (id, hash, representation, parameters, base, base_name, tokenizer) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.bind(row.id).bind(row.hash).bind(row.space.representation).bind(parameters).bind(row.space.base);
  insert.bind(row.space.base_name).bind(row.space.tokenizer).execute();
}

SpaceTable::SpaceTable(Database& database, std::int64_t version) {
  if (version == 1) {
    rows_ = spaces_of_schema_1(database, "");
    return;
  }
  Statement rows(database,
                 "SELECT id, hash, representation, parameters, base, base_name, tokenizer FROM space ORDER BY id");
  while (rows.step())
    rows_.push_back({rows.integer(0), rows.text(1),
                     Space{.representation = rows.text(2),
                           .parameters = read_parameters(rows.text(3), database.file()),
                           .base = rows.text(4),
                           .base_name = rows.text(5),
                           .tokenizer = rows.text(6)}});
}

const SpaceRow* SpaceTable::by_id(std::int64_t id) const {
  const auto found = std::ranges::lower_bound(rows_, id, {}, &SpaceRow::id);
  return found == rows_.end() || found->id != id ? nullptr : &*found;
}

const SpaceRow* SpaceTable::by_hash(const std::string& hash) const {
  const auto found = std::ranges::find(rows_, hash, &SpaceRow::hash);
  return found == rows_.end() ? nullptr : &*found;
}

}  // namespace deltascape::store
