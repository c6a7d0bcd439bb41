// What lies in a file's place: pointers of Git LFS and web pages, in each kind of file.
#include "io/stand_in.h"

#include <gmock/gmock.h>

#include "io/gguf.h"
#include "io/io_files.h"
#include "io/json.h"
#include "io/npz.h"
#include "io/tensor_file.h"
#include "message_of.h"

namespace deltascape::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StandIns : public Scratch {};

TEST_F(StandIns, AreNamedInEveryReader) {
  const auto pointer = put("pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n");
  const auto page = put("page", "\n <!DOCTYPE html>\n<html><head><title>404</title></head></html>");
  const std::vector<std::function<void(const std::filesystem::path&)>> readers = {
      [](const auto& f) { open_safetensors(f); }, [](const auto& f) { open_torch_pickle(f); },
      [](const auto& f) { GgufFile::open(f); }, [](const auto& f) { read_npz(f); },
      [](const auto& f) { read_json(f); }};
  for (const auto& read : readers) {
    EXPECT_THAT(message_of([&] { read(pointer); }), AllOf(HasSubstr("Git LFS pointer"), HasSubstr("git lfs pull")));
    EXPECT_THAT(message_of([&] { read(page); }), AllOf(HasSubstr("web page"), HasSubstr("/resolve/")));
  }
  EXPECT_THAT(message_of([&] { read_text(pointer, 1000); }), HasSubstr("git lfs pull"));
  EXPECT_THAT(message_of([&] { read_text(page, 1000); }), HasSubstr("no error"));  // prose may begin so
}

TEST_F(StandIns, JsonThatWouldTakeFarMoreMemoryThanItsTextIsRefused) {
  std::string lists = "[";
  for (int i = 0; i < 12'000'000; ++i) lists += "[],";
  EXPECT_THAT(message_of([&] { parse_json(lists + "0]", "j"); }), HasSubstr("MiB of memory"));
}

}  // namespace
}  // namespace deltascape::io
