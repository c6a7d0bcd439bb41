#include "study/question.h"

#include <algorithm>
#include <array>

#include "core/hash.h"
#include "deltascape/cluster.h"
#include "landscape/agreement.h"
#include "landscape/embedding_rows.h"
#include "represent/representation.h"
#include "study/few_shot.h"
#include "study/retrieval.h"
#include "train/settings.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;

constexpr std::array kQuestions = {
    Question{"variations", [](const StudyQuestions& q) { return !q.variations.empty(); }, variation_trainings,
             ask_variations},
    Question{"few_shot", [](const StudyQuestions& q) { return !q.few_shot.empty(); }, few_shot_trainings, ask_few_shot},
    Question{"additivity", [](const StudyQuestions& q) { return !q.additivity.empty(); }, additivity_trainings,
             ask_additivity},
    Question{"probes", [](const StudyQuestions& q) { return !q.probes.empty() || q.leave_one_out; }, nullptr,
             ask_probes},
    Question{"bases", [](const StudyQuestions& q) { return !q.bases.empty(); }, nullptr, ask_bases},
    Question{"pool_sizes", [](const StudyQuestions& q) { return !q.pool_sizes.empty(); }, nullptr, ask_pool_sizes},
    Question{"benchmark", [](const StudyQuestions& q) { return q.benchmark.has_value(); }, benchmark_trainings,
             ask_benchmark},
    Question{"layers", [](const StudyQuestions& q) { return q.layers; }, nullptr, ask_layers},
};

std::optional<double> nearest_of_label(const std::vector<store::Record>& pool, std::int64_t row) {
  // Of the agreement the neighbours alone are asked for: all may lie in one cluster.
  const std::vector<std::optional<std::size_t>> together(pool.size(), 0);
  const auto agreement = landscape::label_agreement(pool, landscape::unit_rows(pool, row), together);
  return agreement ? agreement->nearest : std::nullopt;
}

}  // namespace

std::span<const Question> questions() { return kQuestions; }

std::vector<const Question*> asked(const StudyOptions& options) {
  std::vector<const Question*> out;
  for (const Question& question : kQuestions)
    if (question.asked(options.questions)) out.push_back(&question);
  return out;
}

EmbedOptions Studied::embedding() const {
  return {.base = options.base,
          .layer = options.questions.layer,
          .probes_file = options.probes_file,
          .precision = options.precision,
          .memory = options.memory,
          .threads = options.threads};
}

EmbedOptions Studied::embedding_as(const std::string& representation) const {
  EmbedOptions out = embedding();
  out.representation = representation;
  const auto& reads = represent::representation_named(representation).row->reads;
  const auto is_read = [&](std::string_view field) { return std::ranges::find(reads, field) != reads.end(); };
  if (!is_read("layer")) out.layer = EmbedOptions().layer;
  if (!is_read("probes_file")) out.probes_file.clear();
  if (is_read("encoder")) out.encoder = options.encoder;
  return out;
}

std::vector<store::Record> Studied::embed(const std::vector<ModelRef>& models, const EmbedOptions& how) const {
  return embed_all(models, how, progress);
}

Embedded Studied::embed_own(const EmbedOptions& how) const {
  std::vector<ModelRef> models = pool;
  models.insert(models.end(), runs.begin(), runs.end());
  const std::vector<store::Record> records = embed(models, how);
  const auto first_run = records.begin() + std::ssize(pool);
  return {.pool = {records.begin(), first_run}, .runs = {first_run, records.end()}};
}

const Embedded& Studied::own(const std::string& layer) const {
  if (const auto known = kept.find(layer); known != kept.end()) return known->second;
  EmbedOptions how = embedding();
  how.layer = layer;
  return kept[layer] = embed_own(how);
}

Separation separation(const std::vector<store::Record>& pool, const std::vector<store::Record>& runs,
                      std::int64_t row) {
  Separation out{.silhouette = {}, .nearest = nearest_of_label(pool, row), .retrieval = {}};
  if (const auto silhouette = landscape::silhouette(pool, row)) out.silhouette = silhouette->average;
  std::vector<StudyTask> each;
  if (!runs.empty()) out.retrieval = retrieve(pool, runs, {}, row, each);
  return out;
}

StudyTable::Cell cell(std::optional<double> value) {
  return value ? StudyTable::Cell(*value) : StudyTable::Cell(std::monostate());
}

void append(const Separation& separation, std::vector<StudyTable::Cell>& row) {
  row.push_back(cell(separation.silhouette));
  row.push_back(cell(separation.nearest));
  const auto& found = separation.retrieval;
  row.push_back(cell(found ? std::optional(found->top1) : std::nullopt));
  row.push_back(cell(found ? std::optional(found->top3) : std::nullopt));
  row.push_back(cell(found ? found->margin : std::nullopt));
}

fs::path folder_of(const char* question, const StudyTraining& training) {
  const std::string settings = Hasher()
                                   .update(training::settings_json(training.training).dump())
                                   .update(std::to_string(training.examples))
                                   .hex();
  return fs::path("questions") / question / (training.name + "-" + settings.substr(0, 8));
}

std::uint64_t fresh_seed(const StudyOptions& options, std::size_t domain) {
  return options.training.seed + 1'000'000 + domain;
}

std::optional<double> mean_of_known(std::span<const std::optional<double>> values) {
  double sum = 0, count = 0;
  for (const auto& value : values)
    if (value) {
      sum += *value;
      ++count;
    }
  return count == 0 ? std::nullopt : std::optional(sum / count);
}

}  // namespace deltascape::study
