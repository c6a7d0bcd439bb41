// Owns running a tokenizer's parts in order.
#include "text/pipeline.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace deltascape::text {
namespace {

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts) : parts_(std::move(parts)) {
    Hasher hasher;
    parts_.model->hash_into(hasher);
    hasher.update(std::string_view(parts_.rules));
    parts_.added.hash_into(hasher);
    hasher.update(std::as_bytes(std::span(parts_.post_processor.before)));
    hasher.update(std::string_view(parts_.truncate_left ? "left" : "right"));
    hasher.update(std::as_bytes(std::span(parts_.post_processor.after)));
    identity_ = hasher.hex();
  }

  std::vector<std::int32_t> encode(std::string_view raw, const EncodeOptions& options) const override {
    std::string repaired;
    if (!is_valid_utf8(raw)) raw = repaired = repair_utf8(raw);
    std::vector<std::int32_t> ids;
    std::vector<Span> spans;
    parts_.added.split(raw, false, spans);
    for (const Span& span : spans) {
      if (span.id >= 0) {
        ids.push_back(span.id);
      } else {
        encode_plain(raw.substr(span.begin, span.end - span.begin), span.begin == 0, ids);
      }
    }
    return finish(std::move(ids), parts_.post_processor, options, parts_.truncate_left);
  }
  std::string identity() const override { return identity_; }
  std::size_t vocabulary_size() const override {
    return parts_.model->size() + parts_.added.beyond(parts_.model->vocabulary());
  }

 private:
  // Text between the added tokens that are looked for before normalisation.
  void encode_plain(std::string_view raw, bool at_start, std::vector<std::int32_t>& ids) const {
    std::string text(raw);
    if (parts_.normalizer) text = parts_.normalizer->apply(std::move(text));
    std::vector<Span> spans;
    parts_.added.split(text, true, spans);
    for (const Span& span : spans) {
      if (span.id >= 0) {
        ids.push_back(span.id);
        continue;
      }
      Pieces pieces{text.substr(span.begin, span.end - span.begin), {}};
      pieces.pieces.push_back({0, pieces.text.size(), at_start && span.begin == 0});
      if (parts_.pre_tokenizer) parts_.pre_tokenizer->apply(pieces);
      for (const Piece& piece : pieces.pieces) parts_.model->encode(pieces.view(piece), ids);
    }
  }

  PipelineParts parts_;
  std::string identity_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts) { return std::make_unique<Pipeline>(std::move(parts)); }

std::vector<std::int32_t> finish(std::vector<std::int32_t> ids, const PostProcessor& post_processor,
                                 const EncodeOptions& options, bool truncate_left) {
  const bool special = options.add_special_tokens;
  const std::size_t around = special ? post_processor.before.size() + post_processor.after.size() : 0;
  if (options.max_length > 0) {
    const std::size_t room = options.max_length - std::min(options.max_length, around);
    if (ids.size() > room) {
      if (truncate_left) ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(room));
      ids.resize(room);
    }
  }
  if (special) {
    ids.insert(ids.begin(), post_processor.before.begin(), post_processor.before.end());
    ids.insert(ids.end(), post_processor.after.begin(), post_processor.after.end());
  }
  if (options.max_length > 0 && ids.size() > options.max_length) ids.resize(options.max_length);
  return ids;
}

}  // namespace deltascape::text
