// How much do the probes decide? (arXiv 2509.04442 §4, its ablations of prompts)
#include "landscape/similarity.h"
#include "study/question.h"

namespace deltascape::study {
namespace {

std::vector<std::optional<double>> cosines_of(const std::vector<store::Record>& a,
                                              const std::vector<store::Record>& b) {
  std::vector<std::optional<double>> out;
  for (std::size_t i = 0; i < a.size(); ++i)
    out.push_back(landscape::cosine(landscape::embedding(a[i]), landscape::embedding(b[i])));
  return out;
}

// The same variants as if this probe had not been asked.
std::vector<store::Record> without(std::vector<store::Record> records, std::int64_t probe) {
  for (store::Record& record : records) {
    const auto dim = static_cast<std::size_t>(record.dim);
    const auto at = record.per_probe.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(probe) * dim);
    record.per_probe.erase(at, at + static_cast<std::ptrdiff_t>(dim));
    --record.probe_count;
    for (std::size_t i = 0; i < dim; ++i) {
      double sum = 0;
      for (std::size_t k = i; k < record.per_probe.size(); k += dim) sum += record.per_probe[k];
      record.mean[i] = static_cast<float>(sum / static_cast<double>(record.probe_count));
    }
  }
  return records;
}

}  // namespace

std::vector<StudyTable> ask_probes(const Studied& studied) {
  StudyTable out{.name = "probes",
                 .title = "Other probes",
                 .text =
                     "The pool and its tasks by other probes. Nearest: the share of finetunes whose nearest other "
                     "is of their domain; cosine: of a finetune's embedding with the one by the study's own probes, "
                     "mean over pool and tasks.",
                 .columns = {"probes", "count"},
                 .rows = {},
                 .drawn = {}};
  out.columns.insert(out.columns.end(), std::begin(kSeparation), std::end(kSeparation));
  out.columns.emplace_back("cosine");
  const Embedded& own = studied.own();
  const auto add = [&](const std::string& name, const Embedded& asked) {
    std::vector<StudyTable::Cell> row = {name, asked.pool.front().probe_count};
    append(separation(asked.pool, asked.runs), row);
    std::vector<std::optional<double>> cosines = cosines_of(asked.pool, own.pool),
                                       of_runs = cosines_of(asked.runs, own.runs);
    cosines.insert(cosines.end(), of_runs.begin(), of_runs.end());
    row.push_back(cell(mean_of_known(cosines)));
    out.rows.push_back(std::move(row));
  };
  add("the study's own", own);
  const std::int64_t count = own.pool.front().probe_count;
  if (studied.options.questions.leave_one_out && count > 1)
    for (std::int64_t probe = 0; probe < count; ++probe)
      add("without probe " + std::to_string(probe + 1), {without(own.pool, probe), without(own.runs, probe)});
  for (const auto& [name, file] : studied.options.questions.probes) {
    EmbedOptions how = studied.embedding();
    how.probes_file = file;
    add(name, studied.embed_own(how));
  }
  return {std::move(out)};
}

}  // namespace deltascape::study
