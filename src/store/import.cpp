// Owns taking records of another store or an npz into a store.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "store/npz.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

// Rows a transaction: each waits for the disk, and a kill loses no more than one of them.
constexpr std::size_t kBatch = 32;

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

// A content once: what names it within an import.
std::string content_of(const Record& r) {
  std::string out;
  const Comparable& c = r.comparable;
  for (const std::string* part :
       {&r.variant_hash, &c.base, &c.tokenizer, &c.probes, &c.representation, &c.layer, &c.position})
    out += *part + '\0';
  return out;
}

}  // namespace

std::vector<Record> read_records(const std::filesystem::path& source) {
  if (source.extension() == ".npz") return read_embeddings_npz(source);
  return Store::open(source, Store::Mode::kRead)->all();
}

ImportReport import_into(Store& store, std::vector<Record> records) {
  ImportReport report;
  Names names(store);
  std::unordered_map<std::string, std::string> of_this_import;  // content -> name
  for (Record& record : records) {
    const std::string wanted = record.name;
    const auto twin = of_this_import.find(content_of(record));
    const std::optional<std::string> known = twin != of_this_import.end()
                                                 ? std::optional(twin->second)
                                                 : store.name_of(record.variant_hash, record.comparable);
    if (known) {
      if (wanted != *known) record.aliases.push_back(wanted);
      record.name = *known;
      report.replaced.push_back(*known);
      continue;
    }
    record.name = names.take(wanted);
    of_this_import.emplace(content_of(record), record.name);
    report.added.push_back(record.name);
    if (record.name != wanted) report.renamed.push_back(wanted + " -> " + record.name);
  }
  const std::span<const Record> all(records);
  for (std::size_t first = 0; first < all.size(); first += kBatch)
    store.put_all(all.subspan(first, std::min(kBatch, all.size() - first)));
  return report;
}

ImportReport import_into(Store& store, const std::filesystem::path& source) {
  return import_into(store, read_records(source));
}

}  // namespace deltascape::store
