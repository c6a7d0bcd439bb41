// Is a finetune on two domains together the sum of the finetunes on each? (arXiv 2509.04442 §5.1)
#include "deltascape/add.h"
#include "study/question.h"

namespace deltascape::study {
namespace {

std::size_t pairs_of(std::size_t domains) { return domains * (domains - 1) / 2; }

const Part& first_split(const Studied& studied, std::size_t domain) {
  return studied.parts.splits[domain * static_cast<std::size_t>(studied.options.splits)];
}

struct Tally {
  std::size_t pairs = 0, nearest = 0, beyond = 0;
  std::vector<std::optional<double>> sum, part, sum_beside, part_beside;
};

// The better of the two parts.
std::optional<double> best_part(const landscape::Addition& addition) {
  const auto &a = addition.each[0].with.cosine, &b = addition.each[1].with.cosine;
  return a && b ? std::optional(std::max(*a, *b)) : a ? a : b;
}

}  // namespace

std::size_t additivity_trainings(const StudyOptions& options) {
  const std::size_t domains = options.domains.size();
  return options.questions.additivity.size() * (domains + pairs_of(domains));
}

std::vector<StudyTable> ask_additivity(const Studied& studied) {
  StudyTable all{.name = "additivity",
                 .title = "Additivity by pair",
                 .text =
                     "Cosines with the finetune on both domains' examples: of the sum of the two finetunes on one "
                     "domain each, and of each alone, all trained by the same settings for as many epochs. Gain: "
                     "the sum's cosine minus the better part's, with its 95 % interval over probes.",
                 .columns = {"method", "first", "second", "sum", "first alone", "second alone", "gain", "low", "high",
                             "norm of first", "of second", "of both"},
                 .rows = {},
                 .drawn = {}};
  StudyTable methods{.name = "additivity_methods",
                     .title = "Additivity by method",
                     .text =
                         "Nearer: pairs whose sum is nearer to the finetune on both than either part; beyond noise: "
                         "those whose gain's interval is above 0. Sum and best part: mean cosines; the last two "
                         "without the direction of the mean of all these finetunes.",
                     .columns = {"method", "pairs", "nearer", "beyond noise", "sum", "best part", "sum, mean off",
                                 "best part, mean off"},
                     .rows = {},
                     .drawn = {}};
  const std::size_t domains = studied.options.domains.size();
  for (const StudyTraining& method : studied.options.questions.additivity) {
    std::vector<ModelRef> models;
    const auto train = [&](const std::string& name, const std::string& file) {
      models.push_back(studied
                           .train(method.training, {.name = name,
                                                    .label = name,
                                                    .file = file,
                                                    .folder = folder_of("additivity", method),
                                                    .seed = studied.options.training.seed + models.size()})
                           .model);
    };
    for (std::size_t d = 0; d < domains; ++d)
      train(first_split(studied, d).domain, write_first(first_split(studied, d), method.examples));
    for (std::size_t a = 0; a < domains; ++a)
      for (std::size_t b = a + 1; b < domains; ++b) {
        const Part &one = first_split(studied, a), &other = first_split(studied, b);
        train(one.domain + "+" + other.domain, write_union(one, other, method.examples));
      }
    const std::vector<store::Record> records = studied.embed(models, studied.embedding());
    Tally tally;
    for (std::size_t a = 0, both = domains; a < domains; ++a)
      for (std::size_t b = a + 1; b < domains; ++b, ++both) {
        const auto sum = landscape::add({records[a], records[b]}, &records[both], records);
        const auto beside = landscape::add({records[a], records[b]}, &records[both], records, {.without_common = true});
        const auto gain = sum.gain.value_or(landscape::Gain{});
        all.rows.push_back({method.name, records[a].label, records[b].label, cell(sum.is->with.cosine),
                            cell(sum.each[0].with.cosine), cell(sum.each[1].with.cosine),
                            sum.gain ? cell(gain.value) : cell({}), cell(gain.low), cell(gain.high), records[a].norm,
                            records[b].norm, records[both].norm});
        ++tally.pairs;
        if (sum.gain && gain.value > 0) ++tally.nearest;
        if (gain.low && *gain.low > 0) ++tally.beyond;
        tally.sum.push_back(sum.is->with.cosine);
        tally.part.push_back(best_part(sum));
        tally.sum_beside.push_back(beside.is->with.cosine);
        tally.part_beside.push_back(best_part(beside));
      }
    methods.rows.push_back({method.name, static_cast<std::int64_t>(tally.pairs),
                            static_cast<std::int64_t>(tally.nearest), static_cast<std::int64_t>(tally.beyond),
                            cell(mean_of_known(tally.sum)), cell(mean_of_known(tally.part)),
                            cell(mean_of_known(tally.sum_beside)), cell(mean_of_known(tally.part_beside))});
  }
  return {std::move(methods), std::move(all)};
}

}  // namespace deltascape::study
