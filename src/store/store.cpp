#include "store/store.h"

#include <utility>

#include "deltascape/error.h"
#include "store/lookup.h"
#include "store/reader.h"
#include "store/schema.h"
#include "store/writer.h"

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;

void refuse_other_kinds(const fs::path& file, Store::Mode mode) {
  std::error_code failed;
  const fs::file_status status = fs::status(file, failed);
  const ErrorContext at{.path = file.string(), .field = {}, .expected = {}, .found = {}};
  if (status.type() == fs::file_type::not_found) {
    if (mode == Store::Mode::kCreate) return;
    throw Error(ErrorCode::kNotFound,
                "there is no store here; make one with `deltascape embed`, or name another with " + option("store"),
                at);
  }
  if (failed) throw Error(ErrorCode::kIo, "cannot look at the store: " + failed.message(), at);
  if (!fs::is_regular_file(status)) throw Error(ErrorCode::kBadFile, "not a store: it is not a regular file", at);
  if (mode != Store::Mode::kCreate && fs::file_size(file, failed) == 0)
    throw Error(ErrorCode::kBadFile, "not a store: the file is empty; make one with `deltascape embed`", at);
}

class SqliteStore : public Store {
 private:
  // A view of one moment, in the schema of that moment.
  Snapshot look() const {
    Snapshot snapshot(schema_->database());
    schema_->refresh();
    return snapshot;
  }

  template <class Function>
  auto reading(const Function& function) const {
    const Snapshot snapshot = look();
    return function(Reader(schema_->database(), schema_->version()));
  }

  template <class Function>
  void write(const Function& function) {
    schema_->migrate();
    if (!writer_) writer_.emplace(schema_->database(), lookup_);
    Transaction transaction(schema_->database());
    function(*writer_);
    transaction.commit();
  }

 public:
  explicit SqliteStore(std::unique_ptr<Schema> schema)
      : schema_(std::move(schema)),
        lookup_(schema_->database()),
        name_of_(schema_->database(), "SELECT name FROM variant WHERE content_hash = ?") {}

  Kept put(const Record& record, Replace replace) override {
    check_record(record);
    Kept out;
    write([&](Writer& writer) { out = writer.put(record, replace); });
    return out;
  }

  std::vector<Kept> put_all(std::span<const Record> records) override {
    for (const Record& record : records) check_record(record);
    std::vector<Kept> out;
    write([&](Writer& writer) {
      for (const Record& record : records) out.push_back(writer.put(record, Replace::kContent, true));
    });
    return out;
  }

  void remove(const std::vector<Query>& which) override {
    write([&](Writer& writer) {
      for (const Query& query : which) writer.remove(query);
      writer.remove_without_measurement();
    });
  }

  void set_labels(const std::map<std::string, std::string>& labels) override {
    write([&](Writer& writer) {
      for (const auto& [name, label] : labels) writer.set_label(name, label);
    });
  }

  void keep_clusters(std::int64_t space, const std::vector<Assignment>& assignments) override {
    write([&](Writer& writer) { writer.keep_clusters(space, assignments); });
  }

  void put_control(const ControlRun& run) override {
    check_record(run.record);
    write([&](Writer& writer) { writer.put_control(run); });
  }

  std::vector<std::string> names() const override { return names(Query()); }
  std::vector<std::string> names(const Query& query) const override {
    return reading([&](const Reader& reader) { return reader.names(query); });
  }
  std::vector<StoredSpace> spaces(const Query& query) const override {
    return reading([&](const Reader& reader) { return reader.spaces(query); });
  }
  void read(const Query& query, Numbers numbers, const std::function<void(Record)>& use) const override {
    reading([&](const Reader& reader) { reader.read(query, numbers, use); });
  }
  std::vector<Record> records(const Query& query, Numbers numbers) const override {
    return reading([&](const Reader& reader) { return reader.records(query, numbers); });
  }
  Embeddings embeddings(const Query& query, std::optional<std::int64_t> row) const override {
    return reading([&](const Reader& reader) { return reader.embeddings(query, row); });
  }
  std::vector<ControlRun> controls(const std::string& fingerprint) const override {
    return reading([&](const Reader& reader) { return reader.controls(fingerprint); });
  }
  std::optional<std::string> unmet(const Query& query) const override {
    return reading([&](const Reader& reader) { return reader.unmet(query); });
  }

  std::optional<std::string> name_of(const std::string& variant_hash) const override {
    const Snapshot snapshot = look();
    const Use use(name_of_);
    if (!name_of_.bind(variant_hash).step()) return std::nullopt;
    return name_of_.text(0);
  }

  std::vector<Found> find(const std::string& text) const override {
    const Snapshot snapshot = look();
    return lookup_.find(text);
  }

  std::string resolve(const std::string& text) const override {
    const std::vector<Found> found = find(text);
    if (found.empty()) refuse_unknown(text, names(), schema_->database().file());
    if (found.size() == 1) return found.front().name;
    std::vector<std::string> names;
    for (const Found& row : found) names.push_back(row.name);
    refuse_ambiguous(text, std::move(names), schema_->database().file());
  }

 private:
  std::unique_ptr<Schema> schema_;
  mutable Lookup lookup_;
  mutable Statement name_of_;
  std::optional<Writer> writer_;
};

}  // namespace

Query Query::of(const std::string& name) const {
  Query out = *this;
  out.where.push_back("name=" + name);
  return out;
}

Record Store::get(const std::string& text, const Query& query) const {
  const std::string name = resolve(text);
  std::optional<Record> out;
  read(query.of(name), Numbers::kAll, [&](Record record) {
    if (!out || record.created >= out->created) out = std::move(record);
  });
  if (!out) throw Error(ErrorCode::kNotFound, "\"" + one_line(name, 60) + "\" has no such measurement");
  return *out;
}

std::unique_ptr<Store> Store::open(const fs::path& file, Mode mode) {
  refuse_other_kinds(file, mode);
  if (mode == Mode::kRead) return std::make_unique<SqliteStore>(open_to_read(file));
  return std::make_unique<SqliteStore>(open_to_write(file, mode == Mode::kCreate));
}

}  // namespace deltascape::store
