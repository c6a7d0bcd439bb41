// Owns the protobuf wire format and the numbers of ModelProto's fields.
#include "text/sentencepiece_file.h"

#include <bit>
#include <cmath>
#include <optional>
#include <string_view>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/stand_in.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxFile = std::size_t{64} << 20;   // the largest in use are 5 MB
constexpr std::size_t kMaxPieces = std::size_t{1} << 21;  // and have a million pieces

// One field of a message: a number (varint, fixed32 or fixed64) or bytes.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;
  bool is_bytes = false;
};

// Reads a message field by field; nothing is copied.
class Message {
 public:
  Message(std::string_view bytes, std::string where) : rest_(bytes), where_(std::move(where)) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field out;
    out.number = tag >> 3;
    if (out.number == 0) bad("a field number", "0");
    switch (tag & 7) {
      case 0: out.value = varint(); break;
      case 1: out.value = fixed(8); break;
      case 2:
        out.is_bytes = true;
        out.bytes = take(varint());
        break;
      case 5: out.value = fixed(4); break;
      default: bad("wire type 0, 1, 2 or 5", std::to_string(tag & 7));
    }
    return out;
  }

  std::string_view bytes(const Field& field) const {
    if (!field.is_bytes) bad("bytes in field " + std::to_string(field.number), "a number");
    return field.bytes;
  }
  std::string text(const Field& field) const {
    if (!is_valid_utf8(bytes(field))) bad("UTF-8 in field " + std::to_string(field.number), "other bytes");
    return std::string(field.bytes);
  }
  std::int64_t number(const Field& field) const {
    if (field.is_bytes) bad("a number in field " + std::to_string(field.number), "bytes");
    return static_cast<std::int64_t>(field.value);
  }
  [[noreturn]] void bad(const std::string& expected, const std::string& found) const {
    throw Error(ErrorCode::kBadFile, "not a SentencePiece model",
                {.path = where_, .field = "ModelProto", .expected = expected, .found = one_line(found, 80)});
  }

 private:
  std::uint64_t varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      out |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return out;
    }
    bad("a number of at most 10 bytes", "a longer one");
  }
  std::uint64_t fixed(std::size_t size) {
    const std::string_view bytes = take(size);
    std::uint64_t out = 0;
    for (std::size_t i = size; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[i]);
    return out;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) bad(std::to_string(size) + " more bytes", std::to_string(rest_.size()));
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  std::string_view rest_;
  std::string where_;
};

void read_piece(Message message, SentencePieceFile& out) {
  ScoredPiece piece;
  std::int64_t type = SentencePieceFile::kNormal;
  while (const auto field = message.next()) {
    if (field->number == 1) piece.text = message.text(*field);
    if (field->number == 2) {
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(message.number(*field)));
    }
    if (field->number == 3) type = message.number(*field);
  }
  if (piece.text.empty()) message.bad("text in piece " + std::to_string(out.pieces.size()), "nothing");
  if (!std::isfinite(piece.score)) message.bad("finite scores", std::to_string(piece.score));
  if (out.pieces.size() >= kMaxPieces) message.bad("at most " + std::to_string(kMaxPieces) + " pieces", "more");
  out.pieces.push_back(std::move(piece));
  out.types.push_back(type);
}

void read_trainer(Message message, SentencePieceFile& out) {
  while (const auto field = message.next()) {
    switch (field->number) {
      case 3: out.kind = message.number(*field); break;
      case 35: out.byte_fallback = message.number(*field) != 0; break;
      case 40: out.unk_id = static_cast<std::int32_t>(message.number(*field)); break;
      case 41: out.bos_id = static_cast<std::int32_t>(message.number(*field)); break;
      case 42: out.eos_id = static_cast<std::int32_t>(message.number(*field)); break;
      case 45: out.unk_piece = message.text(*field); break;
      case 46: out.bos_piece = message.text(*field); break;
      case 47: out.eos_piece = message.text(*field); break;
      default: break;
    }
  }
}

}  // namespace

SentencePieceFile read_sentencepiece_file(const std::filesystem::path& file) {
  const std::string content = io::read_text(file, kMaxFile);
  io::refuse_stand_in(content, file);
  SentencePieceFile out;
  Message message(content, file.string());
  while (const auto field = message.next()) {
    if (field->number == 1) read_piece(Message(message.bytes(*field), file.string()), out);
    if (field->number == 2) read_trainer(Message(message.bytes(*field), file.string()), out);
    if (field->number == 3) {
      Message rules(message.bytes(*field), file.string());
      while (const auto rule = rules.next()) {
        if (rule->number == 2) out.charsmap = rules.bytes(*rule);
      }
    }
  }
  if (out.pieces.empty()) message.bad("pieces", "none");
  if (out.kind != SentencePieceFile::kUnigram && out.kind != SentencePieceFile::kBpe) {
    throw Error(ErrorCode::kUnsupported, "a SentencePiece model of words or characters is not supported",
                {.path = file.string(),
                 .field = "trainer_spec.model_type",
                 .expected = "1 (Unigram) or 2 (BPE)",
                 .found = std::to_string(out.kind)});
  }
  return out;
}

}  // namespace deltascape::text
