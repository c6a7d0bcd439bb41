#include "store/conditions.h"

#include <algorithm>
#include <set>

#include "core/closest.h"
#include "core/text.h"
#include "deltascape/error.h"
#include "store/names.h"
#include "store/rows.h"

namespace deltascape::store {
namespace {

// A field is a column of a measurement or variant, or a function of its space; the base's name is either.
struct Field {
  const char* name;
  const char* column;
  std::string (*of_space)(const Space&);
};
const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {"name", "v.name", nullptr},
      {"label", "v.label", nullptr},
      {"path", "v.path", nullptr},
      {"base", "m.base_name", [](const Space& s) { return s.base_name; }},
      {"base_hash", nullptr, [](const Space& s) { return s.base; }},
      {"tokenizer", nullptr, [](const Space& s) { return s.tokenizer; }},
      {"probes", nullptr, [](const Space& s) { return s.parameter("probes"); }},
      {"representation", nullptr, [](const Space& s) { return s.representation; }},
      {"layer", nullptr, [](const Space& s) { return s.parameter("layer"); }},
      {"position", nullptr, [](const Space& s) { return s.parameter("position"); }},
      {"precision", "m.precision", nullptr},
      {"device", "m.device", nullptr},
  };
  return all;
}

std::string name_in(const std::string& condition) { return condition.substr(0, condition.find('=')); }
std::string value_in(const std::string& condition) { return condition.substr(condition.find('=') + 1); }

const Field& field_of(const std::string& condition) {
  const std::string name = name_in(condition);
  const auto known = std::ranges::find(fields(), name, &Field::name);
  if (condition.find('=') != std::string::npos && known != fields().end()) return *known;
  const std::vector<std::string> names = where_fields(), close = near_names(name, names);
  throw Error(ErrorCode::kUsage,
              option("where") + " takes FIELD=VALUE with one of these fields: " + listed(names) +
                  (close.empty() || close.front() == name ? "" : "; did you mean " + close.front() + "?"),
              {.path = "", .field = "", .expected = "", .found = condition});
}

// A base may be named in full, in short, or by the last word of its hub id.
bool is_base(const std::string& own, const std::string& value) {
  const std::string name = short_base(own);
  return own == value || name == value || name.substr(name.rfind('/') + 1) == value;
}

std::string in_spaces(const std::vector<std::int64_t>& ids) {
  std::vector<std::string> texts;
  for (const std::int64_t id : ids) texts.push_back(std::to_string(id));
  return "m.space IN (" + listed(texts) + ")";
}

}  // namespace

std::vector<std::string> where_fields() {
  std::vector<std::string> out;
  for (const Field& field : fields()) out.emplace_back(field.name);
  return out;
}

Conditions::Conditions(const Query& query, const SpaceTable& spaces, Database& database)
    : spaces_(spaces), database_(database) {
  if (!query.spaces.empty()) clauses_.push_back({in_spaces(query.spaces), {}, {}});
  for (const std::string& condition : query.where) clauses_.push_back(clause_of(condition));
}

Conditions::Clause Conditions::clause_of(const std::string& condition) const {
  const Field& field = field_of(condition);
  const std::string value = value_in(condition);
  const bool base = field.column && field.of_space;
  if (field.column && !base) return {std::string(field.column) + " = ?", {value}, condition};
  std::vector<std::int64_t> ids;
  for (const SpaceRow& row : spaces_.rows()) {
    const std::string own = field.of_space(row.space);
    if (base ? is_base(own, value) : own == value) ids.push_back(row.id);
  }
  if (!base) return {in_spaces(ids), {}, condition};
  Clause out{"(m.base_name IS NULL AND " + in_spaces(ids) + ")", {}, condition};
  Statement names(database_, "SELECT DISTINCT base_name FROM measurement WHERE base_name IS NOT NULL");
  while (names.step())
    if (is_base(names.text(0), value)) out.texts.push_back(names.text(0));
  for (std::size_t i = 0; i < out.texts.size(); ++i) out.sql += " OR m.base_name = ?";
  out.sql = "(" + out.sql + ")";
  return out;
}

std::string Conditions::sql(std::size_t clauses) const {
  std::string out;
  for (std::size_t i = 0; i < clauses; ++i) out.append(i == 0 ? " WHERE " : " AND ").append(clauses_[i].sql);
  return out;
}

std::string Conditions::sql() const { return sql(clauses_.size()); }

void Conditions::bind(Statement& statement, std::size_t clauses) const {
  for (std::size_t i = 0; i < clauses; ++i)
    for (const std::string& text : clauses_[i].texts) statement.bind(text);
}

void Conditions::bind(Statement& statement) const { bind(statement, clauses_.size()); }

bool Conditions::any(std::size_t clauses) const {
  Statement one(database_, ("SELECT 1" + std::string(kMeasurements) + sql(clauses) + " LIMIT 1").c_str());
  bind(one, clauses);
  return one.step();
}

Conditions::Values Conditions::values_of(const std::string& condition, std::size_t clauses) const {
  const Field& field = field_of(condition);
  const std::string column = field.column ? field.column : "NULL", space = field.of_space ? "m.space" : "NULL";
  Statement rows(database_, ("SELECT DISTINCT " + column + ", " + space + kMeasurements + sql(clauses)).c_str());
  bind(rows, clauses);
  std::set<std::string> out;
  while (rows.step()) {
    const SpaceRow* row = rows.is_null(0) ? spaces_.by_id(rows.integer(1)) : nullptr;
    out.insert(row ? field.of_space(row->space) : rows.text(0));
  }
  return {out.begin(), out.end()};
}

// "no record has label=maths; its values are code, math; did you mean math?"
std::optional<std::string> Conditions::unmet() const {
  constexpr std::size_t kMost = 8;
  for (std::size_t i = 0; i < clauses_.size(); ++i) {
    if (any(i + 1)) continue;
    if (clauses_[i].condition.empty() || !any(i)) return std::nullopt;
    const std::string name = name_in(clauses_[i].condition), value = value_in(clauses_[i].condition);
    const Values values = values_of(clauses_[i].condition, i);
    std::vector<std::string> shown;
    for (const std::string& own : values)
      if (shown.size() < kMost) shown.push_back(own.empty() ? "\"\"" : one_line(own, 60));
    std::vector<std::string> close = near_names(value, values);
    std::erase(close, "");
    return "no record has " + name + "=" + one_line(value, 60) + "; its values are " + listed(shown) +
           (values.size() > kMost ? ", … (" + std::to_string(values.size()) + ")" : "") +
           (close.empty() || value.empty() ? "" : "; did you mean " + one_line(close.front(), 60) + "?");
  }
  return std::nullopt;
}

}  // namespace deltascape::store
