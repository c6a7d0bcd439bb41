// Taking the records of another store or an npz into a store.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "store/npz.h"
#include "store/rows.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

// A transaction waits for the disk once. A kill loses no more than one of them.
constexpr std::size_t kMostRows = 1024, kMostValues = std::size_t{1} << 22;

// Names that are taken, and the suffix that each collision tries next: a thousand rows of one name must not try a
// thousand suffixes each.
class Names {
 public:
  explicit Names(const Store& store) {
    for (std::string& name : store.names()) taken_.insert(std::move(name));
  }
  std::string take(const std::string& wanted) {
    if (taken_.insert(wanted).second) return wanted;
    std::size_t& suffix = next_.try_emplace(wanted, 2).first->second;
    for (;; ++suffix) {
      std::string candidate = wanted + "-" + std::to_string(suffix);
      if (taken_.insert(candidate).second) return candidate;
    }
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> next_;
};

class Import {
 public:
  explicit Import(Store& store) : store_(store), names_(store) {}

  void add(Record record) {
    values_ += record.mean.size() + record.per_probe.size() + record.standard_error.size();
    waiting_.push_back(std::move(record));
    if (waiting_.size() >= kMostRows || values_ >= kMostValues) flush();
  }

  ImportReport finish() {
    flush();
    return std::move(report_);
  }

 private:
  // Names are what stays of a batch in memory. They are chosen when it is whole: between its vectors they would keep
  // the room of each from being used again.
  void flush() {
    std::unordered_map<std::string, std::string> chosen;  // by content, of this batch
    for (Record& record : waiting_) choose_name(record, chosen);
    for (Store::Kept& kept : store_.put_all(waiting_))
      (kept.replaced ? report_.replaced : report_.added).push_back(std::move(kept.name));
    waiting_.clear();
    values_ = 0;
  }

  void choose_name(Record& record, std::unordered_map<std::string, std::string>& chosen) {
    const std::string wanted = record.name;
    const auto twin = chosen.find(record.variant_hash);
    const std::optional<std::string> known =
        twin != chosen.end() ? std::optional(twin->second) : store_.name_of(record.variant_hash);
    if (known) {
      if (wanted != *known) record.aliases.push_back(wanted);
      record.name = *known;
      return;
    }
    record.name = names_.take(wanted);
    chosen[record.variant_hash] = record.name;
    if (record.name != wanted) report_.renamed.push_back(wanted + " -> " + record.name);
  }

  Store& store_;
  Names names_;
  std::vector<Record> waiting_;
  std::size_t values_ = 0;
  ImportReport report_;
};

}  // namespace

Records records_of(const std::filesystem::path& source) {
  if (source.extension() == ".npz") return embeddings_of_npz(source);
  const std::shared_ptr<Store> store = Store::open(source, Store::Mode::kRead);
  return [store](const std::function<void(Record)>& use) { store->read({}, Numbers::kAll, use); };
}

ImportReport import_into(Store& store, const Records& each) {
  each([](const Record& record) { check_record(record); });  // before anything is written
  Import import(store);
  each([&](Record record) { import.add(std::move(record)); });
  return import.finish();
}

ImportReport import_into(Store& store, const std::vector<Record>& records) {
  return import_into(store, [&](const std::function<void(Record)>& use) {
    for (const Record& record : records) use(record);
  });
}

ImportReport import_into(Store& store, const std::filesystem::path& source) {
  return import_into(store, records_of(source));
}

}  // namespace deltascape::store
