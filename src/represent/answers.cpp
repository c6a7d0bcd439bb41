#include "represent/answers.h"

#include "lm/batches.h"
#include "model/end_token.h"
#include "text/open.h"

namespace deltascape::represent {
namespace {

constexpr std::int64_t kTogether = 64;  // sequences

}  // namespace

Answers::Answers(const Base& base, std::int64_t tokens)
    : detokenizer_(text::open_detokenizer(base.model->path())),
      end_(model::end_token(*base.model, *base.model->tokenizer())),
      tokens_(tokens) {
  const std::int64_t most = base.model->spec().longest_text();
  for (std::size_t i = 0; most > 0 && i < base.ids.size(); ++i)
    if (static_cast<std::int64_t>(base.ids[i].size()) + tokens > most)
      throw Error(ErrorCode::kUsage, "the model cannot read this probe and what it says after it",
                  {.path = base.options.probes_file,
                   .field = "probe " + std::to_string(i),
                   .expected = "at most " + std::to_string(most - tokens) + " tokens",
                   .found = std::to_string(base.ids[i].size())});
}

std::vector<std::string> Answers::to(const std::vector<std::vector<std::int64_t>>& prompts, engine::Weights& weights,
                                     const engine::VariantOperators& variant, std::size_t bytes,
                                     std::span<const Random> random,
                                     const std::function<void(std::int64_t)>& advance) const {
  return engine::answers({weights, variant, kTogether, bytes, advance}, prompts, detokenizer_,
                         {.tokens = tokens_, .end = end_, .random = random});
}

}  // namespace deltascape::represent
