// Owns the store: one SQLite file (WAL, schema versioned) of Records. One transaction a variant, so a kill loses at
// most the one in flight.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/record.h"

namespace deltascape::store {

class Store {
 public:
  enum class Mode { kRead, kReadWrite, kCreate };
  // kRead on a file that is not there is Error(kNotFound) that says which verb makes one.
  static std::unique_ptr<Store> open(const std::filesystem::path& file, Mode mode);
  virtual ~Store() = default;

  // Inserts; a row with the same content (variant_hash, comparable) is replaced and keeps its name, and its label
  // unless the new one has one. A name that other content holds is an Error(kMismatch): the caller chooses names.
  virtual void put(const Record& record) = 0;
  virtual std::vector<Record> all() const = 0;  // in name order, numbers included
  virtual std::vector<std::string> names() const = 0;
  // The name the content already has here, if any.
  virtual std::optional<std::string> name_of(const std::string& variant_hash, const Comparable& comparable) const = 0;
  // Exact name, or a suffix path component that is unambiguous. Error(kNotFound) lists near names.
  virtual Record get(const std::string& name) const = 0;
  virtual void remove(const std::string& name) = 0;
  virtual void set_label(const std::string& name, const std::string& label) = 0;
};

// The rows that may be compared together. Throws Error(kMismatch) naming the first field that differs and two rows
// that differ in it.
void require_comparable(const std::vector<Record>& records);

// CSV, TSV, JSON (every value) and npz (DESIGN §6) by the target's suffix; npz and stores back in.
void export_records(const std::vector<Record>& records, const std::filesystem::path& out);
struct ImportReport {
  std::vector<std::string> added, replaced, renamed;
};
// From another store or an npz. Names that collide with other content take a suffix and are reported.
ImportReport import_into(Store& store, const std::filesystem::path& source);

// The npz of DESIGN §6 for one base: embeddings f32 [N,d] or [N,layers,d], model_names <U, base_model 0-d <U,
// probe_info 0-d <U JSON. Rows of several bases are Error(kUsage).
void write_embeddings_npz(const std::vector<Record>& records, const std::filesystem::path& out);

}  // namespace deltascape::store
