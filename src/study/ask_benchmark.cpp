// How well does each representation find the variant that fits a task, and know kin? (docs/benchmark.md)
#include <algorithm>

#include "deltascape/cluster.h"
#include "deltascape/error.h"
#include "deltascape/evaluate.h"
#include "landscape/similarity.h"
#include "study/benchmark_pool.h"
#include "study/representations.h"
#include "study/retrieval_figures.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using Records = std::vector<store::Record>;

std::optional<double> cosine(const store::Record& a, const store::Record& b) {
  return landscape::cosine(landscape::embedding(a), landscape::embedding(b));
}

// Losses a task [tasks][entrants] on examples that the task was not trained on: those of its domain's other tasks.
using Losses = std::vector<std::vector<double>>;

Losses evaluate_all(const Studied& studied, const std::vector<Entrant>& entrants) {
  std::vector<ModelRef> models;
  for (const Entrant& entrant : entrants) models.push_back(entrant.model);
  Losses each;  // of a task's own examples
  for (const Part& task : studied.parts.tasks) {
    EvaluateOptions how{.base = studied.options.base, .data = task.file, .metric = "loss"};
    how.memory = studied.options.memory;
    how.threads = studied.options.threads;
    const EvaluateReport report = evaluate(models, how, {}, studied.progress);
    if (!report.failed.empty()) throw Error(report.failed.front().code, report.failed.front().error);
    std::vector<double> losses;
    for (std::size_t i = 1; i < report.results.size(); ++i) losses.push_back(report.results[i].value);  // 0: the base
    each.push_back(std::move(losses));
  }
  Losses out;
  const auto tasks = static_cast<std::size_t>(studied.options.tasks);
  for (std::size_t t = 0; t < each.size(); ++t) {
    std::vector<double> mean(entrants.size(), 0);
    for (std::size_t other = t / tasks * tasks; other < (t / tasks + 1) * tasks; ++other)
      for (std::size_t i = 0; other != t && i < mean.size(); ++i)
        mean[i] += each[other][i] / static_cast<double>(tasks - 1);
    out.push_back(std::move(mean));
  }
  return out;
}

struct Answers {
  std::vector<std::optional<double>> first, five, controls, regret;
};

// Of one task: entrants by their cosine with it. Copies are no answers.
void answer(const store::Record& task, const Records& pool, const std::vector<Entrant>& entrants,
            const std::vector<double>* losses, Answers& out) {
  std::vector<Candidate> candidates, controls;
  std::optional<std::size_t> best;
  std::optional<double> highest, least;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (entrants[i].copy) continue;
    const auto score = cosine(task, pool[i]);
    candidates.push_back({score, entrants[i].model.label == task.label});
    controls.push_back({score, entrants[i].model.label.empty()});
    if (score && (!highest || *score > *highest)) highest = score, best = i;
    if (losses) least = std::min(least.value_or((*losses)[i]), (*losses)[i]);
  }
  out.first.push_back(recall_at(candidates, 1));
  out.five.push_back(recall_at(candidates, 5));
  out.controls.push_back(recall_at(controls, 5));
  if (best && least) out.regret.emplace_back((*losses)[*best] - *least);
}

std::vector<Candidate> kin(const Records& pool, const std::vector<Entrant>& entrants, bool of_one_domain) {
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < pool.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const std::string &a = entrants[i].model.label, &b = entrants[j].model.label;
      if (of_one_domain && (a.empty() || a != b)) continue;
      out.push_back({cosine(pool[i], pool[j]), entrants[i].lineage == entrants[j].lineage});
    }
  return out;
}

// What a variant takes in a store: its vector, or its products with the others.
std::int64_t bytes_of(const store::Record& record, std::size_t pool) {
  return static_cast<std::int64_t>(record.products.empty() ? record.mean.size() * sizeof(float)
                                                           : pool * sizeof(double));
}

std::vector<StudyTable::Cell> figures(const std::string& name, const Records& records,
                                      const std::vector<Entrant>& entrants, const std::optional<Losses>& losses,
                                      std::optional<double> seconds) {
  const auto first_task = records.begin() + std::ssize(entrants);
  const Records pool(records.begin(), first_task);
  Records originals;
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (!entrants[i].copy && !entrants[i].model.label.empty()) originals.push_back(pool[i]);
  Answers answers;
  for (auto task = first_task; task != records.end(); ++task)
    answer(*task, pool, entrants, losses ? &(*losses)[static_cast<std::size_t>(task - first_task)] : nullptr, answers);
  const auto silhouette = landscape::silhouette(originals);
  if (seconds) *seconds /= static_cast<double>(records.size());
  return {name,
          cell(silhouette ? std::optional(silhouette->average) : std::nullopt),
          cell(mean_of_known(answers.first)),
          cell(mean_of_known(answers.five)),
          cell(mean_of_known(answers.controls)),
          cell(mean_of_known(answers.regret)),
          cell(auc(kin(pool, entrants, false))),
          cell(auc(kin(pool, entrants, true))),
          cell(seconds),
          bytes_of(pool.front(), pool.size())};
}

// What a choice by chance costs: the mean over all that may be chosen, minus the least.
std::optional<double> regret_by_chance(const Losses& losses, const std::vector<Entrant>& entrants) {
  std::vector<std::optional<double>> out;
  for (const std::vector<double>& task : losses) {
    std::vector<std::optional<double>> of_answers;
    double least = task.front();
    for (std::size_t i = 0; i < task.size(); ++i)
      if (!entrants[i].copy) {
        of_answers.emplace_back(task[i]);
        least = std::min(least, task[i]);
      }
    out.emplace_back(*mean_of_known(of_answers) - least);
  }
  return mean_of_known(out);
}

}  // namespace

std::vector<StudyTable> ask_benchmark(const Studied& studied) {
  const StudyBenchmark& asked = *studied.options.questions.benchmark;
  StudyTable out{.name = "benchmark",
                 .title = "Retrieval",
                 .text = "",
                 .columns = {"representation", "silhouette", "recall@1", "recall@5", "controls@5", "regret", "kin AUC",
                             "kin AUC in a domain", "seconds", "bytes"},
                 .rows = {},
                 .drawn = {}};
  const std::vector<Entrant> entrants = benchmark_pool(studied);
  std::optional<Losses> losses;
  if (asked.regret) losses = evaluate_all(studied, entrants);
  std::vector<ModelRef> models;
  for (const Entrant& entrant : entrants) models.push_back(entrant.model);
  models.insert(models.end(), studied.runs.begin(), studied.runs.end());
  for (const std::string& name : asked.representations) {
    const EmbedOptions how = studied.embedding_as(name);
    const MeasuredModels measured =
        measure_models(models, how, fs::path(studied.options.out) / "benchmark.db", studied.progress);
    if (measured.error.empty()) {
      out.rows.push_back(figures(name, measured.records, entrants, losses, measured.seconds));
    } else {
      studied.progress.note(name + " is left out: " + measured.error);
    }
  }
  std::size_t copies = 0, controls = 0;
  for (const Entrant& entrant : entrants) {
    copies += entrant.copy ? 1 : 0;
    controls += entrant.model.label.empty() ? 1 : 0;
  }
  out.text =
      std::to_string(entrants.size()) + " variants, among them " + std::to_string(copies) + " copies and " +
      std::to_string(controls) + " controls of random weights; " + std::to_string(studied.runs.size()) +
      " queries. Silhouette: of the domains, without copies and controls. Recall@k: the share of a query's k "
      "nearest that are of its domain, of as many as could be; controls@5: how many of its five nearest are "
      "controls, likewise; copies are no answers. Regret: the loss of the nearest minus the least among all, in "
      "nats a token, on the other tasks of the query's domain. Kin: a pair of one lineage against a pair of two, "
      "by cosine. Seconds and bytes: a variant.";
  if (losses)
    if (const auto chance = regret_by_chance(*losses, entrants)) {
      std::vector<StudyTable::Cell> row(out.columns.size());
      row[0] = std::string("a variant by chance");
      row[5] = *chance;
      out.rows.push_back(std::move(row));
    }
  return {std::move(out)};
}

}  // namespace deltascape::study
