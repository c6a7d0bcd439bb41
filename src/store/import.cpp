// Owns taking records of another store or an npz into a store.
#include <set>

#include "store/names.h"
#include "store/npz.h"
#include "store/store.h"

namespace deltascape::store {
namespace {

std::vector<Record> read_source(const std::filesystem::path& source) {
  if (source.extension() == ".npz") return read_embeddings_npz(source);
  return Store::open(source, Store::Mode::kRead)->all();
}

}  // namespace

ImportReport import_into(Store& store, const std::filesystem::path& source) {
  ImportReport report;
  const std::vector<std::string> present = store.names();
  std::set<std::string> names(present.begin(), present.end());
  for (Record& record : read_source(source)) {
    if (const auto known = store.name_of(record.variant_hash, record.comparable)) {
      record.name = *known;
      store.put(record);
      report.replaced.push_back(*known);
      continue;
    }
    const std::string wanted = record.name;
    record.name = with_suffix(wanted, [&](const std::string& name) { return names.contains(name); });
    store.put(record);
    names.insert(record.name);
    if (record.name == wanted) report.added.push_back(record.name);
    else report.renamed.push_back(wanted + " -> " + record.name);
  }
  return report;
}

}  // namespace deltascape::store
