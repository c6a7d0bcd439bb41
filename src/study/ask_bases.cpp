// Does the pool keep its domains when its adapters are put on another model than they were trained on?
// (arXiv 2509.04442 §4, its mismatch of base models)
#include "landscape/similarity.h"
#include "study/question.h"

namespace deltascape::study {

std::vector<StudyTable> ask_bases(const Studied& studied) {
  StudyTable out{.name = "bases",
                 .title = "On other bases",
                 .text =
                     "The pool's adapters on other models of the base's shape, each against that model. Cosine: of a "
                     "finetune's embedding with its own on the study's base; norm: over that one's; means.",
                 .columns = {"base", "silhouette", "nearest", "cosine", "norm"},
                 .rows = {},
                 .drawn = {}};
  const std::vector<store::Record>& own = studied.own().pool;
  const auto add = [&](const std::string& name, const std::vector<store::Record>& records) {
    std::vector<std::optional<double>> cosine, norm;
    for (std::size_t i = 0; i < own.size(); ++i) {
      cosine.push_back(landscape::cosine(landscape::embedding(records[i]), landscape::embedding(own[i])));
      if (own[i].norm > 0) norm.emplace_back(records[i].norm / own[i].norm);
    }
    const Separation found = separation(records, {});
    out.rows.push_back(
        {name, cell(found.silhouette), cell(found.nearest), cell(mean_of_known(cosine)), cell(mean_of_known(norm))});
  };
  add("the study's own", own);
  for (const auto& [name, path] : studied.options.questions.bases) {
    EmbedOptions how = studied.embedding();
    how.base = path;
    add(name, studied.embed(studied.pool, how));
  }
  return {std::move(out)};
}

}  // namespace deltascape::study
