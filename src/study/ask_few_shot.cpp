// How much training, on how many examples, does a task take to find its domain? (arXiv 2509.04442 §5.3)
#include "study/question.h"

namespace deltascape::study {

std::size_t few_shot_trainings(const StudyOptions& options) {
  return options.questions.few_shot.size() * options.domains.size() * static_cast<std::size_t>(options.tasks);
}

std::vector<StudyTable> ask_few_shot(const Studied& studied) {
  StudyTable out{.name = "few_shot",
                 .title = "Few-shot tasks by other settings",
                 .text =
                     "Each held-out task trained by other settings or on its first examples alone. Seconds: to train "
                     "a task, empty where its adapter was kept. Layer " +
                     studied.options.questions.layer +
                     " and the one where `task` looks; top-1, top-3 and margin as in the tables by layer.",
                 .columns = {"settings", "examples", "steps", "seconds", "layer", "top-1", "top-3", "margin"},
                 .rows = {},
                 .drawn = {}};
  std::vector<ModelRef> models;
  struct Cost {
    std::int64_t examples = 0, steps = 0;
    std::vector<std::optional<double>> seconds;
  };
  std::vector<Cost> costs;
  for (const StudyTraining& variation : studied.options.questions.few_shot) {
    Cost cost;
    for (const Part& task : studied.parts.tasks) {
      Trained trained = studied.train(variation.training, {.name = task.name,
                                                           .label = task.domain,
                                                           .file = write_first(task, variation.examples),
                                                           .folder = folder_of("few_shot", variation),
                                                           .seed = {}});
      if (trained.report) {
        cost.examples = trained.report->examples;
        cost.steps = trained.report->steps;
        cost.seconds.emplace_back(trained.report->seconds);
      }
      models.push_back(std::move(trained.model));
    }
    costs.push_back(std::move(cost));
  }
  std::vector<EmbedOptions> places(2, studied.embedding());
  places[1].layer = "all";
  for (const EmbedOptions& place : places) {
    const std::vector<store::Record>& pool = studied.own(place.layer).pool;
    const std::vector<store::Record> records = studied.embed(models, place);
    const std::int64_t layers = records.front().layers;
    const std::int64_t row = layers == 1 ? 0 : usual_task_layer(layers - 1);
    auto run = records.begin();
    for (std::size_t v = 0; v < costs.size(); ++v) {
      const auto next = run + std::ssize(studied.parts.tasks);
      const StudyRetrieval found = separation(pool, {run, next}, row).retrieval.value_or(StudyRetrieval{});
      run = next;
      const auto known = [](std::int64_t n) { return n > 0 ? StudyTable::Cell(n) : StudyTable::Cell(); };
      out.rows.push_back({studied.options.questions.few_shot[v].name, known(costs[v].examples), known(costs[v].steps),
                          cell(mean_of_known(costs[v].seconds)), layers == 1 ? place.layer : std::to_string(row),
                          found.top1, found.top3, cell(found.margin)});
    }
  }
  return {std::move(out)};
}

}  // namespace deltascape::study
