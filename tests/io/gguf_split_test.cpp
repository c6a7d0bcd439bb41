// Split GGUF files, projectors beside models, endings, and what claims more memory than a file has.
#include <gmock/gmock.h>

#include "io/gguf.h"
#include "io/io_files.h"
#include "message_of.h"

namespace deltascape::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

constexpr U32 kUint16 = 2, kInt32 = 5, kString = 8, kArray = 9, kUint8 = 0;

std::string text(const std::string& s) { return packed(static_cast<U64>(s.size())) + s; }

struct Made {
  int number = 1, count = 3;
  int all = 3;  // tensors of all parts
  std::string name = "part", tensor = "t";
  std::string more = "";  // another key
};

// One part with one F32 tensor of two elements: its number, and number + 0.5.
std::string part(const Made& made) {
  std::string out = "GGUF" + packed(U32{3}, U64{1}, U64{static_cast<U64>(4 + (made.more.empty() ? 0 : 1))});
  out += text("general.name") + packed(kString) + text(made.name);
  out += text("split.no") + packed(kUint16, static_cast<U16>(made.number - 1));
  out += text("split.count") + packed(kUint16, static_cast<U16>(made.count));
  out += text("split.tensors.count") + packed(kInt32, static_cast<std::int32_t>(made.all));
  out += made.more;
  out += text(made.tensor) + packed(U32{1}, U64{2}, U32{0}, U64{0});
  out.resize((out.size() + 31) / 32 * 32);
  return out + packed(static_cast<float>(made.number), static_cast<float>(made.number) + 0.5f);
}

class GgufSplit : public Scratch {
 protected:
  void put_all() const {
    for (int n = 1; n <= 3; ++n)
      put("m-0000" + std::to_string(n) + "-of-00003.gguf",
          part({.number = n, .name = "part " + std::to_string(n), .tensor = "t" + std::to_string(n)}));
  }
  std::string refusal(const std::string& name) const {
    return message_of([&] { GgufFile::open(folder_ / name); });
  }
};

TEST_F(GgufSplit, AnyPartOpensAll) {
  put_all();
  for (int n = 1; n <= 3; ++n) {
    const fs::path given = folder_ / ("m-0000" + std::to_string(n) + "-of-00003.gguf");
    const auto file = GgufFile::open(given);
    EXPECT_EQ(file->path(), given);
    EXPECT_EQ(file->string("general.name"), "part 1");
    ASSERT_EQ(file->tensors().size(), 3u);
    EXPECT_EQ(file->maps().size(), 3u);
    for (int t = 1; t <= 3; ++t) {
      const TensorInfo* found = file->find("t" + std::to_string(t));
      ASSERT_NE(found, nullptr);
      float values[2];
      decode(found->dtype, file->bytes(*found), values, 2);
      EXPECT_EQ(values[0], static_cast<float>(t));
      EXPECT_EQ(values[1], static_cast<float>(t) + 0.5f);
    }
  }
}

TEST_F(GgufSplit, WhatIsMissingOrContradictsIsNamed) {
  put_all();
  fs::remove(folder_ / "m-00002-of-00003.gguf");
  EXPECT_THAT(refusal("m-00003-of-00003.gguf"),
              HasSubstr("m-00002-of-00003.gguf: a part of this split GGUF is missing"));
  put("m-00002-of-00003.gguf", part({.number = 3, .tensor = "t2"}));
  EXPECT_THAT(refusal("m-00001-of-00003.gguf"), HasSubstr("m-00002-of-00003.gguf: split.no"));
  put("m-00002-of-00003.gguf", part({.number = 2, .count = 4, .tensor = "t2"}));
  EXPECT_THAT(refusal("m-00001-of-00003.gguf"), HasSubstr("split.count"));
  EXPECT_THAT(refusal("m-00002-of-00003.gguf"), HasSubstr("another number of parts than the name says"));
  put("m-00002-of-00003.gguf", part({.number = 2, .all = 7, .tensor = "t2"}));
  EXPECT_THAT(refusal("m-00001-of-00003.gguf"), HasSubstr("m-00002-of-00003.gguf: split.tensors.count"));
  put("m-00002-of-00003.gguf", part({.number = 2, .tensor = "t1"}));
  EXPECT_THAT(refusal("m-00001-of-00003.gguf"), HasSubstr("t1: this tensor is in an earlier part"));
  put("renamed.gguf", part({.number = 1}));
  EXPECT_THAT(refusal("renamed.gguf"), HasSubstr("its name does not tell those of the others"));
}

TEST_F(GgufSplit, FoldersWithPartsProjectorsAndCapitals) {
  put_all();
  EXPECT_EQ(single_gguf(folder_), folder_ / "m-00001-of-00003.gguf");
  put("mmproj-F16.gguf", "");
  EXPECT_EQ(single_gguf(folder_), folder_ / "m-00001-of-00003.gguf");
  EXPECT_THAT(gguf_models({"b.GGUF", "a.gguf", "mmproj.gguf", "x-00002-of-00002.gguf", "notes.txt"}),
              ElementsAre("a.gguf", "b.GGUF", "x-00002-of-00002.gguf"));
  EXPECT_THAT(gguf_models({"mmproj.gguf"}), ElementsAre("mmproj.gguf"));
  const std::string clip = text("general.architecture") + packed(kString) + text("clip");
  put("vision.gguf", part({.number = 1, .count = 1, .more = clip}));
  EXPECT_EQ(single_gguf(folder_), folder_ / "m-00001-of-00003.gguf");
  put("other.gguf", part({.number = 1, .count = 1}));
  EXPECT_THAT(message_of([&] { single_gguf(folder_); }), HasSubstr("several GGUF files"));
}

TEST_F(GgufSplit, TheMagicDecidesWhereTheEndingDoesNot) {
  EXPECT_TRUE(is_gguf(put("sha256-0123", part({.number = 1, .count = 1}))));
  EXPECT_TRUE(is_gguf(put("M.GGUF", "")));
  EXPECT_FALSE(is_gguf(put("notes", "GGU")));
  EXPECT_FALSE(is_gguf(folder_));
  EXPECT_FALSE(is_gguf(folder_ / "absent"));
}

// Three gigabytes of holes behind a header that claims them.
TEST_F(GgufSplit, HolesCostNoMemory) {
  const auto sparse = [&](const std::string& name, const std::string& head) {
    const fs::path file = put(name, head);
    fs::resize_file(file, U64{3} << 30);
    return file;
  };
  const U64 most = U64{3} << 29;
  const auto refused = [&](const std::string& name, const std::string& head, const std::string& words) {
    const fs::path file = sparse(name, head);
    expect_refusal([&] { GgufFile::open(file); }, file, words);
    fs::remove(file);
  };
  const std::string head = "GGUF" + packed(U32{3}, U64{0}, U64{1});
  refused("text.gguf", head + text("k") + packed(kString, most), "more memory");
  refused("numbers.gguf", head + text("k") + packed(kArray, kUint8, most), "more memory");
  refused("texts.gguf", head + text("k") + packed(kArray, kString, U64{1} << 27), "more memory");
  refused("tensors.gguf", "GGUF" + packed(U32{3}, U64{1} << 26, U64{0}), "more tensors than are read");
  refused("name.gguf", "GGUF" + packed(U32{3}, U64{1}, U64{0}, most), "impossible length");
}

}  // namespace
}  // namespace deltascape::io
