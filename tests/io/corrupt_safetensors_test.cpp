// Owns the broken safetensors files, single and sharded: each is refused with one clear line.
#include "io/io_files.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

class CorruptSafetensors : public Scratch {};

std::string file_of(const std::string& header, const std::string& data = {}) {
  return packed(static_cast<std::uint64_t>(header.size())) + header + data;
}

struct Case {
  std::string content, words;
};

const std::string kEight(8, '\0');

std::string entry(const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
std::string one(const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
  return R"({"w":)" + entry(shape, offsets, dtype) + "}";
}
std::string two(const std::string& first, const std::string& second) {
  return R"({"a":)" + first + R"(,"b":)" + second + "}";
}

std::vector<Case> cases() {
  return {
      {"", "too short"},
      {"1234567", "too short"},
      {packed(std::uint64_t{100}) + "{}", "truncated inside its header"},
      {packed(std::uint64_t{100'000'001}) + "{}", "header length is absurd"},
      {packed(~std::uint64_t{0}) + "{}", "header length is absurd"},
      {packed(std::uint64_t{0}), "does not start with '{'"},
      {file_of(" {}"), "does not start with '{'"},
      {file_of("[]"), "does not start with '{'"},
      {file_of("{"), "invalid JSON"},
      {file_of("{}x"), "invalid JSON"},
      {file_of("{\"w\":" + std::string(100000, '[')), "holds an array"},
      {file_of("{\"w\":" + std::string(1000, '{')), "invalid JSON"},
      {file_of(R"({"w":{"shape":{}}})"), "holds an object"},
      {file_of(R"({"w":1})"), "holds a number"},
      {file_of(R"({"w":"x"})"), "holds a string"},
      {file_of(R"({"w":null})"), "holds null"},
      {file_of(R"({"w":{}})"), "lacks dtype"},
      {file_of(R"({"w":{"dtype":"F32","shape":[]}})", "1234"), "lacks dtype, shape or data_offsets"},
      {file_of(R"({"w":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", "1234"), "appears twice"},
      {file_of(R"({"w":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}})", "1234"), "unknown field x"},
      {file_of(R"({"__metadata__":{"a":1}})"), "map strings to strings"},
      {file_of(R"({"__metadata__":{"a":{}}})"), "map strings to strings"},
      {file_of(R"({"__metadata__":[]})"), "holds an array"},
      {file_of(R"({"__metadata__":{},"__metadata__":{}})"), "__metadata__ appears twice"},
      {file_of(one("[2]", "[0,8]", "F4"), kEight), "the element type F4 is not supported"},
      {file_of(one("[-2]", "[0,8]"), kEight), "negative number -2"},
      {file_of(one("[2.0]", "[0,8]"), kEight), "not a 64-bit integer"},
      {file_of(one("[18446744073709551616]", "[0,8]"), kEight), "not a 64-bit integer"},
      {file_of(one("[9223372036854775808]", "[0,8]"), kEight), "too large"},
      {file_of(one("[4611686018427387904,4]", "[0,0]")), "overflows"},
      {file_of(one("[4294967296,4294967296]", "[0,0]")), "overflows"},
      {file_of(one("[4611686018427387904]", "[0,0]", "F64")), "overflows"},
      {file_of(one("[1000000000000]", "[0,4000000000000]")), "truncated inside this tensor"},
      {file_of(one("[2]", "[0]"), kEight), "two numbers"},
      {file_of(one("[2]", "[0,8,8]"), kEight), "two numbers"},
      {file_of(one("[2]", "[8,0]"), kEight), "run backwards"},
      {file_of(one("[2]", "[0,18446744073709551615]"), kEight), "does not fit its data_offsets"},
      {file_of(one("[3]", "[0,8]"), kEight), "does not fit its data_offsets"},
      {file_of(one("[2]", "[0,8]"), "1234567"), "truncated inside this tensor"},
      {file_of(one("[2]", "[0,8]"), "123456789"), "bytes after the last tensor"},
      {file_of(one("[1]", "[4,8]"), kEight), "hole before"},
      {file_of(two(entry("[1]", "[0,4]"), entry("[1]", "[5,9]")), "123456789"), "hole before"},
      {file_of(two(entry("[2]", "[0,8]"), entry("[1]", "[4,8]")), kEight), "overlaps"},
      {file_of(two(entry("[2]", "[0,8]"), entry("[2]", "[0,8]")), kEight), "overlaps"},
      {file_of(R"({"w":)" + entry("[1]", "[0,4]") + R"(,"w":)" + entry("[1]", "[4,8]") + "}", kEight),
       "name appears twice"},
      {file_of(R"({"w\n\u0000)" + std::string(1000, 'x') + R"(":1})"), "holds a number"},
      {file_of(R"({"w":{"dtype":"F32","shape":[)" +
                   [] {
                     std::string ones = "1";
                     for (int i = 0; i < 64; ++i) ones += ",1";
                     return ones;
                   }() +
                   R"(],"data_offsets":[0,4]}})",
               "1234"),
       "shape is too large"},
  };
}

TEST_F(CorruptSafetensors, IsRefused) {
  for (const Case& one : cases()) {
    const auto file = put("bad.safetensors", one.content);
    expect_refusal([&] { open_safetensors(file); }, file, one.words);
  }
}

TEST_F(CorruptSafetensors, EveryPrefixAndFlippedByteIsHarmless) {
  const std::string good = file_of(two(entry("[2,1]", "[0,8]"), entry("[0]", "[8,8]")), kEight);
  for (std::size_t i = 0; i < good.size(); ++i) {
    const auto file = put("cut.safetensors", good.substr(0, i));
    EXPECT_THROW(open_safetensors(file), Error) << i;
    for (const int bit : {0, 3, 7}) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      try {
        open_safetensors(put("flipped.safetensors", flipped));
      } catch (const Error&) {
      }
    }
  }
  EXPECT_NO_THROW(open_safetensors(put("good.safetensors", good)));
}

TEST_F(CorruptSafetensors, IndexIsRefused) {
  put("model/a.safetensors", file_of(one("[2]", "[0,8]"), kEight));
  put("secret.safetensors", file_of(one("[2]", "[0,8]"), kEight));
  std::filesystem::create_symlink("../secret.safetensors", folder_ / "model/link.safetensors");
  const std::vector<std::array<std::string, 3>> refused = {
      {"{}", "weight_map", "model.safetensors.index.json"},
      {"[]", "wrong JSON type", "model.safetensors.index.json"},
      {R"({"weight_map": []})", "weight_map", "model.safetensors.index.json"},
      {R"({"weight_map": {"w": 3}})", "the name of a shard", "model.safetensors.index.json"},
      {R"({"weight_map": {"x": "a.safetensors"}})", "does not hold it", "model.safetensors.index.json"},
      {R"({"weight_map": {"w": "missing.safetensors"}})", "no such file", "missing.safetensors"},
      {R"({"weight_map": {"w": "../secret.safetensors"}})", "leaves its folder", "secret.safetensors"},
      {R"({"weight_map": {"w": "/etc/passwd"}})", "absolute path", "passwd"},
      {R"({"weight_map": {"w": "a\u0000b"}})", "NUL", "a\\x00b"},
      {R"({"weight_map": {"w": ""}})", "empty file name", "model"},
      {R"({"weight_map": {"w": "link.safetensors"}})", "leads out of its folder", "link.safetensors"},
      {R"({"weight_map": {"w": "a.safetensors", "w": "a.safetensors"}})", "appears twice",
       "model.safetensors.index.json"},
  };
  for (const auto& [content, words, named] : refused) {
    const auto index = put("model/model.safetensors.index.json", content);
    expect_refusal([&] { open_sharded(index); }, named, words);
  }
}

}  // namespace
}  // namespace deltascape::io
