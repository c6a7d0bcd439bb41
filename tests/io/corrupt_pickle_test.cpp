// Owns the hostile and broken torch checkpoints: no code runs, each is refused with one clear line.
#include <cstring>

#include "io/io_files.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

class CorruptPickle : public Scratch {
 protected:
  // An archive around a pickle, with one storage of 24 bytes.
  std::filesystem::path archive(const std::string& pickle, const std::string& byteorder = "little") const {
    const auto file = folder_ / "bad.bin";
    put_zip(file, {{"m/data.pkl", pickle}, {"m/byteorder", byteorder}, {"m/data/0", std::string(24, '\1')}});
    return file;
  }
};

std::string text(const std::string& s) { return "X" + packed(static_cast<std::uint32_t>(s.size())) + s; }
std::string integer(std::int64_t value) { return "\x8a\x08" + packed(value); }
std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
std::string tuple(const std::string& inside) { return "(" + inside + "t"; }
std::string sizes(std::initializer_list<std::int64_t> values) {
  std::string inside;
  for (const auto value : values) inside += integer(value);
  return tuple(inside);
}
std::string storage(const std::string& type = "FloatStorage", std::int64_t count = 6, const std::string& name = "0") {
  return tuple(text("storage") + global("torch", type) + text(name) + text("cpu") + integer(count)) + "Q";
}
const std::string kHooks = global("collections", "OrderedDict") + ")R";
std::string tensor(const std::string& storage, std::int64_t offset, const std::string& shape,
                   const std::string& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + shape + strides + "\x89" + kHooks) + "R";
}
std::string dict(const std::string& value, const std::string& key = text("w")) {
  return "\x80\x02}" + key + value + "s.";
}

struct Case {
  std::string pickle, words;
};

std::vector<Case> calls() {
  const std::string command = text("touch /tmp/owned");
  const std::string head = "\x80\x02";
  const auto short_text = [](const std::string& s) { return "\x8c" + std::string(1, static_cast<char>(s.size())) + s; };
  return {
      {head + global("os", "system") + tuple(command) + "R.", "the global os.system"},
      {head + global("posix", "system") + tuple(command) + "R.", "the global posix.system"},
      {head + global("nt", "system") + tuple(command) + "R.", "the global nt.system"},
      {head + global("builtins", "eval") + tuple(text("1")) + "R.", "the global builtins.eval"},
      {head + global("__builtin__", "exec") + tuple(text("1")) + "R.", "the global __builtin__.exec"},
      {head + global("builtins", "getattr") + ".", "the global builtins.getattr"},
      {head + global("subprocess", "Popen") + ".", "the global subprocess.Popen"},
      {head + global("torch", "load") + ".", "the global torch.load"},
      {head + global("torch.serialization", "load") + ".", "the global torch.serialization.load"},
      {head + global("collections", "OrderedDict.fromkeys") + ".", "the global collections.OrderedDict.fromkeys"},
      {head + global("torch._utils", "_rebuild_tensor_v2.__globals__") + ".", "_rebuild_tensor_v2.__globals__"},
      {head + "(S'touch /tmp/owned'\nios\nsystem\n.", "refused: only tensors are read"},
      {head + "(" + command + "ios\nsystem\n.", "INST would make os.system"},
      {head + "(" + global("os", "system") + command + "o.", "the global os.system"},
      {head + "(" + global("collections", "OrderedDict") + command + "o.", "the opcode OBJ"},
      {"\x80\x04" + short_text("posix") + short_text("system") + "\x93" + tuple(command) + "R.",
       "the global posix.system"},
      {"\x80\x04" + short_text("builtins") + short_text("eval") + "\x93.", "the global builtins.eval"},
      {"\x80\x04" + short_text("os") + "\x94" + short_text("system") + "\x94h\x01h\x01\x93.",
       "the global system.system"},
      {"\x80\x04K\x01K\x02\x93.", "whose name is not a text"},
      {head + global("collections", "OrderedDict") + ")\x81.", "the opcode NEWOBJ"},
      {head + global("collections", "OrderedDict") + ")}\x92.", "the opcode NEWOBJ_EX"},
      {head + "\x82\x01.", "the opcode EXT1"},
      {head + "\x83\x01\x01.", "the opcode EXT2"},
      {head + "\x84" + packed(std::uint32_t{1}) + ".", "the opcode EXT4"},
      {head + "Pos.system\n.", "the opcode PERSID"},
      {head + global("torch", "FloatStorage") + "}" + text("__setstate__") + text("x") + "sb.",
       "a dict that is given state"},
      {head + global("torch", "FloatStorage") + tuple(integer(1)) + "R.", "a call of torch.FloatStorage"},
      {head + global("torch", "float32") + ")R.", "a call of torch.float32"},
      {head + text("os.system") + tuple(command) + "R.", "a call of something that is not a function"},
      {head + global("collections", "OrderedDict") + text("x") + "R.", "arguments that are no tuple"},
      {head + global("collections", "OrderedDict") + tuple(text("x")) + "R.", "an OrderedDict made from arguments"},
      {head + tuple(text("module") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(6)) + "Q.",
       "names no storage"},
      {head + text("0") + "Q.", "not a tuple"},
      {head + global("evil\x1b[31m\nx", "y") + ".", "the global evil\\x1b[31m.x"},
      {head + global(std::string(5000, 'm'), "f") + ".", "the global mmm"},
  };
}

TEST_F(CorruptPickle, NothingIsCalled) {
  for (const Case& one : calls()) {
    const auto file = archive(one.pickle);
    expect_refusal([&] { open_torch_pickle(file); }, file, one.words);
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/owned"));
}

std::vector<Case> machines() {
  const std::string head = "\x80\x02";
  return {
      {"", "ends inside a pickle"},
      {head, "ends inside a pickle"},
      {head + ".", "a value that is not there"},
      {head + "NN.", "left over"},
      {head + "}", "ends inside a pickle"},
      {"\x80\x09}.", "unknown pickle protocol"},
      {"\x80\x04\x95" + packed(~std::uint64_t{0}) + "}.", "a frame longer than the file"},
      {head + "t.", "a mark is missing"},
      {head + "}Ns.", "a dict is expected"},
      {head + "}(Nu.", "a key without a value"},
      {head + "N(NNu.", "a dict is expected"},
      {head + "}Na.", "a list is expected"},
      {head + "}(0.", "a value that is not there"},
      {head + "h\x07.", "recalls what it never stored"},
      {head + "j" + packed(~0u) + ".", "recalls what it never stored"},
      {head + "q\x01.", "nothing to remember"},
      {head + "X" + packed(~0u) + "abc.", "ends inside a text"},
      {"\x80\x04\x8d" + packed(~std::uint64_t{0}) + "abc.", "ends inside a text"},
      {head + "\x8b" + packed(~0u) + ".", "ends inside an integer"},
      {head + std::string(2000, '('), "nested too deeply"},
      {head + "cos", "ends inside a global's name"},
      {head + "\xff.", "the unknown opcode 255"},
      {head + "K\x01.", "no dict of tensors"},
      {head + "].", "no dict of tensors"},
      {dict(text("x")) + "trailing", ""},  // what follows STOP is nobody's: an empty file of tensors
  };
}

TEST_F(CorruptPickle, BadMachinesAreRefused) {
  for (const Case& one : machines()) {
    const auto file = archive(one.pickle);
    if (one.words.empty()) EXPECT_TRUE(open_torch_pickle(file)->tensors().empty());
    else expect_refusal([&] { open_torch_pickle(file); }, file, one.words);
  }
}

std::vector<Case> tensors() {
  const std::string six = storage();
  const std::int64_t huge = INT64_MAX;
  const std::string good = tensor(six, 0, sizes({2, 3}), sizes({3, 1}));
  return {
      {dict(tensor(six, 0, sizes({7}), sizes({1}))), "leaves its storage"},
      {dict(tensor(six, 1, sizes({6}), sizes({1}))), "leaves its storage"},
      {dict(tensor(six, 6, sizes({}), sizes({}))), "leaves its storage"},
      {dict(tensor(six, huge, sizes({1}), sizes({1}))), "leaves its storage"},
      {dict(tensor(six, 0, sizes({2}), sizes({6}))), "leaves its storage"},
      {dict(tensor(six, 0, sizes({3}), sizes({huge}))), "leaves its storage"},
      {dict(tensor(six, 0, sizes({3, 3}), sizes({huge, huge}))), "leaves its storage"},
      {dict(tensor(six, huge, sizes({2, 2}), sizes({huge, huge}))), "leaves its storage"},
      {dict(tensor(six, -1, sizes({1}), sizes({1}))), "impossible arguments"},
      {dict(tensor(six, 0, sizes({-6}), sizes({1}))), "something else than sizes"},
      {dict(tensor(six, 0, sizes({6}), sizes({-1}))), "something else than sizes"},
      {dict(tensor(six, 0, sizes({6}), sizes({1, 1}))), "differ in length"},
      {dict(tensor(six, 0, sizes({huge, huge}), sizes({0, 0}))), "overflows"},
      {dict(tensor(six, 0, sizes({1LL << 40}), sizes({0}))), "more memory than the file"},
      {dict(tensor(six, 0, sizes({1LL << 62}), sizes({0}))), "more memory than the file"},
      {dict(tensor(storage("FloatStorage", 7), 0, sizes({7}), sizes({1}))), "storage's size is not"},
      {dict(tensor(storage("FloatStorage", 5), 0, sizes({5}), sizes({1}))), "storage's size is not"},
      {dict(tensor(storage("FloatStorage", huge), 0, sizes({6}), sizes({1}))), "storage's size is not"},
      {dict(tensor(storage("DoubleStorage", 6), 0, sizes({6}), sizes({1}))), "storage's size is not"},
      {dict(tensor(storage("FloatStorage", -1), 0, sizes({6}), sizes({1}))), "names no storage"},
      {dict(tensor(storage("UntypedStorage", 24), 0, sizes({6}), sizes({1}))), "without an element type"},
      {dict(tensor(storage("FloatStorage", 6, "1"), 0, sizes({6}), sizes({1}))), "missing from the archive"},
      {dict(tensor(storage("FloatStorage", 6, "../data.pkl"), 0, sizes({6}), sizes({1}))), "missing from the archive"},
      {dict(tensor(storage("OrderedDict", 6), 0, sizes({6}), sizes({1}))), "the global torch.OrderedDict"},
      {dict(tensor("N", 0, sizes({6}), sizes({1}))), "impossible arguments"},
      {dict(tensor(six, 0, "]", sizes({1}))), "not a short tuple"},
      {dict(good, integer(3)), "whose name is not a text"},
      {"\x80\x02}" + text("w") + good + "s" + text("w") + good + "s.", "appears twice"},
      {"\x80\x02}" + text("a") + "}" + text("w") + good + "ss" + text("b") + "}" + text("w") + good + "ss.",
       "several dicts"},
      {dict(global("torch._utils", "_rebuild_parameter") + tuple("N\x88" + kHooks) + "R"),
       "a parameter that is not a tensor"},
      {dict(global("torch._utils", "_rebuild_tensor_v3") +
            tuple(six + integer(0) + sizes({6}) + sizes({1}) + "\x89" + kHooks + "N") + "R"),
       "without an element type"},
  };
}

TEST_F(CorruptPickle, BadTensorsAreRefused) {
  for (const Case& one : tensors()) {
    const auto file = archive(one.pickle);
    expect_refusal([&] { open_torch_pickle(file); }, file, one.words);
  }
  const auto sound = open_torch_pickle(archive(dict(tensor(storage(), 0, sizes({2, 3}), sizes({3, 1})))));
  EXPECT_EQ(sound->tensors().size(), 1u);
}

TEST_F(CorruptPickle, ADictThatHoldsItselfIsHarmless) {
  EXPECT_TRUE(open_torch_pickle(archive("\x80\x02}q\x01" + text("me") + "h\x01s."))->tensors().empty());
}

TEST_F(CorruptPickle, BadArchivesAreRefused) {
  const auto file = folder_ / "bad.bin";
  const auto refuse = [&](const std::string& words) { expect_refusal([&] { open_torch_pickle(file); }, file, words); };
  put("bad.bin", "");
  refuse("not a torch.save file");
  put("bad.bin", "hello, this is not a checkpoint");
  refuse("not a torch.save file");
  put_zip(file, {{"a/other", "x"}});
  refuse("no data.pkl");
  put_zip(file, {{"a/data.pkl", "}."}, {"b/data.pkl", "}."}});
  refuse("two pickles");
  archive("}.", "big");
  refuse("big-endian");
  archive("}.", std::string(100, 'x'));
  refuse("impossible byte order");
  put("bad.bin", content_of(archive("}.")).substr(0, 60));
  refuse("truncated");
}

TEST_F(CorruptPickle, BadStreamsAreRefused) {
  const std::string magic("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20j\xa8P\x19.", 15);
  const std::string start = magic + "\x80\x02M\xe9\x03." + "\x80\x02}.";
  const std::string object = dict(tensor(storage(), 0, sizes({6}), sizes({1})));
  const std::string keys = "\x80\x02]" + text("0") + "a.";
  const std::string six = packed(std::int64_t{6}) + std::string(24, '\1');
  const auto refuse = [&](const std::string& content, const std::string& words) {
    const auto file = put("bad.bin", content);
    expect_refusal([&] { open_torch_pickle(file); }, file, words);
  };
  EXPECT_EQ(open_torch_pickle(put("good.bin", start + object + keys + six))->tensors().size(), 1u);
  refuse(magic, "ends inside a pickle");
  refuse(start + object, "ends inside a pickle");
  refuse(start + "\x80\x02" + global("os", "system") + ".", "the global os.system");
  refuse(start + object + "\x80\x02}.", "list of storages is missing");
  refuse(start + object + "\x80\x02]" + text("9") + "a." + six, "names one that no tensor uses");
  refuse(start + object + "\x80\x02].", "storage of this tensor is missing");
  refuse(start + object + keys, "ends inside a storage");
  refuse(start + object + keys + packed(std::int64_t{-1}) + std::string(24, '\1'), "overflows");
  refuse(start + object + keys + packed(std::int64_t{1} << 40) + std::string(24, '\1'), "ends inside a storage");
  refuse(start + object + keys + packed(std::int64_t{5}) + std::string(20, '\1'), "storage's size is not");
}

TEST_F(CorruptPickle, EveryPrefixAndFlippedByteIsHarmless) {
  const std::string good = dict(tensor(storage(), 0, sizes({2, 3}), sizes({1, 2})));
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_THROW(open_torch_pickle(archive(good.substr(0, i))), Error) << i;
    for (const int mask : {1, 0x10, 0x80, 0xFF}) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      try {
        open_torch_pickle(archive(flipped));
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace deltascape::io
