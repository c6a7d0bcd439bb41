#include "represent/answers.h"

#include "io/file.h"
#include "lm/batches.h"
#include "lm/generate.h"
#include "model/end_token.h"

namespace deltascape::represent {
namespace {

constexpr std::int64_t kTogether = 64;  // sequences

text::Detokenizer detokenizer_of(const model::Checkpoint& model) {
  const auto& path = model.path();
  return io::is_directory(path) ? text::load_detokenizer(path) : text::load_detokenizer(*io::GgufFile::open(path));
}

}  // namespace

Answers::Answers(const Base& base, std::int64_t tokens)
    : detokenizer_(detokenizer_of(*base.model)),
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
  engine::GenerateOptions how{
      .tokens = tokens_, .prefix = variant.prefix, .virtual_rows = variant.virtual_rows, .logits = false};
  if (end_) how.stops.push_back(*end_);
  const std::int64_t before = engine::rows_before(variant);
  const model::ModelSpec& spec = weights.spec();
  std::vector<std::string> out;
  engine::in_batches(
      prompts.size(), kTogether, [&](std::size_t i) { return before + static_cast<std::int64_t>(prompts[i].size()); },
      [&](std::int64_t rows, std::int64_t longest, std::int64_t count) {
        const std::size_t seen = engine::generated_bytes(spec, longest + tokens_, weights.dtype());
        return engine::pass_bytes(spec, rows, longest, weights.dtype()) + static_cast<std::size_t>(count) * seen <=
               bytes;
      },
      [&](std::size_t first, std::size_t count) {
        const auto from = static_cast<std::ptrdiff_t>(first), to = static_cast<std::ptrdiff_t>(first + count);
        if (!random.empty()) how.random.assign(random.begin() + from, random.begin() + to);
        for (auto& ids :
             engine::generate(weights, variant.operators, {prompts.begin() + from, prompts.begin() + to}, how).ids) {
          if (end_ && !ids.empty() && ids.back() == *end_) ids.pop_back();
          out.push_back(detokenizer_(ids));
        }
        advance(static_cast<std::int64_t>(count));
      });
  return out;
}

}  // namespace deltascape::represent
