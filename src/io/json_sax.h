// Owns reading JSON as a stream of events, for headers whose shape is fixed: nothing is built that is not wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "deltascape/error.h"
#include "io/json.h"

namespace deltascape::io {

inline constexpr std::size_t kMaxJsonDepth = 64;

// What a document may take in memory: its text can be a small part of that ("[[],[],[]" takes 20 bytes a byte). The
// largest tokenizer.json in use takes a third.
inline constexpr std::size_t kMaxJsonMemory = std::size_t{448} << 20;

// The receiver of events. A handler that returns refuse(…) ends the parse with that error.
class JsonSax : public nlohmann::json_sax<Json> {
 public:
  bool binary(Json::binary_t&) override { return refuse("binary data in JSON"); }
  bool parse_error(std::size_t position, const std::string& last_token, const Json::exception& error) override;
  ErrorCode code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const std::string& field() const { return field_; }

 protected:
  bool refuse(std::string reason, std::string field = {}, ErrorCode code = ErrorCode::kBadFile) {
    reason_ = std::move(reason);
    field_ = std::move(field);
    code_ = code;
    return false;
  }

  // Counts memory that what is built takes: nodes and buffers as the allocator rounds them, about.
  bool charge(std::size_t bytes) {
    memory_ += bytes;
    return memory_ <= kMaxJsonMemory ||
           refuse("this JSON would take more than " + std::to_string(kMaxJsonMemory >> 20) + " MiB of memory");
  }
  static constexpr std::size_t kText = 48, kList = 48, kObject = 64, kMember = 112;
  static constexpr std::size_t kValue = 2 * sizeof(Json);  // a list that grows is there twice

 private:
  std::size_t memory_ = 0;
  std::string reason_, field_;
  ErrorCode code_ = ErrorCode::kBadFile;
};

void parse_json_sax(std::string_view text, const std::filesystem::path& name_in_messages, JsonSax& handler);

}  // namespace deltascape::io
