// Owns the stream of events that makes a TokenizerFile.
#include "text/tokenizer_file.h"

#include <limits>
#include <utility>

#include "deltascape/error.h"
#include "io/json_sax.h"
#include "text/rust_number.h"

namespace deltascape::text {
namespace {

using io::Json;

constexpr std::size_t kMaxPieces = std::size_t{1} << 21;
constexpr std::size_t kMerge = 64;  // in the list, and later in the table
// Half of the range is left for tokens that are added behind the highest id.
constexpr std::uint64_t kMaxId = std::numeric_limits<std::int32_t>::max() / 2;

class Reader : public io::JsonSax {
 public:
  // A reader of a file that is a vocabulary as a whole begins inside of it.
  explicit Reader(bool only_vocabulary = false) : only_vocabulary_(only_vocabulary) {}
  bool null() override {
    return inside_ == Inside::kRest && at("merges") ? refuse("null", "model.merges") : value(nullptr);
  }
  bool boolean(bool flag) override { return value(flag); }
  bool number_integer(std::int64_t number) override {
    return inside_ == Inside::kPieces ? score(static_cast<double>(number), static_cast<double>(number)) : value(number);
  }
  bool number_unsigned(std::uint64_t number) override {
    if (inside_ == Inside::kPieces) return score(static_cast<double>(number), static_cast<double>(number));
    if (inside_ != Inside::kVocabulary) return value(number);
    if (number > kMaxId) return refuse("an id above 2^30", "model.vocab");
    if (!charge(kText + token_.size())) return false;
    if (!file_.vocabulary.add(token_, static_cast<std::int32_t>(number))) {
      return refuse("the token " + token_.substr(0, 100) + " appears twice", "model.vocab");
    }
    return true;
  }
  bool number_float(double number, const std::string& text) override {
    return inside_ == Inside::kPieces ? score(number, rust_number(text)) : value(number);
  }
  bool string(std::string& text) override {
    if (inside_ == Inside::kPieces) return piece_text(text);
    return inside_ == Inside::kMerges ? merge_text(text) : value(std::move(text));
  }
  bool key(std::string& name) override {
    if (inside_ == Inside::kVocabulary) {
      token_ = std::move(name);
      return true;
    }
    if (open_.size() == 1) outer_ = name;
    if (open_.size() == 2) inner_ = name;
    if (!charge(kMember + name.size())) return false;
    auto& object = open_.back()->get_ref<Json::object_t&>();
    const auto [place, is_new] = object.try_emplace(std::move(name), nullptr);
    if (!is_new) return refuse("the key " + place->first.substr(0, 100) + " appears twice");
    slot_ = &place->second;
    return true;
  }
  bool start_object(std::size_t) override {
    if (std::exchange(only_vocabulary_, false)) return enter(Inside::kVocabulary);
    if (inside_ == Inside::kRest && at("vocab")) return enter(Inside::kVocabulary);
    return start(Json::object());
  }
  bool start_array(std::size_t) override {
    if (inside_ == Inside::kMerges && depth_ == 1) {
      if (file_.merges.size() > 0 && !pairs_) return refuse("a merge as a pair among merges as texts", "model.merges");
      pairs_ = true;
      parts_.clear();
      ++depth_;
      return true;
    }
    if (inside_ == Inside::kPieces && depth_ == 1) {
      parts_.clear();
      scores_ = 0;
      ++depth_;
      return true;
    }
    if (inside_ == Inside::kRest && at("merges")) return enter(Inside::kMerges);
    if (inside_ == Inside::kRest && at("vocab")) return enter(Inside::kPieces);
    return start(Json::array());
  }
  bool end_object() override { return end(); }
  bool end_array() override {
    if (inside_ == Inside::kMerges && depth_ == 2) {
      if (parts_.size() != 2) return refuse("a merge that is not a pair", "model.merges");
      if (!charge(kMerge + parts_[0].size() + parts_[1].size())) return false;
      file_.merges.add(parts_[0], parts_[1]);
    }
    if (inside_ == Inside::kPieces && depth_ == 2) {
      if (parts_.size() != 1 || scores_ != 1) return refuse("a piece that is not [text, score]", "model.vocab");
      if (file_.pieces.size() >= kMaxPieces) return refuse("more than 2^21 pieces", "model.vocab");
      file_.pieces.push_back({std::move(parts_[0]), score_});
      file_.rust_scores.push_back(rust_score_);
    }
    return end();
  }
  TokenizerFile take() { return std::move(file_); }

 private:
  enum class Inside { kRest, kVocabulary, kMerges, kPieces };

  // About to read the value of model.`name`.
  bool at(std::string_view name) const { return open_.size() == 2 && outer_ == "model" && inner_ == name; }
  bool enter(Inside inside) {
    inside_ = inside;
    depth_ = 1;
    return true;
  }
  bool odd() { return refuse("another kind of value than it should be", "model." + inner_); }
  bool start(Json container) {
    if (inside_ != Inside::kRest) return odd();
    if (open_.size() >= io::kMaxJsonDepth) return refuse("nesting deeper than " + std::to_string(io::kMaxJsonDepth));
    if (!charge(kObject + kValue)) return false;
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool end() {
    if (inside_ == Inside::kRest) {
      open_.pop_back();
    } else if (--depth_ == 0) {
      inside_ = Inside::kRest;
    }
    return true;
  }
  Json* place(Json json) {
    if (open_.empty()) return &(file_.rest = std::move(json));
    if (!open_.back()->is_array()) return &(*slot_ = std::move(json));
    return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(json));
  }
  bool value(Json json) {
    if (inside_ != Inside::kRest) return odd();
    if (!charge(kValue + (json.is_string() ? kText + json.get_ref<const std::string&>().size() : 0))) return false;
    place(std::move(json));
    return true;
  }
  bool score(double number, double as_in_rust) {
    score_ = number;
    rust_score_ = as_in_rust;
    return (depth_ == 2 && parts_.size() == 1 && ++scores_ == 1) || odd();
  }
  bool piece_text(std::string& text) {
    if (depth_ != 2 || !parts_.empty()) return odd();
    parts_.push_back(std::move(text));
    return true;
  }
  bool merge_text(std::string& text) {
    if (depth_ == 2) {
      if (parts_.size() == 2) return refuse("a merge that is not a pair", "model.merges");
      parts_.push_back(std::move(text));
      return true;
    }
    if (pairs_) return refuse("a merge as a text among merges as pairs", "model.merges");
    if (text.starts_with("#version")) return true;
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return refuse("a merge without exactly one space: " + text.substr(0, 100), "model.merges");
    }
    if (!charge(kMerge + text.size())) return false;
    const std::string_view whole = text;
    file_.merges.add(whole.substr(0, space), whole.substr(space + 1));
    return true;
  }

  TokenizerFile file_;
  std::vector<Json*> open_;  // the containers around the current position, outside the tables
  Json* slot_ = nullptr;     // the value of the key read last
  std::string outer_, inner_;
  Inside inside_ = Inside::kRest;
  std::size_t depth_ = 0;  // containers open inside a table
  bool pairs_ = false;     // the merges are [left, right], not "left right"
  std::string token_;
  std::vector<std::string> parts_;
  double score_ = 0, rust_score_ = 0;
  int scores_ = 0;  // read of the current piece
  bool only_vocabulary_;
};

}  // namespace

void MergeList::add(std::string_view left, std::string_view right) {
  bytes_ += left;
  bytes_ += right;
  lengths_.emplace_back(left.size(), right.size());
}

TokenizerFile parse_tokenizer_file(std::string_view text, const std::filesystem::path& file) {
  Reader reader;
  io::parse_json_sax(text, file, reader);
  return reader.take();
}

Vocabulary parse_vocabulary(std::string_view text, const std::filesystem::path& file) {
  Reader reader(true);
  io::parse_json_sax(text, file, reader);
  TokenizerFile out = reader.take();
  if (out.vocabulary.size() > 0) return std::move(out.vocabulary);
  throw Error(ErrorCode::kBadFile, "no vocabulary",
              {.path = file.string(), .field = {}, .expected = "an object of token -> id", .found = "something else"});
}

}  // namespace deltascape::text
