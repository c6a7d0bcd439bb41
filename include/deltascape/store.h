// The store: one SQLite file (docs/formats.md) that keeps variants, the spaces they were measured in, and their
// measurements. One transaction a variant, so a kill loses at most the one in flight. One thread a Store; several
// processes may use a file at once.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/record.h"
#include "deltascape/space.h"

namespace deltascape::store {

// A variant that a text stands for.
struct Found {
  std::string name, label, path, variant_hash;
  bool by_ending = false;  // the text is only how the name ends
};

// A space of a store, and what is measured in it.
struct StoredSpace {
  std::int64_t id = 0;               // of the row, for Query::spaces
  std::string hash;                  // Space::hash()
  Space space;                       // base_name: of its first measurement
  std::int64_t variants = 0;         // measured in it
  std::int64_t dim = 0, layers = 1;  // of the measurements: [layers, dim]
  std::string written;               // newest measurement, ISO 8601
};

// Which measurements.
struct Query {
  std::vector<std::int64_t> spaces{};  // empty: those of every space
  std::vector<std::string> where{};    // FIELD=VALUE, all must hold; where_fields() says which there are
  // The same, of the variant of this name alone.
  Query of(const std::string& name) const;
};
std::vector<std::string> where_fields();

// How much of a measurement is read: its facts alone, the embedding too, or everything.
enum class Numbers { kNone, kMean, kAll };

// The embeddings of one space, for search and clusters.
struct Embeddings {
  std::vector<Record> facts;   // in name order, without mean, per_probe and standard_error
  std::vector<float> vectors;  // [facts.size(), dim]
  std::int64_t dim = 0;
};

// Where clustering has put a stored variant; no cluster for one without effect.
struct Assignment {
  std::string variant;  // name
  std::optional<std::int64_t> cluster;
  std::string cluster_name;
};

// A few-shot finetune on control examples (docs/tasks.md), kept beside what it is a run of.
struct ControlRun {
  std::string control;      // the examples' name
  std::string fingerprint;  // of training settings and examples
  std::string settings;     // for people
  Record record;
};

class Store {
 public:
  enum class Mode { kRead, kReadWrite, kCreate };
  // What a record takes the place of. kContentOrPath: also the variant at the record's path, if its content is another
  // (a model that was trained again in place). Records that come from elsewhere say nothing of the paths here.
  enum class Replace { kContent, kContentOrPath };
  struct Kept {
    std::string name;       // of the variant
    bool replaced = false;  // the space had a measurement of this content
    // What the record's path held before: measurements of it that went, because it was the variant's own earlier
    // content, and names of variants that keep theirs, but have lost their path.
    std::int64_t outdated = 0;
    std::vector<std::string> displaced;
  };
  // Error(kNotFound), in kRead and kReadWrite, for a file that is not there; kBadFile, kUnsupported, kIo. A store of
  // schema 1 is read as it is, and migrated by the first call that writes.
  static std::unique_ptr<Store> open(const std::filesystem::path& file, Mode mode);
  virtual ~Store() = default;

  // Keeps a measurement. The variant's name is the one that its content has here, else the record's. The content's
  // measurement in this space is replaced (but put_all() leaves one with the same embedding that
  // knows its spread, where the record does not); a path that it had before becomes an alias; its label stays
  // unless the record has one. A name that other content holds is Error(kMismatch): the caller chooses names.
  virtual Kept put(const Record& record, Replace replace = Replace::kContent) = 0;
  virtual std::vector<Kept> put_all(std::span<const Record> records) = 0;  // in one transaction
  // Removes measurements, in one transaction; a variant goes with its last one. A Query that asks for nothing lets
  // everything through: it empties the store.
  virtual void remove(const std::vector<Query>& which) = 0;
  virtual void set_labels(const std::map<std::string, std::string>& labels) = 0;  // by name, in one transaction
  // Of variants of one space (StoredSpace::id); what was known of its others goes.
  virtual void keep_clusters(std::int64_t space, const std::vector<Assignment>& assignments) = 0;
  // Its record as put() keeps it.
  virtual void put_control(const ControlRun& run) = 0;

  virtual std::vector<std::string> names() const = 0;  // of all variants, in order
  // Spaces with a measurement that the query lets through, in the order in which they joined the store.
  virtual std::vector<StoredSpace> spaces(const Query& query = {}) const = 0;
  virtual std::optional<std::string> name_of(const std::string& variant_hash) const = 0;
  // Variants that `text` stands for: the one of this name; else the one that lies at this path, or has been called so;
  // else those whose names end in it ("law-1" of "pool/law-1"). Empty: none.
  virtual std::vector<Found> find(const std::string& text) const = 0;
  // The one of find(). Error(kNotFound) lists near names, Error(kUsage) those of several.
  virtual std::string resolve(const std::string& text) const = 0;
  // Calls `use` with one record after the other, in the order of names and of spaces() for one name; `use` does not
  // write to this store. Error(kUsage) for a condition that makes no sense, kBadFile and kNumeric for a damaged row.
  virtual void read(const Query& query, Numbers numbers, const std::function<void(Record)>& use) const = 0;
  // The same at once: vectors are read in the order of the file.
  virtual std::vector<Record> records(const Query& query = {}, Numbers numbers = Numbers::kAll) const = 0;
  // The name of each measurement's variant that the query lets through, in order, each once.
  virtual std::vector<std::string> names(const Query& query) const = 0;
  // Of one space, one row of the embeddings (empty: the last, or the only one). Error(kMismatch) for several widths.
  virtual Embeddings embeddings(const Query& query, std::optional<std::int64_t> row = {}) const = 0;
  virtual std::vector<ControlRun> controls(const std::string& fingerprint) const = 0;
  // For a query that lets nothing through: the first condition that fails, and which values there are.
  virtual std::optional<std::string> unmet(const Query& query) const = 0;

  // The variant's newest measurement among those of the query. Errors of resolve(), and kNotFound.
  Record get(const std::string& text, const Query& query = {}) const;
};

// ---- choosing a space ----

struct SpaceChoice {
  std::string
      space{};  // the start of its hash (four digits or more), or what it says: "layer=12,position=mean", "mean"
  std::string layer{};  // as `embed` spells it
};
struct ChosenSpace {
  StoredSpace stored;
  std::optional<std::int64_t> row;  // of a space of all layers, where a layer was chosen
};
// Those that the choice leaves. Error(kUsage) where it leaves none of some, or is no choice.
std::vector<ChosenSpace> choose(std::vector<StoredSpace> spaces, const SpaceChoice& choice);
// The same of the spaces in which all variants of these names are measured. Error(kNotFound) where the choice is a
// space of the store, but none of theirs.
std::vector<ChosenSpace> choose(const Store& store, const std::vector<std::string>& names, const SpaceChoice& choice);
std::vector<StoredSpace> stored_of(std::vector<ChosenSpace> chosen);
// The one that is left; empty for none. Error(kMismatch) for several, with what tells them apart.
std::optional<ChosenSpace> only_one(const std::vector<ChosenSpace>& spaces);
// The query for these spaces alone; empty for no space.
std::optional<Query> within(const Query& query, const std::vector<ChosenSpace>& spaces);
// The embeddings of the one space that is left.
struct Selection {
  std::optional<ChosenSpace> space;  // empty where `where` lets nothing through
  std::vector<Record> records;       // without deltas by probe
  std::optional<std::int64_t> row;   // of them, of a space of all layers; empty: the last, or the only one
  std::string unmet;                 // where no record fulfils a condition: which, and the values there are
};
// where: as Query's. Errors of choose() and only_one().
Selection select(const Store& store, const std::vector<std::string>& where = {}, const SpaceChoice& choice = {});
// What tells each space from the others, "layer 12": all of it for one alone.
std::vector<std::string> what_differs(const std::vector<StoredSpace>& spaces);
// The first digits of its hash, enough to choose it by.
std::string short_id(const std::string& hash);

// ---- comparing ----

// The rows that may be compared together. Throws Error(kMismatch) naming the first field that differs and two rows
// that differ in it.
void require_comparable(const std::vector<Record>& records);
bool comparable(const Record& a, const Record& b);
// The row `row` of a record of all layers as a record of its own; one of a single layer as it is.
Record one_layer(Record record, std::int64_t row);

// ---- files ----

// CSV, TSV, JSON (every value) and npz (docs/formats.md) by the target's suffix. `each` calls its argument with one
// record after the other, and does so again, alike, each time it is called.
using Records = std::function<void(const std::function<void(Record)>&)>;
// The measurements in these spaces that `where` lets through, of all layers the rows that are chosen. `names`: those
// variants alone, in this order; empty: all. The store outlives it.
Records records_of(const Store& store, const std::vector<ChosenSpace>& spaces,
                   const std::vector<std::string>& where = {}, const std::vector<std::string>& names = {});
std::size_t export_records(const Records& each, const std::filesystem::path& out);
void export_records(const std::vector<Record>& records, const std::filesystem::path& out);
// Everything that another store or an npz holds. An npz is checked here, a store's rows as they are read.
Records records_of(const std::filesystem::path& source);
struct ImportReport {
  std::vector<std::string> added, replaced;  // names of variants whose measurement is new here, or was there
  std::vector<std::string> renamed;          // "old -> new", of some of those added
};
// Names that collide with other content take a suffix and are reported. Nothing is imported from a source of which a
// row is damaged.
ImportReport import_into(Store& store, const Records& each);
ImportReport import_into(Store& store, const std::vector<Record>& records);
ImportReport import_into(Store& store, const std::filesystem::path& source);

// The npz of docs/formats.md for one base: embeddings f32 [N,d] or [N,layers,d], model_names, labels and paths <U [N],
// layers <U, base_model 0-d <U, probe_info 0-d <U JSON. Nothing in it tells the time: the same records give the same
// bytes. Rows of several bases are Error(kUsage).
void write_embeddings_npz(const std::vector<Record>& records, const std::filesystem::path& out);

}  // namespace deltascape::store
