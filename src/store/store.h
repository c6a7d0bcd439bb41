// Owns the store: one SQLite file (WAL, schema versioned) of Records. One transaction a variant, so a kill loses at
// most the one in flight.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/record.h"

namespace deltascape::store {

// What a text stands for in a store.
struct Found {
  std::string name, label, path, variant_hash;
};

// Where clustering has put a stored variant; no cluster for one without effect.
struct Assignment {
  std::string variant;  // name
  std::optional<std::int64_t> cluster;
  std::string cluster_name;
};

class Store {
 public:
  enum class Mode { kRead, kReadWrite, kCreate };
  // Which row a record takes the place of. kContentOrPath also takes out what the same space knows of the record's path
  // (a model that was trained again in place): records that come from elsewhere say nothing of the paths here.
  enum class Replace { kContent, kContentOrPath };
  // kRead on a file that is not there is Error(kNotFound) that says which verb makes one.
  static std::unique_ptr<Store> open(const std::filesystem::path& file, Mode mode);
  virtual ~Store() = default;

  // Inserts, and returns the row's name. A row with the same content (variant_hash, comparable) is replaced and keeps
  // its name, and its label unless the new one has one; its path becomes an alias. A label goes to all rows of the
  // content, and a record without one takes it from them. A name that other content holds is an Error(kMismatch): the
  // caller chooses names.
  virtual std::string put(const Record& record, Replace replace = Replace::kContent) = 0;
  virtual void put_all(std::span<const Record> records) = 0;  // in one transaction
  virtual std::vector<Record> all() const = 0;                // in name order, numbers included
  virtual std::vector<Record> facts() const = 0;              // all() without mean, per_probe and standard_error
  virtual std::vector<std::string> names() const = 0;
  // The name the content already has here, if any.
  virtual std::optional<std::string> name_of(const std::string& variant_hash, const Comparable& comparable) const = 0;
  // The rows that `text` stands for: the one of this name; else those of the content that lies at this path, or that
  // has been called so; else those whose names end in it ("law-1" of "pool/law-1"). Empty: none.
  virtual std::vector<Found> find(const std::string& text) const = 0;
  // The first row of find(). Error(kNotFound) lists near names, Error(kUsage) those of several contents.
  virtual Record get(const std::string& text) const = 0;
  virtual void remove(const std::string& text) = 0;
  virtual void remove_all(const std::vector<std::string>& names) = 0;  // in one transaction
  virtual void set_label(const std::string& text, const std::string& label) = 0;
  virtual void set_labels(const std::map<std::string, std::string>& labels) = 0;  // by name, in one transaction
  // Of rows that compare; what was known of the others of their space goes.
  virtual void keep_clusters(const std::vector<Assignment>& assignments) = 0;
};

// The rows that may be compared together. Throws Error(kMismatch) naming the first field that differs and two rows
// that differ in it.
void require_comparable(const std::vector<Record>& records);

// The row `row` of a record that was embedded with --layer all as a record of its own; one of a single layer as it is.
Record one_layer(Record record, std::int64_t row);

// CSV, TSV, JSON (every value) and npz (docs/formats.md) by the target's suffix; npz and stores back in.
void export_records(const std::vector<Record>& records, const std::filesystem::path& out);
// All that another store or an npz holds.
std::vector<Record> read_records(const std::filesystem::path& source);
struct ImportReport {
  std::vector<std::string> added, replaced;  // names of rows
  std::vector<std::string> renamed;          // "old -> new", of some of those added
};
// Names that collide with other content take a suffix and are reported.
ImportReport import_into(Store& store, std::vector<Record> records);
ImportReport import_into(Store& store, const std::filesystem::path& source);

// The npz of docs/formats.md for one base: embeddings f32 [N,d] or [N,layers,d], model_names, labels and paths <U [N],
// layers <U, base_model 0-d <U, probe_info 0-d <U JSON. Nothing in it tells the time: the same records give the same
// bytes. Rows of several bases are Error(kUsage).
void write_embeddings_npz(const std::vector<Record>& records, const std::filesystem::path& out);

}  // namespace deltascape::store
