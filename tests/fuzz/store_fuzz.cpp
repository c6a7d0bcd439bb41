// Fuzzes a store: reading it, and importing it into a sound one.
#include "harness.h"
#include "store/store.h"

namespace {

using deltascape::store::Store;

Store& target() {
  static const auto one = Store::open(deltascape::fuzz::folder().path() / "target.db", Store::Mode::kCreate);
  return *one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  target();
  for (const char* rest : {"s.db-wal", "s.db-shm", "s.db-journal"}) fuzz::folder().remove(rest);
  const auto file = fuzz::folder().put("s.db", fuzz::text_of(data, size));
  bool sound = false;
  fuzz::run([&] {
    const auto store = Store::open(file, Store::Mode::kRead);
    for (const std::string& name : store->names()) fuzz::run([&] { store->get(name); });
    for (const store::StoredSpace& space : store->spaces())
      fuzz::run([&] { store->embeddings({.spaces = {space.id}}); });
    store->records();
    sound = true;
  });
  if (!sound) return 0;
  fuzz::run([&] { store::import_into(target(), file); });
  return fuzz::run([&] {
    for (const std::string& name : target().names()) target().remove({store::Query().of(name)});
  });
}
