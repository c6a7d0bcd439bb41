// Owns the broken zip archives and npz arrays: each is refused with one clear line.
#include <cstring>

#include "io/io_files.h"
#include "io/npz.h"

namespace deltascape::io {
namespace {

class CorruptNpz : public Scratch {};

using U16 = std::uint16_t;
using U32 = std::uint32_t;

std::string npy(const std::string& header, const std::string& values, int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  return out + (version == 1 ? packed(static_cast<U16>(header.size())) : packed(static_cast<U32>(header.size()))) +
         header + values;
}
std::string array(const std::string& descr, const std::string& shape, const std::string& values = {}) {
  return npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n", values);
}

struct Case {
  std::string content, words;
};

std::vector<Case> arrays() {
  return {
      {"", "not a numpy array"},
      {"\x93NUMPX    ", "not a numpy array"},
      {npy("{}", "", 9), "unknown version"},
      {npy("{}", ""), "lacks descr"},
      {std::string("\x93NUMPY\x01\0\xFF\xFF{}", 12), "ends inside an array's header"},
      {npy("", ""), "'{' is missing"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1", ""), "not a dict literal"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", ""), "unexpected or repeated key"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "unexpected or repeated key"},
      {npy("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}", ""), "neither True nor False"},
      {npy("{'descr': <f4}", ""), "no text where one is expected"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()} __import__('os')", "1234"), "goes on after"},
      {array("<f4", "(-1,)"), "not a tuple of sizes"},
      {array("<f4", "(1.5,)"), "')' is missing"},
      {array("<f4", "(99999999999999999999,)"), "not a tuple of sizes"},
      {array("<f4", "(4294967296, 4294967296)"), "overflows"},
      {array("<f8", "(4611686018427387904,)"), "overflows"},
      {array("<f4", "(1000000000000,)", "1234"), "does not fit the entry"},
      {array("<f4", "(2,)", "1234"), "does not fit the entry"},
      {array("<f4", "(1,)", "12345"), "does not fit the entry"},
      {array("|S0", "(1000000000000,)"), "too many empty texts"},
      {array("<U1", "(1,)", packed(U32{0x110000})), "impossible code point"},
      {array("<U4611686018427387904", "(1,)"), "unknown element type"},
      {array("|O", "(1,)", "x"), "Python objects"},
      {array("O", "(1,)", "x"), "Python objects"},
      {array("<c8", "(1,)", "12345678"), "unsupported element type"},
      {array("<f3", "(1,)", "123"), "unsupported element type"},
      {array("<f0", "(1,)"), "unsupported element type"},
      {array("<u8", "(1,)", packed(~std::uint64_t{0})), "beyond 2^63-1"},
      {array("", "(1,)"), "unknown element type"},
      {array("<f-4", "(1,)"), "unsupported element type"},
  };
}

TEST_F(CorruptNpz, BadArraysAreRefused) {
  const auto file = folder_ / "bad.npz";
  for (const Case& one : arrays()) {
    put_zip(file, {{"a.npy", one.content}});
    expect_refusal([&] { read_npz(file); }, file, one.words);
  }
  put_zip(file, {{"readme.txt", "x"}});
  expect_refusal([&] { read_npz(file); }, file, "an entry that is not an array");
}

std::string poke(std::string content, std::size_t at, const std::string& bytes) {
  content.replace(at, bytes.size(), bytes);
  return content;
}

// A zip archive of one or two entries made without ZipWriter, so that every field can be wrong.
struct RawZip {
  U16 flags = 0, method = 0;
  U32 size = 4, packed_size = 4, crc = 0x9BE3E0A3;  // of "1234"
  std::string data = "1234";
  std::string local() const {
    return packed(U32{0x04034b50}, U16{20}, flags, method, U32{0}, crc, packed_size, size, U16{5}, U16{0}) + "a.npy" +
           data;
  }
  std::string central(U32 offset, const std::string& name = "a.npy") const {
    return packed(U32{0x02014b50}, U16{20}, U16{20}, flags, method, U32{0}, crc, packed_size, size,
                  static_cast<U16>(name.size()), U16{0}, U16{0}, U16{0}, U16{0}, U32{0}, offset) +
           name;
  }
  static std::string end(U16 entries, U32 bytes, U32 offset) {
    return packed(U32{0x06054b50}, U16{0}, U16{0}, entries, entries, bytes, offset, U16{0});
  }
  std::string whole() const {
    const std::string l = local(), c = central(0);
    return l + c + end(1, static_cast<U32>(c.size()), static_cast<U32>(l.size()));
  }
};

std::vector<Case> archives() {
  const RawZip plain;
  const std::string good = plain.whole(), local = plain.local(), central = plain.central(0);
  const auto size = [](const std::string& s) { return static_cast<U32>(s.size()); };
  std::string zeros(1 << 20, '\0');
  const std::string twice = local + local + central + plain.central(size(local));
  return {
      {"", "not a zip archive"},
      {"PK", "not a zip archive"},
      {std::string(1000, 'x'), "no directory at its end"},
      {good, "not a numpy array"},  // sound as a zip
      {good.substr(0, good.size() - 1), "no directory at its end"},
      {local + central + RawZip::end(1, size(central), 1u << 30), "outside the file"},
      {local + central + RawZip::end(1, ~0u, size(local)), "outside the file"},
      {local + central + RawZip::end(60000, size(central), size(local)), "more entries than it can hold"},
      {local + central + RawZip::end(1, size(central), size(local) - 1), "directory is damaged"},
      {RawZip{.data = "12345678"}.local() + central + RawZip::end(1, size(central), size(local)),
       "directory is damaged"},
      {RawZip{.flags = 1}.whole(), "encrypted"},
      {RawZip{.method = 12}.whole(), "unsupported zip compression"},
      {RawZip{.packed_size = 3}.whole(), "two sizes"},
      {RawZip{.size = 400, .packed_size = 400}.whole(), "overlaps what follows"},
      {RawZip{.method = 8, .size = 1u << 31}.whole(), "impossible size"},
      {RawZip{.method = 8, .size = 400}.whole(), "compressed zip entry is damaged"},
      {RawZip{.method = 8, .size = 20u << 20, .packed_size = 32768, .data = std::string(32768, 'x')}.whole(),
       "far more memory than the file"},
      {RawZip{.crc = 1}.whole(), "checksum"},
      {local + plain.central(1) + RawZip::end(1, size(central), size(local)), "not where the directory says"},
      {local + plain.central(~0u - 1) + RawZip::end(1, size(central), size(local)), "not where the directory says"},
      // The place of the next entry is no bound where that is beyond the file too.
      {local + plain.central(1u << 30) + plain.central(1u << 31, "b.npy") +
           RawZip::end(2, 2 * size(central), size(local)),
       "not where the directory says"},
      {local + central + central + RawZip::end(2, 2 * size(central), size(local)), "appears twice"},
      {local + central + plain.central(0, "b.npy") + RawZip::end(2, 2 * size(central), size(local)), "zip entry"},
      {twice + RawZip::end(2, 2 * size(central), 2 * size(local)), "appears twice"},
      {local + central + packed(U32{0x07064b50}, U32{0}, ~std::uint64_t{0}, U32{1}) +
           RawZip::end(1, size(central), size(local)),
       "zip64 record"},
      {poke(good, 26, packed(U16{0xFFFF})), "leaves the file"},
  };
}

TEST_F(CorruptNpz, BadArchivesAreRefused) {
  for (const Case& one : archives()) {
    const auto file = put("bad.npz", one.content);
    expect_refusal([&] { read_npz(file); }, file, one.words);
  }
}

TEST_F(CorruptNpz, EveryPrefixAndFlippedByteIsHarmless) {
  const auto file = folder_ / "good.npz";
  write_npz(file, {{"a", {{2}, std::vector<float>{1, 2}}}, {"t", {{}, std::vector<std::string>{"x"}}}});
  const std::string good = content_of(file);
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_THROW(read_npz(put("cut.npz", good.substr(0, i))), Error) << i;
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x81);
    try {
      read_npz(put("flipped.npz", flipped));
    } catch (const Error&) {
    }
  }
}

TEST_F(CorruptNpz, WhatNumpyWritesAndWeDoNotReadIsNamed) {
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"object.refused.npz", "Python objects"},
      {"structured.refused.npz", "structured array"},
      {"complex.refused.npz", "unsupported element type"},
      {"date.refused.npz", "unsupported element type"},
      {"unsigned.refused.npz", "beyond 2^63-1"},
  };
  for (const auto& [name, words] : refused) {
    const auto file = golden(name);
    if (!file.empty()) expect_refusal([&] { read_npz(file); }, file, words);
  }
}

}  // namespace
}  // namespace deltascape::io
