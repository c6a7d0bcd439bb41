// What a Query asks for, as the WHERE of a SELECT over measurement m and variant v.
#pragma once

#include "store/space_table.h"

namespace deltascape::store {

class Conditions {
 public:
  // Error(kUsage) for a condition that is none of FIELD=VALUE with a field of where_fields().
  Conditions(const Query& query, const SpaceTable& spaces, Database& database);
  // " WHERE …", or empty.
  std::string sql() const;
  // Binds the parameters of sql(), which come first in its statement.
  void bind(Statement& statement) const;
  // As Store::unmet().
  std::optional<std::string> unmet() const;

 private:
  struct Clause {
    std::string sql;
    std::vector<std::string> texts;  // its parameters
    std::string condition;           // FIELD=VALUE; empty: what the query says otherwise
  };
  using Values = std::vector<std::string>;

  Clause clause_of(const std::string& condition) const;
  std::string sql(std::size_t clauses) const;
  void bind(Statement& statement, std::size_t clauses) const;
  bool any(std::size_t clauses) const;
  // In order, each once: what the field is in the rows that the first `clauses` let through.
  Values values_of(const std::string& field, std::size_t clauses) const;

  const SpaceTable& spaces_;
  Database& database_;
  std::vector<Clause> clauses_;
};

}  // namespace deltascape::store
