#include "exec/first_rows.h"

#include <vector>

#include "deltascape/error.h"

namespace deltascape::engine {

using model::Module;

namespace {

// Each row's own in the table of learned positions.
std::vector<std::int64_t> position_ids(const model::ModelSpec& spec, const Texts& texts) {
  std::vector<std::int64_t> out;
  for (std::size_t t = 0; t < texts.rows.size(); ++t) {
    const std::int64_t first = texts.behind.empty() ? 0 : texts.behind[t], end = first + texts.rows[t];
    if (end > spec.longest_text())
      throw Error(
          ErrorCode::kMismatch, "a text is longer than the positions this model has learned",
          {.expected = "at most " + std::to_string(spec.longest_text()) + " tokens", .found = std::to_string(end)});
    for (std::int64_t i = first; i < end; ++i) out.push_back(i + spec.architecture->position_offset);
  }
  return out;
}

at::Tensor with_virtual_rows(const at::Tensor& rows, const Texts& texts) {
  std::vector<at::Tensor> parts;
  std::int64_t first = 0;
  for (const std::int64_t all : texts.rows) {
    const std::int64_t tokens = all - texts.virtual_rows.size(0);
    parts.push_back(texts.virtual_rows);
    parts.push_back(rows.narrow(0, first, tokens));
    first += tokens;
  }
  return at::cat(parts);
}

}  // namespace

at::Tensor first_rows(const model::ModelSpec& spec, const OuterSteps& steps, const Texts& texts) {
  at::Tensor x = steps.rows(Module::kEmbed, texts.ids);
  // Gemma's scale is a part of its embedding of tokens, Granite's of what follows.
  const bool scales_tokens = spec.architecture->scale_embeddings, projects = spec.has(Module::kProjectIn);
  if (scales_tokens && spec.embedding_scale != 1) x = x * spec.embedding_scale;
  if (texts.virtual_rows.defined()) x = with_virtual_rows(x, texts);
  if (!scales_tokens && spec.embedding_scale != 1) x = x * spec.embedding_scale;
  if (projects && !spec.architecture->project_sum) x = steps.linear(Module::kProjectIn, x);
  if (spec.has(Module::kPositions)) x = x + steps.rows(Module::kPositions, position_ids(spec, texts));
  constexpr std::int64_t kFirst[] = {0};
  if (spec.has(Module::kTokenTypes)) x = x + steps.rows(Module::kTokenTypes, kFirst);
  if (spec.has(Module::kEmbedNorm)) x = steps.norm(Module::kEmbedNorm, x);
  return projects && spec.architecture->project_sum ? steps.linear(Module::kProjectIn, x) : x;
}

}  // namespace deltascape::engine
