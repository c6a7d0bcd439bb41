// Owns the tests of opening, reading and atomically writing files, and of names that must stay in their folder.
#include <fcntl.h>
#include <sys/stat.h>

#include "io/io_files.h"

namespace deltascape::io {
namespace {

namespace fs = std::filesystem;

class File : public Scratch {};

void expect_code(ErrorCode code, const std::function<void()>& act) {
  try {
    act();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
  }
}

TEST_F(File, MapsTheContent) {
  const auto map = MappedFile::open(put("a", "hello"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size()), "hello");
  EXPECT_TRUE(MappedFile::open(put("empty", ""))->bytes().empty());
}

TEST_F(File, RefusesWhatIsNoRegularFile) {
  const auto fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_refusal([&] { MappedFile::open(fifo); }, fifo, "a FIFO");
  expect_refusal([&] { read_text(fifo, 10); }, fifo, "a FIFO");
  expect_refusal([&] { MappedFile::open(folder_); }, folder_, "a directory");
  expect_refusal([&] { MappedFile::open("/dev/zero"); }, "/dev/zero", "a device");
  fs::create_symlink("b", folder_ / "a");
  fs::create_symlink("a", folder_ / "b");
  expect_refusal([&] { MappedFile::open(folder_ / "a"); }, folder_ / "a", "loop");
  expect_code(ErrorCode::kNotFound, [&] { MappedFile::open(folder_ / "missing"); });
}

TEST_F(File, ReadsTextUpToTheLimit) {
  const auto file = put("a", "12345");
  EXPECT_EQ(read_text(file, 5), "12345");
  expect_refusal([&] { read_text(file, 4); }, file, "at most 4 bytes");
}

TEST_F(File, WritesAtomically) {
  const auto file = folder_ / "out";
  write_file_atomically(file, std::string_view("old"));
  ::chmod(file.c_str(), 0640);
  write_file_atomically(file, std::string_view("new\0er", 6));
  EXPECT_EQ(content_of(file), std::string("new\0er", 6));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms{0640});
  {
    AtomicFile abandoned(file);
    abandoned.write(std::as_bytes(std::span(std::string_view("half"))));
  }
  EXPECT_EQ(content_of(file), std::string("new\0er", 6));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // nothing is left beside it
}

TEST_F(File, WritesThroughALinkAndRefusesOddTargets) {
  const auto real = put("real", "old");
  fs::create_symlink("real", folder_ / "link");
  write_file_atomically(folder_ / "link", std::string_view("new"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(content_of(real), "new");
  expect_code(ErrorCode::kIo, [&] { write_file_atomically(folder_, std::string_view("x")); });
  expect_code(ErrorCode::kIo, [&] { write_file_atomically("/dev/null", std::string_view("x")); });
  expect_code(ErrorCode::kNotFound, [&] { write_file_atomically(folder_ / "no" / "x", std::string_view("x")); });
}

TEST_F(File, JoinInsideKeepsNamesInside) {
  put("model/sub/w", "");
  const auto model = folder_ / "model";
  EXPECT_EQ(join_inside(model, "sub/w"), model / "sub/w");
  EXPECT_EQ(join_inside(model, "missing"), model / "missing");
  for (const std::string& name : {std::string("../x"), std::string("sub/../../x"), std::string("/etc/passwd"),
                                  std::string(".."), std::string(), std::string("a\0b", 3)})
    expect_code(ErrorCode::kBadFile, [&] { join_inside(model, name); });
}

TEST_F(File, JoinInsideFollowsOnlyInnerLinksAndTheHubCache) {
  put("secret", "");
  put("model/real", "");
  const auto model = folder_ / "model";
  fs::create_symlink("real", model / "inner");
  fs::create_symlink("../secret", model / "outer");
  fs::create_directory_symlink("..", model / "up");
  fs::create_symlink("nowhere", model / "dangling");
  fs::create_symlink("loop", model / "loop");
  EXPECT_EQ(join_inside(model, "inner"), model / "inner");
  expect_code(ErrorCode::kBadFile, [&] { join_inside(model, "outer"); });
  expect_code(ErrorCode::kBadFile, [&] { join_inside(model, "up/secret"); });
  expect_code(ErrorCode::kNotFound, [&] { join_inside(model, "dangling"); });
  expect_code(ErrorCode::kBadFile, [&] { join_inside(model, "loop"); });

  put("hub/models--a--b/blobs/e1", "");
  put("hub/models--c--d/blobs/e2", "");
  const auto snapshot = folder_ / "hub/models--a--b/snapshots/sha";
  fs::create_directories(snapshot);
  fs::create_symlink("../../blobs/e1", snapshot / "w");
  fs::create_symlink("../../../models--c--d/blobs/e2", snapshot / "other");
  EXPECT_EQ(join_inside(snapshot, "w"), snapshot / "w");
  expect_code(ErrorCode::kBadFile, [&] { join_inside(snapshot, "other"); });
}

}  // namespace
}  // namespace deltascape::io
