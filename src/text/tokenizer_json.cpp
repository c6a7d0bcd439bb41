// Owns building a tokenizer from a Hugging Face folder.
#include "text/pipeline.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  TokenizerSpec spec = read_tokenizer_spec(folder);
  const std::string where = spec.file.string();
  PipelineParts parts;
  parts.normalizer = make_normalizer(spec.normalizer, where + ": normalizer");
  parts.pre_tokenizer = make_pre_tokenizer(spec.pre_tokenizer, where + ": pre_tokenizer");
  parts.post_processor = make_post_processor(spec.post_processor, where + ": post_processor");
  parts.model = std::make_unique<Bpe>(std::move(spec.vocabulary), spec.model, where);
  parts.model->reserve_merges(spec.merges.size());
  spec.merges.for_each([&](std::string_view left, std::string_view right) { parts.model->add_merge(left, right); });
  for (const auto& list : spec.added) parts.added.add(list, parts.model->vocabulary());
  parts.added.build(parts.normalizer.get(), spec.split_special_tokens);
  parts.truncate_left = spec.truncate_left;
  parts.rules = spec.normalizer.dump() + spec.pre_tokenizer.dump();
  return make_pipeline(std::move(parts));
}

}  // namespace deltascape::text
