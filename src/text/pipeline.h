// Owns the way from a text to ids: added tokens, normaliser, pre-tokeniser, model, special tokens, truncation.
#pragma once

#include <memory>

#include "text/added_tokens.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace deltascape::text {

// The parts of a tokenizer, whichever file they came from.
struct PipelineParts {
  std::unique_ptr<Normalizer> normalizer;       // null for none
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // null for none
  std::unique_ptr<Model> model;
  AddedVocabulary added;  // built
  PostProcessor post_processor;
  bool truncate_left = false;
  std::string rules;  // what decides ids beside the model and the added tokens, for identity()
};

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts);

// Puts the special ids around `ids` and cuts to options.max_length; shared by every kind of tokenizer.
std::vector<std::int32_t> finish(std::vector<std::int32_t> ids, const PostProcessor& post_processor,
                                 const EncodeOptions& options, bool truncate_left);

}  // namespace deltascape::text
