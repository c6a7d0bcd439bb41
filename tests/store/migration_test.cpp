// Specifies stores of schema 1: read as they are, brought to schema 2 by the first write, with nothing lost.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "store/schema_1_store.h"
#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Migration : public StoreTest {
 protected:
  void sql(const std::string& text) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }
  std::string value(const std::string& select) const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
    std::string out;
    const auto keep = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) += values[0] ? values[0] : "NULL";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, select.c_str(), keep, &out, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return out;
  }
  void make_old() const { sql(std::string("PRAGMA journal_mode = WAL;") + kSchema1Store); }
  std::unique_ptr<Store> write() const { return Store::open(file(), Store::Mode::kReadWrite); }
  std::string exported(const Store& store, const std::string& suffix) const {
    export_records(store.records(), file("out." + suffix));
    std::ifstream in(file("out." + suffix), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

// The same through views over schema 1 and after the migration.
void expect_all_of_it(const Store& store) {
  EXPECT_THAT(store.names(), ElementsAre("law", "math", "other", "still"));
  const std::vector<StoredSpace> spaces = store.spaces();
  ASSERT_EQ(spaces.size(), 3u);
  EXPECT_EQ(spaces[0].variants, 3);
  EXPECT_EQ(spaces[1].space.parameter("layer"), "all");
  EXPECT_EQ(spaces[1].layers, 3);
  EXPECT_EQ(spaces[2].space.base_name, "/models/other.gguf");
  const Record law = store.get("law", {.spaces = {spaces[0].id}}), all = store.get("law", {.spaces = {spaces[1].id}});
  EXPECT_THAT(law.mean, ElementsAre(1, 0.25));
  EXPECT_THAT(law.per_probe, ElementsAre(1, 0, 1, 0.5));
  EXPECT_THAT(law.standard_error, ElementsAre(0, 0.25));
  EXPECT_EQ(law.cluster_name, "law");
  EXPECT_FALSE(all.cluster);
  EXPECT_THAT(all.mean, ElementsAre(1, 0, 0, 1, 1, 1));
  // One content had two names and three paths: the first name stays, the newest path counts.
  for (const Record& r : {law, all}) {
    EXPECT_EQ(r.path, "/copy/law");
    EXPECT_EQ(r.label, "law");
    EXPECT_THAT(r.aliases, ElementsAre("/old/law", "/pool/law", "law-all", "law-old"));
  }
  for (const char* text : {"law-all", "law-old", "/pool/law", "/old/law", "/copy/law"})
    EXPECT_EQ(store.resolve(text), "law") << text;
  EXPECT_EQ(store.get("still").no_effect, true);
  EXPECT_THAT(store.names({.where = {"base=other", "layer=last"}}), ElementsAre("other"));
  EXPECT_THAT(store.names({.where = {"label=math"}}), ElementsAre("math"));
  EXPECT_EQ(known_spread(store.records({.where = {"name=law", "layer=last"}}, Numbers::kNone).at(0)), 0.25);
  const Embeddings embeddings = store.embeddings({.spaces = {spaces[0].id}});
  EXPECT_THAT(embeddings.vectors, ElementsAre(1, 0.25, 0.125, 1, 0, 0));
}

TEST_F(Migration, AReaderSeesSchema2AndWritesNothing) {
  make_old();
  expect_all_of_it(*read());
  EXPECT_EQ(value("PRAGMA user_version"), "1");
  expect_all_of_it(*write());  // neither does a writer that only looks
  EXPECT_EQ(value("PRAGMA user_version"), "1");
}

TEST_F(Migration, TheFirstWriteMigratesAndLosesNothing) {
  make_old();
  const auto store = write();
  store->set_labels({});
  expect_all_of_it(*store);
  expect_all_of_it(*read());
  EXPECT_EQ(value("PRAGMA user_version"), "2");
  EXPECT_EQ(value("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(value("PRAGMA foreign_key_check"), "");
  EXPECT_EQ(value("SELECT group_concat(id || ' ' || variant) FROM measurement"), "1 1,2 1,3 3,4 4,5 5");
  const std::string tables = value("SELECT sql FROM sqlite_schema ORDER BY name");
  store->put(sample("new", 9));
  EXPECT_EQ(store->get("new").dim, 4);
  std::filesystem::remove(file());
  create();
  EXPECT_EQ(value("SELECT sql FROM sqlite_schema ORDER BY name"), tables);  // as those of a new store
}

TEST_F(Migration, ExportsOfOneSpaceAreTheSameBytes) {
  make_old();
  sql(kOneSpaceAlone);
  const auto before = read();
  EXPECT_EQ(exported(*before, "json"), kJsonOfOneSpace);
  const std::string tsv = exported(*before, "tsv"), npz = exported(*before, "npz");
  write()->set_labels({});
  const auto after = read();
  for (const Store* store : {before.get(), after.get()}) {
    EXPECT_EQ(exported(*store, "json"), kJsonOfOneSpace);
    EXPECT_EQ(exported(*store, "tsv"), tsv);
    EXPECT_EQ(exported(*store, "npz"), npz);
  }
  EXPECT_EQ(value("SELECT count(base_name) FROM measurement"), "0");  // they call their base as the space does
}

TEST_F(Migration, ABaseThatOneRunNamedOtherwise) {
  make_old();
  sql(std::string(kOneSpaceAlone) + "; UPDATE variant SET base_name = 'org/tiny' WHERE id = 3");
  const std::string before = exported(*read(), "json");
  const auto store = write();
  store->set_labels({});
  EXPECT_EQ(exported(*store, "json"), before);
  EXPECT_EQ(store->get("math").space.base_name, "org/tiny");
  EXPECT_THAT(store->names({.where = {"base=org/tiny"}}), ElementsAre("math"));
  EXPECT_THAT(store->names({.where = {"base=tiny"}}), ElementsAre("law", "math", "still"));  // its last word, too
}

// As the first release of schema 1 made them.
TEST_F(Migration, AStoreWithoutAliasesAndClusters) {
  make_old();
  sql("DROP TABLE alias; DROP TABLE cluster; DROP INDEX variant_path");
  EXPECT_THAT(read()->get("law").aliases, ElementsAre("/old/law", "law-all"));
  EXPECT_FALSE(read()->get("math").cluster);
  const auto store = write();
  store->keep_clusters(store->spaces().at(0).id, {{"math", 4, "math"}});
  EXPECT_EQ(store->get("math").cluster, 4);
  EXPECT_THAT(store->get("law").aliases, ElementsAre("/old/law", "law-all"));
}

TEST_F(Migration, ControlRunsBecomeWhatTheyAre) {
  make_old();
  sql("UPDATE variant SET name = 'advice-2', label = 'f1', path = 'controls {\"seed\":0}' WHERE id = 3");
  const auto check = [](const Store& store) {
    const std::vector<ControlRun> runs = store.controls("f1");
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].control, "advice");
    EXPECT_EQ(runs[0].settings, "{\"seed\":0}");
    EXPECT_THAT(runs[0].record.mean, ElementsAre(0.125, 1));
    EXPECT_THAT(store.controls("f2"), IsEmpty());
  };
  check(*read());
  write()->set_labels({});
  check(*read());
}

TEST_F(Migration, AReaderGoesOnWhenAnotherProcessMigrates) {
  make_old();
  const auto reader = read();
  const auto other = write(), third = write();
  EXPECT_EQ(reader->names().size(), 4u);
  other->put(sample("new", 9));
  EXPECT_THAT(reader->names(), ElementsAre("law", "math", "new", "other", "still"));
  EXPECT_EQ(reader->resolve("law-all"), "law");
  EXPECT_EQ(reader->get("new").dim, 4);
  third->put(sample("newer", 10));  // it, too, saw schema 1
  EXPECT_EQ(reader->names().size(), 6u);
  EXPECT_EQ(reader->spaces().size(), 4u);
}

TEST_F(Migration, AFileThatMayOnlyBeReadIsRead) {
  make_old();
  chmod(file().c_str(), 0444);
  chmod(file().parent_path().c_str(), 0555);
  const uid_t user = geteuid();
  if (user == 0) {
    ASSERT_EQ(seteuid(65534), 0);  // root may write everywhere, nobody may not
  }
  expect_all_of_it(*read());
  EXPECT_THAT(thrown_by([&] { write(); }).message, HasSubstr("writable"));
  if (user == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  chmod(file().parent_path().c_str(), 0755);
}

// Two processes put into a store of schema 1; each waits for the other's migration.
TEST_F(Migration, TwoProcessesWrite) {
  make_old();
  std::vector<pid_t> children;
  for (int c = 0; c < 2; ++c) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    try {
      const auto store = write();
      for (int i = 0; i < 20; ++i)
        store->put(sample("of-" + std::to_string(c) + "-" + std::to_string(i), 100 * c + i + 10));
      _exit(0);
    } catch (...) {
      _exit(1);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(read()->names().size(), 44u);
  EXPECT_EQ(value("PRAGMA integrity_check"), "ok");
}

// Before a kill or after it, it is one schema or the other, with every row.
TEST_F(Migration, AKillLeavesOneSchemaOrTheOther) {
  make_old();
  sql("WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO variant SELECT i, "
      "'row-' || i, 'l', '/p/' || i, 'h-' || i, 1, 'tiny', '0', 'cpu', 'fp32', '2025', 2, 2, 1, 1.0, 0.1, 0.0, 0, "
      "zeroblob(8), zeroblob(16), zeroblob(8) FROM n");
  const std::string old_bytes = [&] {
    std::ifstream in(file(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  std::mt19937 random(std::random_device{}());
  int old = 0, migrated = 0;
  for (int trial = 0; trial < 25; ++trial) {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file().string() + end);
    std::ofstream(file(), std::ios::binary) << old_bytes;
    const pid_t child = fork();
    if (child == 0) {
      try {
        write()->set_labels({});
      } catch (...) {
        _exit(1);
      }
      for (;;) pause();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    const auto store = read();
    EXPECT_EQ(store->names().size(), 2905u);
    EXPECT_EQ(store->records({}, Numbers::kAll).size(), 2906u);
    const std::string version = value("PRAGMA user_version");
    (version == "1" ? old : migrated) += 1;
    EXPECT_EQ(value("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(value("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), version == "1" ? "4" : "9");
    write()->put(sample("after", 5));
    EXPECT_EQ(store->names().size(), 2906u);
  }
  EXPECT_GT(old + migrated, 0);
}

}  // namespace
}  // namespace deltascape::store
