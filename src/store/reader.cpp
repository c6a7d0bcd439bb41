#include "store/reader.h"

#include <algorithm>
#include <unordered_map>

#include "deltascape/error.h"

namespace deltascape::store {
namespace {

// Other names and paths of a variant: in order, each once, without what the record says anyway.
class Aliases {
 public:
  // version: of the schema. The view over schema 1 has no index: there it is read once.
  Aliases(Database& database, std::int64_t version)
      : any_(database.integer("SELECT count(*) FROM (SELECT 1 FROM alias LIMIT 1)") > 0),
        texts_(database, "SELECT text FROM alias WHERE variant = ? ORDER BY text") {
    if (version != 1) return;
    read_.emplace();
    Statement all(database, "SELECT variant, text FROM alias ORDER BY text");
    while (all.step()) (*read_)[all.integer(0)].push_back(all.text(1));
  }

  void attach(Record& record, std::int64_t variant) {
    if (!any_) return;
    const auto add = [&](std::string text) {
      if (text != record.name && text != record.path) record.aliases.push_back(std::move(text));
    };
    if (read_) {
      for (const std::string& text : (*read_)[variant]) add(text);
      return;
    }
    const Use use(texts_);
    texts_.bind(variant);
    while (texts_.step()) add(texts_.text(0));
  }

 private:
  bool any_;
  Statement texts_;
  std::optional<std::unordered_map<std::int64_t, std::vector<std::string>>> read_;
};

// Before memory is taken: what the rows say that they hold is no more than the file has.
void require_room(const Embeddings& embeddings, std::int64_t layers, const std::filesystem::path& file) {
  std::uintmax_t bytes = 0;
  for (const std::filesystem::path& part : {file, std::filesystem::path(file.string() + "-wal")}) {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(part, missing);
    if (!missing) bytes += size;
  }
  const long double claimed = 4.0L * static_cast<long double>(embeddings.facts.size()) *
                              static_cast<long double>(embeddings.dim) * static_cast<long double>(layers);
  if (embeddings.dim < 1 || layers < 1 || claimed > static_cast<long double>(bytes))
    throw Error(ErrorCode::kBadFile, "the store is damaged: its rows claim more than the file holds",
                {.path = file.string(), .field = embeddings.facts.front().name + ".dim"});
}

}  // namespace

void Reader::fill_products(std::int64_t space, Record& record) const {
  auto known = products_.find(space);
  if (known == products_.end()) known = products_.try_emplace(space, database_, *spaces_.by_id(space)).first;
  known->second.fill(record);
}

void Reader::each_record(const Conditions& conditions, Numbers numbers,
                         const std::function<void(const Statement&, Record)>& use) const {
  Statement rows(database_, (select_records(numbers) + conditions.sql() + " ORDER BY v.name, m.space").c_str());
  conditions.bind(rows);
  Aliases aliases(database_, version_);
  while (rows.step()) {
    Record record = read_record(rows, spaces_, numbers, database_.file());
    aliases.attach(record, variant_in(rows));
    if (const auto space = product_space_in(rows); space && numbers != Numbers::kNone) fill_products(*space, record);
    use(rows, std::move(record));
  }
}

void Reader::read(const Query& query, Numbers numbers, const std::function<void(Record)>& use) const {
  each_record(Conditions(query, spaces_, database_), numbers,
              [&](const Statement&, Record record) { use(std::move(record)); });
}

std::vector<std::string> Reader::names(const Query& query) const {
  const Conditions conditions(query, spaces_, database_);
  const std::string sql = conditions.sql().empty() ? "SELECT name FROM variant ORDER BY name"
                                                   : "SELECT DISTINCT v.name" + std::string(kMeasurements) +
                                                         conditions.sql() + " ORDER BY v.name";
  Statement rows(database_, sql.c_str());
  conditions.bind(rows);
  std::vector<std::string> out;
  while (rows.step()) out.push_back(rows.text(0));
  return out;
}

std::vector<StoredSpace> Reader::spaces(const Query& query) const {
  const Conditions conditions(query, spaces_, database_);
  Statement rows(database_, ("SELECT m.space, count(*), max(m.dim), max(m.layers), max(m.created)" +
                             std::string(kMeasurements) + conditions.sql() + " GROUP BY m.space ORDER BY m.space")
                                .c_str());
  conditions.bind(rows);
  std::vector<StoredSpace> out;
  while (rows.step()) {
    const SpaceRow* row = spaces_.by_id(rows.integer(0));
    if (!row) continue;  // a damaged row; whoever reads it says so
    out.push_back({.id = row->id,
                   .hash = row->hash,
                   .space = row->space,
                   .variants = rows.integer(1),
                   .dim = rows.integer(2),
                   .layers = rows.integer(3),
                   .written = rows.text(4)});
  }
  return out;
}

Reader::Facts Reader::facts(const Conditions& conditions) const {
  Facts out;
  each_record(conditions, Numbers::kNone, [&](const Statement& row, Record record) {
    out.place[measurement_in(row)] = out.records.size();
    out.product_spaces.push_back(product_space_in(row));
    out.records.push_back(std::move(record));
  });
  return out;
}

void Reader::each_row(const Conditions& conditions, const std::string& table, const std::string& columns,
                      const std::function<void(std::int64_t, const Statement&)>& use) const {
  Statement rows(database_, ("SELECT m.id, " + columns + kMeasurements + " JOIN " + table +
                             " n ON n.measurement = m.id" + conditions.sql() + " ORDER BY m.id")
                                .c_str());
  conditions.bind(rows);
  while (rows.step()) use(rows.integer(0), rows);
}

std::vector<Record> Reader::records(const Query& query, Numbers numbers) const {
  const Conditions conditions(query, spaces_, database_);
  Facts facts = this->facts(conditions);
  if (numbers == Numbers::kNone) return std::move(facts.records);
  each_row(conditions, "vector", "n.mean", [&](std::int64_t id, const Statement& row) {
    read_mean(row.blob(1), facts.records[facts.place.at(id)], database_.file());
  });
  for (std::size_t i = 0; i < facts.records.size(); ++i) {
    Record& record = facts.records[i];
    if (facts.product_spaces[i]) fill_products(*facts.product_spaces[i], record);
    else if (record.mean.empty()) read_mean({}, record, database_.file());  // no row: damaged
  }
  if (numbers == Numbers::kAll)
    each_row(conditions, "detail", "n.per_probe, n.standard_error", [&](std::int64_t id, const Statement& row) {
      read_detail(row.blob(1), row.blob(2), facts.records[facts.place.at(id)], database_.file());
    });
  return std::move(facts.records);
}

Embeddings Reader::embeddings(const Query& query, std::optional<std::int64_t> row) const {
  const Conditions conditions(query, spaces_, database_);
  Facts facts = this->facts(conditions);
  Embeddings out{.facts = std::move(facts.records), .vectors = {}, .dim = 0};
  if (out.facts.empty()) return out;
  require_comparable(out.facts);
  if (const auto space = facts.product_spaces.front()) {
    for (Record& record : out.facts) {
      fill_products(*space, record);
      out.dim = record.dim;
      out.vectors.insert(out.vectors.end(), record.mean.begin(), record.mean.end());
      record.mean.clear();
      record.products.clear();
    }
    return out;
  }
  const std::int64_t layers = out.facts.front().layers, wanted = row.value_or(layers - 1);
  out.dim = out.facts.front().dim;
  if (wanted < 0 || wanted >= layers)
    throw Error(ErrorCode::kUsage, "the embeddings have no such layer row",
                {.field = "row", .expected = "0 to " + std::to_string(layers - 1), .found = std::to_string(wanted)});
  require_room(out, layers, database_.file());
  const auto dim = static_cast<std::size_t>(out.dim);
  out.vectors.resize(out.facts.size() * dim);
  std::vector<bool> seen(out.facts.size());
  each_row(conditions, "vector", "n.mean", [&](std::int64_t id, const Statement& row_of) {
    const std::size_t at = facts.place.at(id);
    read_mean_row(row_of.blob(1), wanted, out.facts[at], database_.file(), &out.vectors[at * dim]);
    seen[at] = true;
  });
  if (const auto missing = std::ranges::find(seen, false); missing != seen.end())
    read_mean({}, out.facts[static_cast<std::size_t>(missing - seen.begin())], database_.file());
  return out;
}

std::vector<ControlRun> Reader::controls(const std::string& fingerprint) const {
  Statement runs(database_, "SELECT measurement, control, settings FROM control_run WHERE fingerprint = ?");
  Statement record(database_, (select_records(Numbers::kAll) + " WHERE m.id = ?").c_str());
  std::vector<ControlRun> out;
  runs.bind(fingerprint);
  while (runs.step()) {
    const Use use(record);
    if (record.bind(runs.integer(0)).step())
      out.push_back({.control = runs.text(1),
                     .fingerprint = fingerprint,
                     .settings = runs.text(2),
                     .record = read_record(record, spaces_, Numbers::kAll, database_.file())});
  }
  return out;
}

std::optional<std::string> Reader::unmet(const Query& query) const {
  return Conditions(query, spaces_, database_).unmet();
}

}  // namespace deltascape::store
