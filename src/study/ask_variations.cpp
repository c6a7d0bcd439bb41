// Do finetunes by other settings lie with their domain? (arXiv 2509.04442 §4, its other training settings and DPO)
#include <algorithm>

#include "landscape/similarity.h"
#include "study/question.h"

namespace deltascape::study {
namespace {

// Of each domain the first split.
std::vector<std::size_t> first_splits(const StudyOptions& options) {
  std::vector<std::size_t> out;
  for (std::size_t d = 0; d < options.domains.size(); ++d) out.push_back(d * static_cast<std::size_t>(options.splits));
  return out;
}

std::vector<ModelRef> train(const Studied& studied, const StudyTraining& variation) {
  std::vector<ModelRef> out;
  for (const std::size_t split : first_splits(studied.options)) {
    const Part& part = studied.parts.splits[split];
    const bool preferences = variation.training.loss == "dpo";
    out.push_back(studied
                      .train(variation.training, {.name = part.domain,
                                                  .label = part.domain,
                                                  .file = preferences ? write_preferences(part, variation.examples)
                                                                      : write_first(part, variation.examples),
                                                  .folder = folder_of("variations", variation),
                                                  .seed = fresh_seed(studied.options, out.size())})
                      .model);
    out.back().name = variation.name + "/" + part.domain;
  }
  return out;
}

// One domain's finetune among the pool's, but for the one of the same examples.
struct Place {
  std::optional<double> right, margin, same, norm;
};
Place place_of(const store::Record& record, const std::vector<store::Record>& pool, std::size_t counterpart) {
  Place out;
  std::optional<double> own, other;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const auto cosine = landscape::cosine(landscape::embedding(record), landscape::embedding(pool[i]));
    if (i == counterpart) {
      out.same = cosine;
      if (pool[i].norm > 0) out.norm = record.norm / pool[i].norm;
    } else if (cosine) {
      std::optional<double>& best = pool[i].label == record.label ? own : other;
      best = std::max(best.value_or(-2), *cosine);
    }
  }
  if (other) out.right = own && *own > *other ? 1 : 0;
  if (own && other) out.margin = *own - *other;
  return out;
}

}  // namespace

std::size_t variation_trainings(const StudyOptions& options) {
  return options.questions.variations.size() * options.domains.size();
}

std::vector<StudyTable> ask_variations(const Studied& studied) {
  StudyTable out{
      .name = "variations",
      .title = "Other training settings",
      .text =
          "A finetune of each domain's first split by other settings and another seed, among the pool but for the "
          "adapter of the same examples. Right: the share whose nearest is of their domain; margin: best cosine of "
          "the domain minus best of the others; same examples: cosine with the pool's adapter of the same "
          "examples; norm: of the embedding, over that adapter's; silhouette: of the pool with these in place of "
          "the first splits. \"the pool's own\" are the first splits themselves.",
      .columns = {"settings", "right", "margin", "same examples", "norm", "silhouette"},
      .rows = {},
      .drawn = {}};
  std::vector<ModelRef> models;
  for (const StudyTraining& variation : studied.options.questions.variations)
    for (ModelRef& model : train(studied, variation)) models.push_back(std::move(model));
  const std::vector<store::Record>& pool = studied.own().pool;
  const std::vector<store::Record> others = studied.embed(models, studied.embedding());
  const std::vector<std::size_t> splits = first_splits(studied.options);
  const auto add = [&](const std::string& name, const auto& record_of) {
    std::vector<std::optional<double>> right, margin, same, norm;
    std::vector<store::Record> with = pool;
    for (std::size_t d = 0; d < splits.size(); ++d) {
      const Place place = place_of(with[splits[d]] = record_of(d), pool, splits[d]);
      right.push_back(place.right);
      margin.push_back(place.margin);
      same.push_back(place.same);
      norm.push_back(place.norm);
    }
    out.rows.push_back({name, cell(mean_of_known(right)), cell(mean_of_known(margin)), cell(mean_of_known(same)),
                        cell(mean_of_known(norm)), cell(separation(with, {}).silhouette)});
  };
  add("the pool's own", [&](std::size_t d) { return pool[splits[d]]; });
  for (std::size_t v = 0; v < studied.options.questions.variations.size(); ++v)
    add(studied.options.questions.variations[v].name, [&](std::size_t d) { return others[v * splits.size() + d]; });
  return {std::move(out)};
}

}  // namespace deltascape::study
