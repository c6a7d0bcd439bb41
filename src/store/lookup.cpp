#include "store/lookup.h"

#include <algorithm>

#include "store/names.h"

namespace deltascape::store {
namespace {

#define DELTASCAPE_FOUND "SELECT v.name, v.label, v.path, v.content_hash FROM variant v "
// Of what has lain at one path, the newest is what lies there now.
#define DELTASCAPE_NEWEST " ORDER BY (SELECT max(m.created) FROM measurement m WHERE m.variant = v.id) DESC, v.id DESC"

constexpr const char* kByName = DELTASCAPE_FOUND "WHERE v.name = ?";
constexpr const char* kByPath = DELTASCAPE_FOUND "WHERE v.path = ?" DELTASCAPE_NEWEST;
constexpr const char* kById = DELTASCAPE_FOUND "WHERE v.id = ?";
constexpr const char* kByAlias = DELTASCAPE_FOUND "JOIN alias a ON a.variant = v.id WHERE a.text = ?" DELTASCAPE_NEWEST;
#undef DELTASCAPE_FOUND
#undef DELTASCAPE_NEWEST

}  // namespace

Lookup::Lookup(Database& database)
    : database_(database),
      by_name_(database, kByName),
      by_path_(database, kByPath),
      by_id_(database, kById),
      by_alias_(database, kByAlias),
      place_(database, "SELECT id, content_hash, name FROM variant WHERE path = ?") {}

std::vector<Found> Lookup::rows(Statement& statement, const std::string& text) {
  const Use use(statement);
  statement.bind(text);
  std::vector<Found> out;
  while (statement.step())
    out.push_back({statement.text(0), statement.text(1), statement.text(2), statement.text(3), false});
  return out;
}

std::vector<Found> Lookup::find(const std::string& text) {
  std::vector<Found> found = rows(by_name_, text);
  if (!found.empty() || text.empty()) return found;
  found = by_path(text);
  if (found.empty()) found = rows(by_alias_, text);
  if (found.empty()) found = by_ending(text);
  return found;
}

std::vector<Found> Lookup::by_path(const std::string& text) {
  std::error_code failed;
  const std::string path = stored_path(text),
                    here = std::filesystem::absolute(text, failed).lexically_normal().string();
  std::vector<Found> found;
  std::vector<std::string> places = {text};  // a hub id; a path; one that is no more
  if (path != text) places.push_back(path);
  if (here != path && here != text) places.push_back(here);
  for (const std::string& place : places) {
    found = rows(by_path_, place);
    if (found.empty() && place.starts_with('/')) found = rows(by_alias_, place);
    if (found.empty() && place.starts_with('/')) found = rows_stored_relative(place);
    if (!found.empty()) break;
  }
  if (found.size() > 1) found.resize(1);
  return found;
}

std::vector<Found> Lookup::rows_stored_relative(const std::string& path) {
  std::vector<Found> out;
  for (const std::int64_t id : stored_relative(path)) {
    const Use use(by_id_);
    if (!by_id_.bind(id).step() || by_id_.text(2).starts_with('/')) continue;
    out.push_back({by_id_.text(0), by_id_.text(1), by_id_.text(2), by_id_.text(3), false});
  }
  return out;
}

std::vector<Found> Lookup::by_ending(const std::string& text) {
  const std::pair<std::int64_t, std::int64_t> now = {sqlite3_total_changes(database_.handle()),
                                                     database_.integer("PRAGMA data_version")};
  if (now != endings_as_of_) {
    endings_.clear();
    Statement names(database_, "SELECT name FROM variant ORDER BY name");
    while (names.step()) {
      const std::string name = names.text(0);
      for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        endings_[name.substr(slash + 1)].push_back(name);
    }
    endings_as_of_ = now;
  }
  std::vector<Found> out;
  const auto names = endings_.find(text);
  if (names == endings_.end()) return out;
  for (const std::string& name : names->second)
    for (Found& row : rows(by_name_, name)) {
      row.by_ending = true;
      out.push_back(std::move(row));
    }
  return out;
}

const std::vector<std::int64_t>& Lookup::stored_relative(const std::string& path) {
  static const std::vector<std::int64_t> kNone;
  if (!relative_) {
    relative_.emplace();
    Statement rows(database_, "SELECT id, path FROM variant WHERE path < '/' OR path >= '0'");
    while (rows.step()) {
      std::error_code failed;
      const std::filesystem::path here = std::filesystem::absolute(rows.text(1), failed).lexically_normal();
      if (!failed) (*relative_)[stored_path(here.string())].push_back(rows.integer(0));
    }
  }
  const auto found = relative_->find(path);
  return found == relative_->end() ? kNone : found->second;
}

std::vector<Lookup::Place> Lookup::at_path(const std::string& path) {
  std::vector<Place> out;
  if (path.empty()) return out;
  const auto take = [&](const std::string& stored) {
    const Use use(place_);
    place_.bind(stored);
    while (place_.step()) out.push_back({place_.integer(0), place_.text(1), place_.text(2)});
  };
  take(path);
  if (path.front() != '/') return out;
  std::vector<std::string> spelled;  // each once: two variants may share a relative path
  for (const Found& row : rows_stored_relative(path))
    if (std::find(spelled.begin(), spelled.end(), row.path) == spelled.end()) spelled.push_back(row.path);
  for (const std::string& stored : spelled) take(stored);
  return out;
}

}  // namespace deltascape::store
