#include "landscape/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/student.h"
#include "deltascape/error.h"
#include "store/store.h"

namespace deltascape::landscape {
namespace {

using Vector = std::vector<double>;  // [dim]

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// What a replicate of the jackknife leaves out; kNone: nothing.
struct Without {
  std::size_t probe = kNone, run = kNone;
};

// Adds a record's embedding, the mean over all probes but one; of a record without deltas a probe the whole of it.
void add_embedding(Vector& sum, const store::Record& record, Row row, std::size_t without_probe) {
  if (without_probe == kNone || !has_probes(record)) {
    const std::span<const float> whole = embedding(record, row);
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += whole[k];
    return;
  }
  const auto probes = static_cast<std::size_t>(record.probe_count);
  for (std::size_t p = 0; p < probes; ++p) {
    if (p == without_probe) continue;
    const float* delta = record.per_probe.data() + p * sum.size();
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += delta[k] / static_cast<double>(probes - 1);
  }
}

Vector mean_embedding(const std::vector<const store::Record*>& records, Row row, std::size_t without_probe) {
  Vector mean(static_cast<std::size_t>(records.front()->dim));
  for (const store::Record* record : records) add_embedding(mean, *record, row, without_probe);
  for (double& value : mean) value /= static_cast<double>(records.size());
  return mean;
}

std::vector<const store::Record*> pointers(const std::vector<store::Record>& records, std::size_t without = kNone) {
  std::vector<const store::Record*> out;
  for (std::size_t i = 0; i < records.size(); ++i)
    if (i != without) out.push_back(&records[i]);
  return out;
}

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// What of `values` points along `direction` goes; nothing where there is no direction.
void take_off(Vector& values, const Vector& direction) {
  const double length = direction.empty() ? 0 : dot(direction, direction);
  if (!(length > 0)) return;
  const double along = dot(values, direction) / length;
  for (std::size_t k = 0; k < values.size(); ++k) values[k] -= along * direction[k];
}

bool has_effect(const store::Record& record, Row row) {
  const std::span<const float> values = embedding(record, row);
  return std::any_of(values.begin(), values.end(), [](float v) { return v != 0; });
}

class Ranker {
 public:
  Ranker(const std::vector<store::Record>& members, const TaskRuns& task, Row row) : task_(task), row_(row) {
    for (const store::Record& member : members)
      if (has_effect(member, row)) members_.push_back(&member);
  }

  const std::vector<const store::Record*>& members() const { return members_; }

  // One a member; empty where a side is zero.
  std::vector<std::optional<double>> scores(Without without) const {
    if (members_.empty()) return {};
    Vector query = mean_embedding(pointers(task_.runs, without.run), row_, without.probe);
    Vector shared;
    if (!task_.controls.empty()) shared = mean_embedding(pointers(task_.controls), row_, without.probe);
    take_off(query, shared);
    std::vector<std::optional<double>> out;
    for (const store::Record* member : members_) {
      Vector values(query.size());
      add_embedding(values, *member, row_, without.probe);
      take_off(values, shared);
      out.push_back(cosine_of(dot(query, values), dot(query, query), dot(values, values)));
    }
    return out;
  }

  // Replicates that leave one probe out; none where a member or a run has no per-probe deltas. The direction of
  // controls that have none (kept from a run at all layers) stands still.
  std::vector<Without> over_probes() const {
    std::vector<const store::Record*> all = members_;
    for (const store::Record& run : task_.runs) all.push_back(&run);
    const std::int64_t probes = task_.runs.front().probe_count;
    const bool complete =
        std::ranges::all_of(all, [&](const store::Record* r) { return has_probes(*r) && r->probe_count == probes; });
    std::vector<Without> out;
    for (std::int64_t p = 0; complete && p < probes; ++p) out.push_back({.probe = static_cast<std::size_t>(p)});
    return out;
  }
  std::vector<Without> over_runs() const {
    std::vector<Without> out;
    for (std::size_t r = 0; task_.runs.size() >= 2 && r < task_.runs.size(); ++r) out.push_back({.run = r});
    return out;
  }

  // The jackknife's variance of each member's score, (n-1)/n Σ (score_i - mean)²; empty where a replicate has none.
  std::vector<std::optional<double>> variance(const std::vector<Without>& replicates) const {
    const auto count = static_cast<double>(replicates.size());
    Vector sum(members_.size()), squares(members_.size());
    std::vector<bool> known(members_.size(), !replicates.empty());
    const std::vector<std::optional<double>> whole = scores({});
    for (const Without& without : replicates) {
      const std::vector<std::optional<double>> part = scores(without);
      for (std::size_t i = 0; i < part.size(); ++i) {
        if (!part[i] || !whole[i]) {
          known[i] = false;
          continue;
        }
        const double moved = *part[i] - *whole[i];
        sum[i] += moved;
        squares[i] += moved * moved;
      }
    }
    std::vector<std::optional<double>> out(members_.size());
    for (std::size_t i = 0; i < out.size(); ++i)
      if (known[i]) out[i] = std::max(0.0, (count - 1) / count * (squares[i] - sum[i] * sum[i] / count));
    return out;
  }

 private:
  const TaskRuns& task_;
  const Row row_;
  std::vector<const store::Record*> members_;  // those with an effect
};

void require_all_comparable(const std::vector<store::Record>& members, const TaskRuns& task) {
  if (task.runs.empty()) throw Error(ErrorCode::kInternal, "a task without a run");
  std::vector<store::Record> one_each;  // of members, which agree among themselves, the first stands for all
  store::require_comparable(members);
  if (!members.empty()) one_each.push_back(members.front());
  one_each.insert(one_each.end(), task.runs.begin(), task.runs.end());
  one_each.insert(one_each.end(), task.controls.begin(), task.controls.end());
  store::require_comparable(one_each);
}

RankedVariant unscored(const store::Record& member) {
  return {.name = member.name, .label = member.label, .path = member.path, .score = {}, .low = {}, .high = {}, .p = {}};
}

}  // namespace

std::vector<RankedVariant> rank(const std::vector<store::Record>& members, const TaskRuns& task, Row row) {
  require_all_comparable(members, task);
  const Ranker ranker(members, task, row);
  const std::vector<std::optional<double>> scores = ranker.scores({});
  const auto by_probe = ranker.variance(ranker.over_probes());
  const auto by_run = ranker.variance(ranker.over_runs());

  std::vector<RankedVariant> out;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const store::Record& member = *ranker.members()[i];
    RankedVariant ranked = unscored(member);
    ranked.score = scores[i];
    if (scores[i] && (by_probe[i] || by_run[i])) {
      const double error = std::sqrt(by_probe[i].value_or(0) + by_run[i].value_or(0));
      ranked.low = std::max(-1.0, *scores[i] - 2 * error);
      ranked.high = std::min(1.0, *scores[i] + 2 * error);
    }
    out.push_back(std::move(ranked));
  }
  for (const store::Record& member : members)
    if (!has_effect(member, row)) out.push_back(unscored(member));
  std::stable_sort(out.begin(), out.end(), [](const RankedVariant& a, const RankedVariant& b) {
    return a.score.value_or(-2) > b.score.value_or(-2);
  });
  return out;
}

std::vector<double> chance_scores(const std::vector<store::Record>& members, const std::vector<store::Record>& controls,
                                  Row row) {
  std::vector<double> out;
  for (const store::Record& control : controls) {
    const TaskRuns task{.runs = {control}, .controls = {}};
    require_all_comparable(members, task);
    std::optional<double> best;
    for (const std::optional<double>& score : Ranker(members, task, row).scores({}))
      if (score && (!best || *score > *best)) best = score;
    if (best) out.push_back(*best);
  }
  return out;
}

std::optional<double> chance_of(double score, const std::vector<double>& chance) {
  static constexpr double kMost = 1 - 1e-9;  // an infinite z would have no mean
  const auto z = [](double cosine) { return std::atanh(std::clamp(cosine, -kMost, kMost)); };
  const auto n = static_cast<double>(chance.size());
  if (chance.size() < 3) return std::nullopt;
  double mean = 0, squares = 0;
  for (const double c : chance) mean += z(c) / n;
  for (const double c : chance) squares += (z(c) - mean) * (z(c) - mean);
  const double spread = std::sqrt(squares / (n - 1) * (1 + 1 / n));
  if (!(spread > 1e-12)) return std::nullopt;
  return student_tail((z(score) - mean) / spread, n - 1);
}

std::optional<std::size_t> place_of(const std::vector<RankedVariant>& ranking, const std::string& label) {
  for (std::size_t i = 0; i < ranking.size(); ++i)
    if (ranking[i].score && ranking[i].label == label) return i;
  return std::nullopt;
}

std::optional<double> margin_of(const std::vector<RankedVariant>& ranking, const std::string& label) {
  std::optional<double> own, other;
  for (const RankedVariant& variant : ranking) {
    if (!variant.score) continue;
    std::optional<double>& best = variant.label == label ? own : other;
    if (!best) best = variant.score;  // the ranking is in order
  }
  if (!own || !other) return std::nullopt;
  return *own - *other;
}

}  // namespace deltascape::landscape
