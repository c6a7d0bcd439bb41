// Owns the pickle machine's opcodes and its stack.
#include "io/unpickler.h"

#include <bit>

#include "deltascape/error.h"

namespace deltascape::io {
namespace {

// An honest checkpoint nests a few levels and keeps a few values open; these stop only the absurd.
constexpr std::size_t kMaxStack = 1 << 22;
constexpr std::size_t kMaxMarks = 1024;
// An opcode is a byte or two, what it makes may take a hundred. A checkpoint of 100,000 tensors takes a third of this.
constexpr std::uint64_t kMaxMemory = std::uint64_t{256} << 20;
constexpr std::uint64_t kContainer = 64, kNode = 56;  // of a list, a dict or a text; of the memo

// pickletools.py's names of what is not supported: each either calls something or has no use in a state dict.
const char* name_of(std::uint8_t opcode) {
  switch (opcode) {
    case 'i': return "INST";
    case 'o': return "OBJ";
    case 'P': return "PERSID";
    case 0x81: return "NEWOBJ";
    case 0x82: return "EXT1";
    case 0x83: return "EXT2";
    case 0x84: return "EXT4";
    case 0x92: return "NEWOBJ_EX";
    case 0x8f: return "EMPTY_SET";
    case 0x90: return "ADDITEMS";
    case 0x91: return "FROZENSET";
    case 0x96: return "BYTEARRAY8";
    case 0x97: return "NEXT_BUFFER";
    case 0x98: return "READONLY_BUFFER";
    default: return nullptr;
  }
}

}  // namespace

void Unpickler::fail(const std::string& message) const {
  throw Error(ErrorCode::kBadFile, "in its pickle: " + message,
              {.path = file_->string(), .field = {}, .expected = {}, .found = {}});
}

void Unpickler::refuse_opcode(std::uint8_t opcode) {
  const char* name = name_of(opcode);
  if (opcode == 'i') {
    const std::string module(reader_.line("a global's name"));
    fail("INST would make " + module + "." + std::string(reader_.line("a global's name")) +
         ", which is refused: only tensors are read");
  }
  const std::string number = std::to_string(opcode);
  fail((name ? std::string("the opcode ") + name : "the unknown opcode " + number) +
       " is refused: only tensors are read");
}

Unpickler::Value Unpickler::load() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  for (;;) {
    const auto opcode = reader_.number<std::uint8_t>("a pickle");
    if (opcode == '.') break;
    step(opcode);
  }
  const Value result = pop();
  if (!stack_.empty()) fail("values are left over at its end");
  return result;
}

void Unpickler::step(std::uint8_t opcode) {
  if (step_value(opcode) || step_container(opcode) || step_memo(opcode)) return;
  switch (opcode) {
    case 0x80:  // PROTO
      if (reader_.number<std::uint8_t>("a pickle") > 5) fail("an unknown pickle protocol");
      return;
    case 0x95:  // FRAME: a hint for buffering
      if (reader_.number<std::uint64_t>("a pickle") > reader_.left()) fail("a frame longer than the file");
      return;
    case 'c': {  // GLOBAL
      const std::string module(reader_.line("a global's name"));
      return push_global(module + "." + std::string(reader_.line("a global's name")));
    }
    case 0x93: {  // STACK_GLOBAL
      const Value name = pop(), module = pop();
      if (name.kind != Kind::kText || module.kind != Kind::kText) fail("a global whose name is not a text");
      return push_global(text(module) + "." + text(name));
    }
    case 'R': return reduce();
    case 'b': return build();
    case 'Q': return resolve_persistent_id();
    default: refuse_opcode(opcode);
  }
}

bool Unpickler::step_value(std::uint8_t opcode) {
  switch (opcode) {
    case 'N': return push({Kind::kNone, 0}), true;
    case 0x88: return push({Kind::kBool, 1}), true;
    case 0x89: return push({Kind::kBool, 0}), true;
    case 'J': return push({Kind::kInt, reader_.number<std::int32_t>("an integer")}), true;
    case 'K': return push({Kind::kInt, reader_.number<std::uint8_t>("an integer")}), true;
    case 'M': return push({Kind::kInt, reader_.number<std::uint16_t>("an integer")}), true;
    case 0x8a: return push_integer(reader_.number<std::uint8_t>("an integer")), true;
    case 0x8b: return push_integer(reader_.number<std::uint32_t>("an integer")), true;
    case 'G': return reader_.take(8, "a float"), push({Kind::kOther, 0}), true;
    case 'U':
    case 0x8c: return push_text(reader_.number<std::uint8_t>("a text")), true;
    case 'T':
    case 'X': return push_text(reader_.number<std::uint32_t>("a text")), true;
    case 0x8d: return push_text(reader_.number<std::uint64_t>("a text")), true;
    case 'C': return reader_.take(reader_.number<std::uint8_t>("bytes"), "bytes"), push({Kind::kOther, 0}), true;
    case 'B': return reader_.take(reader_.number<std::uint32_t>("bytes"), "bytes"), push({Kind::kOther, 0}), true;
    case 0x8e: return reader_.take(reader_.number<std::uint64_t>("bytes"), "bytes"), push({Kind::kOther, 0}), true;
    default: return false;
  }
}

bool Unpickler::step_container(std::uint8_t opcode) {
  switch (opcode) {
    case '(':
      if (marks_.size() >= kMaxMarks) fail("nested too deeply");
      return marks_.push_back(stack_.size()), true;
    case '0': return pop(), true;
    case '1': return pop_to_mark(), true;
    case ')': return push_tuple({}), true;
    case 't': return push_tuple(pop_to_mark()), true;
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<Value> values(opcode - 0x84u);
      for (std::size_t i = values.size(); i-- > 0;) values[i] = pop();
      return push_tuple(std::move(values)), true;
    }
    case ']':
      charge(kContainer);
      sequences_.emplace_back();
      return push({Kind::kList, static_cast<std::int64_t>(sequences_.size()) - 1}), true;
    case 'a':
    case 'e': {
      const auto values = opcode == 'a' ? std::vector<Value>{pop()} : pop_to_mark();
      auto& list = sequences_[static_cast<std::size_t>(top(Kind::kList, "a list").payload)];
      charge(2 * sizeof(Value) * values.size());
      list.insert(list.end(), values.begin(), values.end());
      return true;
    }
    case '}':
      charge(kContainer);
      dicts_.emplace_back();
      return push({Kind::kDict, static_cast<std::int64_t>(dicts_.size()) - 1}), true;
    case 's': {
      const Value value = pop(), key = pop();
      return set_items({key, value}), true;
    }
    case 'u': return set_items(pop_to_mark()), true;
    default: return false;
  }
}

bool Unpickler::step_memo(std::uint8_t opcode) {
  const auto put = [&](std::uint32_t place) {
    if (stack_.empty()) fail("nothing to remember");
    charge(kNode);
    memo_[place] = stack_.back();
    return true;
  };
  const auto get = [&](std::uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) fail("it recalls what it never stored");
    push(found->second);
    return true;
  };
  switch (opcode) {
    case 'q': return put(reader_.number<std::uint8_t>("a memo"));
    case 'r': return put(reader_.number<std::uint32_t>("a memo"));
    case 0x94: return put(static_cast<std::uint32_t>(memo_.size()));
    case 'h': return get(reader_.number<std::uint8_t>("a memo"));
    case 'j': return get(reader_.number<std::uint32_t>("a memo"));
    default: return false;
  }
}

void Unpickler::charge(std::uint64_t bytes) {
  if (bytes > kMaxMemory - memory_)
    fail("it would take more than " + std::to_string(kMaxMemory >> 20) + " MiB of memory");
  memory_ += bytes;
}

void Unpickler::push(Value value) {
  if (stack_.size() >= kMaxStack) fail("it holds too many values at once");
  stack_.push_back(value);
}

Unpickler::Value Unpickler::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("it takes a value that is not there");
  const Value value = stack_.back();
  stack_.pop_back();
  return value;
}

Unpickler::Value& Unpickler::top(Kind kind, const char* what) {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()) || stack_.back().kind != kind)
    fail(std::string(what) + " is expected, and there is none");
  return stack_.back();
}

std::vector<Unpickler::Value> Unpickler::pop_to_mark() {
  if (marks_.empty()) fail("a mark is missing");
  const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value> values(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return values;
}

void Unpickler::push_text(std::uint64_t length) {
  const std::string_view text = reader_.text(length, "a text");
  charge(kContainer + text.size());
  texts_.emplace_back(text);
  push({Kind::kText, static_cast<std::int64_t>(texts_.size()) - 1});
}

void Unpickler::push_integer(std::uint64_t length) {
  const auto bytes = reader_.take(length, "an integer");
  if (length > 8) return push({Kind::kOther, 0});  // nothing we need has such a number
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), length);
  const bool negative = length > 0 && (std::to_integer<unsigned>(bytes[length - 1]) & 0x80u) != 0;
  if (negative && length < 8) value |= ~std::uint64_t{0} << (8 * length);
  push({Kind::kInt, static_cast<std::int64_t>(value)});
}

void Unpickler::push_tuple(std::vector<Value> values) {
  charge(kContainer + sizeof(Value) * values.size());
  sequences_.push_back(std::move(values));
  push({Kind::kTuple, static_cast<std::int64_t>(sequences_.size()) - 1});
}

void Unpickler::set_items(const std::vector<Value>& flat) {
  Items& dict = dicts_[static_cast<std::size_t>(top(Kind::kDict, "a dict").payload)];
  if (flat.size() % 2 != 0) fail("a key without a value");
  charge(2 * sizeof(Value) * flat.size());
  for (std::size_t i = 0; i < flat.size(); i += 2) dict.emplace_back(flat[i], flat[i + 1]);
}

}  // namespace deltascape::io
