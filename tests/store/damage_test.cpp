// Specifies what a damaged, foreign or unwritable store says, and that a kill loses no more than the put in flight.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class Damage : public StoreTest {
 protected:
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name), std::ios::binary) << content;
  }
  void sql(const std::string& text) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }
  Thrown opening(const std::string& name, Store::Mode mode = Store::Mode::kRead) const {
    return thrown_by([&] { Store::open(file(name), mode)->records(); });
  }
};

TEST_F(Damage, AMissingStoreSaysWhatMakesOne) {
  const Thrown thrown = opening("none.db");
  EXPECT_EQ(thrown.code, ErrorCode::kNotFound);
  EXPECT_THAT(thrown.message, HasSubstr("`deltascape embed`"));
  EXPECT_EQ(opening("none.db", Store::Mode::kReadWrite).code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file("none.db")));
}

TEST_F(Damage, FilesThatAreNoStore) {
  write("text.db", "This is a text, long enough to be looked at as a header of a database of SQLite, which it is not.");
  EXPECT_THAT(opening("text.db").message, HasSubstr("not a store: this is no SQLite database"));
  EXPECT_THAT(opening("text.db", Store::Mode::kCreate).message, HasSubstr("no SQLite database"));
  write("empty.db", "");
  EXPECT_THAT(opening("empty.db").message, HasSubstr("the file is empty"));
  sql("PRAGMA journal_mode = WAL");  // as a kill leaves it that comes before the tables
  EXPECT_THAT(opening("s.db").message, HasSubstr("not a store: it has no tables"));
  Store::open(file(), Store::Mode::kCreate)->put(sample("a"));  // and it can become one
  std::filesystem::remove(file());
  std::filesystem::create_directories(file("folder.db"));
  EXPECT_THAT(opening("folder.db", Store::Mode::kCreate).message, HasSubstr("not a regular file"));
  ASSERT_EQ(mkfifo(file("fifo.db").c_str(), 0600), 0);
  EXPECT_THAT(opening("fifo.db").message, HasSubstr("not a regular file"));
  sql("CREATE TABLE somebody_elses (x)");
  EXPECT_THAT(opening("s.db").message, HasSubstr("not a deltascape store"));
  EXPECT_THAT(opening("s.db", Store::Mode::kCreate).message, HasSubstr("not a deltascape store"));
}

TEST_F(Damage, ANewerSchemaAsksForAnUpdate) {
  create()->put(sample("a"));
  sql("PRAGMA user_version = 3");
  const Thrown thrown = opening("s.db");
  EXPECT_EQ(thrown.code, ErrorCode::kUnsupported);
  EXPECT_THAT(thrown.message, HasSubstr("update deltascape to read it (expected 2, found 3)"));
}

TEST_F(Damage, BlobsOfAnotherSizeNameTheRow) {
  using Change = std::pair<const char*, const char*>;
  for (const auto& [table, change] :
       {Change{"vector", "mean = x'00'"}, Change{"vector", "mean = zeroblob(20)"}, Change{"vector", "mean = 'text'"},
        Change{"detail", "per_probe = zeroblob(84)"}, Change{"detail", "standard_error = zeroblob(3)"},
        Change{"measurement", "dim = 5"}, Change{"measurement", "dim = 9223372036854775807"},
        Change{"measurement", "layers = -1"}, Change{"measurement", "probe_count = 4611686018427387904"},
        Change{"measurement", "dim = 'many'"}, Change{"vector", "measurement = 7"}}) {
    std::filesystem::remove(file());
    create()->put(sample("a"));
    sql(std::string("UPDATE ") + table + " SET " + change);
    const Thrown thrown = opening("s.db");
    EXPECT_EQ(thrown.code, ErrorCode::kBadFile) << change;
    EXPECT_THAT(thrown.message, HasSubstr("the store's row is damaged; remove it with `deltascape rm`")) << change;
    EXPECT_THAT(thrown.message, HasSubstr("a.")) << change;
    const auto store = Store::open(file(), Store::Mode::kReadWrite);  // and it can be removed
    store->remove({Query().of("a")});
    EXPECT_TRUE(store->records().empty());
  }
}

TEST_F(Damage, NanInARowIsRefused) {
  for (const char* change : {"vector SET mean = x'0000C07F000000000000000000000000'", "measurement SET norm = 9e999",
                             "measurement SET relative_norm = -9e999", "measurement SET numeric_error = 9e999"}) {
    std::filesystem::remove(file());
    create()->put(sample("a"));
    sql(std::string("UPDATE ") + change);
    EXPECT_EQ(opening("s.db").code, ErrorCode::kNumeric) << change;
  }
}

// Found by fuzzing: importing one was an error of the program's own.
TEST_F(Damage, ARowWithoutANameIsRefusedAndCanBeRemoved) {
  create()->put(sample("a"));
  sql("UPDATE variant SET name = ''");
  const Thrown thrown = opening("s.db");
  EXPECT_EQ(thrown.code, ErrorCode::kBadFile);
  EXPECT_THAT(thrown.message, HasSubstr("a row has no name; remove it with `deltascape rm \"\"`"));
  const auto other = Store::open(file("other.db"), Store::Mode::kCreate);
  EXPECT_EQ(thrown_by([&] { import_into(*other, file()); }).code, ErrorCode::kBadFile);
  const auto store = Store::open(file(), Store::Mode::kReadWrite);
  store->remove({Query().of("")});
  EXPECT_TRUE(store->records().empty());
}

TEST_F(Damage, MissingTablesAreAClearError) {
  create()->put(sample("a"));
  sql("DROP TABLE variant");
  const Thrown thrown = opening("s.db");
  EXPECT_EQ(thrown.code, ErrorCode::kBadFile);
  EXPECT_THAT(thrown.message, HasSubstr("tables are not as this version makes them: no such table: variant"));
}

TEST_F(Damage, OverwrittenAndTruncatedBytesNeverCrash) {
  {
    const auto store = create();
    for (int i = 0; i < 40; ++i) store->put(sample("row-" + std::to_string(i), i));
  }
  std::ifstream in(file(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::mt19937 random(3);
  int failed = 0;
  for (int trial = 0; trial < 120; ++trial) {
    std::string bytes = whole;
    if (trial % 3 == 0) {
      bytes.resize(random() % bytes.size());
    } else {
      const std::size_t run = trial % 3 == 1 ? 1 : 64, at = random() % (bytes.size() - run);
      for (std::size_t i = 0; i < run; ++i) bytes[at + i] = static_cast<char>(random());
    }
    write("bad.db", bytes);
    try {
      const auto store = Store::open(file("bad.db"), Store::Mode::kReadWrite);
      store->records();
      store->put(sample("new", 1000 + trial));
    } catch (const Error& error) {
      EXPECT_THAT(error.code(), AnyOf(ErrorCode::kBadFile, ErrorCode::kNumeric, ErrorCode::kUnsupported, ErrorCode::kIo,
                                      ErrorCode::kMismatch))
          << error.what();
      ++failed;
    }
    for (const char* beside : {"bad.db-wal", "bad.db-shm", "bad.db-journal"}) std::filesystem::remove(file(beside));
  }
  EXPECT_GT(failed, 20);
}

TEST_F(Damage, FoldersThatCannotBeWritten) {
  const Thrown thrown = thrown_by([] { Store::open("/proc/deltascape.db", Store::Mode::kCreate); });
  EXPECT_EQ(thrown.code, ErrorCode::kIo);
  EXPECT_THAT(thrown.message, HasSubstr("its folder must exist and be writable"));
  EXPECT_THAT(thrown_by([&] { Store::open(file("no/such/s.db"), Store::Mode::kCreate); }).message,
              HasSubstr("its folder must exist"));
}

TEST_F(Damage, AReadOnlyFolderCanStillBeRead) {
  create()->put(sample("a"));
  chmod(file().c_str(), 0444);
  chmod(file().parent_path().c_str(), 0555);
  const uid_t user = geteuid();
  if (user == 0) {
    ASSERT_EQ(seteuid(65534), 0);  // root may write everywhere, nobody may not
  }
  EXPECT_EQ(read()->records().size(), 1u);
  EXPECT_THAT(opening("s.db", Store::Mode::kReadWrite).message, HasSubstr("writable"));
  EXPECT_THAT(opening("s.db", Store::Mode::kCreate).message, HasSubstr("writable"));
  if (user == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  chmod(file().parent_path().c_str(), 0755);
}

// A child puts rows and says after each that it is stored; it is killed at a random moment. Every row it spoke of
// must be there, whole, and at most one more.
TEST_F(Damage, AKillLosesAtMostThePutInFlight) {
  std::mt19937 random(std::random_device{}());
  int acknowledged_in_all = 0;
  for (int trial = 0; trial < 30; ++trial) {
    std::filesystem::remove(file());
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    if (child == 0) {
      try {
        const auto store = create();
        for (int i = 0;; ++i) {
          store->put(sample("row-" + std::to_string(i), i));
          const char done = 1;
          if (::write(channel[1], &done, 1) != 1) _exit(1);
        }
      } catch (...) {
        _exit(2);
      }
    }
    close(channel[1]);
    std::size_t acknowledged = 0;
    char byte = 0;
    // Most kills fall among the puts; every fifth may come while the store is made.
    if (trial % 5 != 0 && ::read(channel[0], &byte, 1) == 1) ++acknowledged;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    while (::read(channel[0], &byte, 1) == 1) ++acknowledged;
    close(channel[0]);
    acknowledged_in_all += static_cast<int>(acknowledged);

    const auto store = create();  // a kill before the tables were made leaves a new store
    const std::vector<Record> rows = store->records();
    EXPECT_GE(rows.size(), acknowledged);
    EXPECT_LE(rows.size(), acknowledged + 1);
    for (const Record& row : rows) {
      const int seed = std::stoi(row.name.substr(4));
      expect_equal(row, sample(row.name, seed));
      EXPECT_EQ(row.per_probe, sample(row.name, seed).per_probe);
    }
    store->put(sample("after", 100000 + trial));
  }
  EXPECT_GT(acknowledged_in_all, 30);
}

}  // namespace
}  // namespace deltascape::store
