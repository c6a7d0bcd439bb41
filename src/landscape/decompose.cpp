#include "deltascape/decompose.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "deltascape/error.h"
#include "landscape/embedding_rows.h"
#include "landscape/mixture.h"
#include "landscape/pool.h"
#include "landscape/probes.h"

namespace deltascape::landscape {
namespace {

// Records that may be parts: a row each, and what is known of them without their numbers.
struct Candidates {
  std::vector<store::Record> facts;
  Rows rows;
};

bool same_content(const store::Record& a, const store::Record& b) {
  return a.name == b.name || (!a.variant_hash.empty() && a.variant_hash == b.variant_hash);
}

// Rows of the model's own content become zeros, which take no part.
void leave_out(const store::Record& model, Candidates& candidates) {
  Rows& rows = candidates.rows;
  for (std::size_t i = 0; i < rows.count; ++i)
    if (same_content(model, candidates.facts[i]))
      std::fill_n(rows.values.begin() + static_cast<std::ptrdiff_t>(i * rows.width), rows.width, 0.0F);
}

std::size_t with_effect(const Rows& rows) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < rows.count; ++i)
    out += std::any_of(rows.row(i), rows.row(i) + rows.width, [](float v) { return v != 0; });
  return out;
}

// Weights of the records between the first, the model, and what is left; with `common` the last record is the common
// direction. NaN for a model of no length.
std::vector<double> numbers_of(const Gram& given, bool common) {
  const Gram products = common ? beside_last(given) : given;
  const std::size_t parts = products.count - 1;
  const double square = products(0, 0);
  if (!(square > 0)) return std::vector<double>(parts + 1, std::numeric_limits<double>::quiet_NaN());
  Gram among(parts);
  std::vector<double> with_model(parts);
  for (std::size_t i = 0; i < parts; ++i) {
    with_model[i] = products(0, i + 1);
    for (std::size_t j = 0; j < parts; ++j) among(i, j) = products(i + 1, j + 1);
  }
  std::vector<double> out = non_negative_weights(among, with_model, std::sqrt(square));
  double left = square;
  for (std::size_t i = 0; i < parts; ++i) {
    left -= 2 * out[i] * with_model[i];
    for (std::size_t j = 0; j < parts; ++j) left += out[i] * out[j] * among(i, j);
  }
  out.push_back(std::max(0.0, left) / square);
  return out;
}

void add_intervals(const store::Record& model, const std::vector<store::Record>& parts,
                   const std::optional<store::Record>& common, Decomposition& out) {
  std::vector<const store::Record*> records = {&model};
  for (const store::Record& part : parts) records.push_back(&part);
  if (common) records.push_back(&*common);
  const auto products = ProbeProducts::of(records);
  if (!products) return;
  const auto bounds =
      jackknife(*products, [&](const Gram& replicate) { return numbers_of(replicate, common.has_value()); });
  for (std::size_t n = 0; n < out.parts.size(); ++n) {
    if (!bounds[n]) continue;
    const Bounds inside = bounds[n]->around(out.parts[n].weight, 0, std::numeric_limits<double>::infinity());
    out.parts[n].low = inside.low;
    out.parts[n].high = inside.high;
  }
  if (!bounds.back()) return;
  out.low = bounds.back()->around(out.residual, 0, 1).low;
  out.high = bounds.back()->around(out.residual, 0, 1).high;
}

constexpr double kMostWork = 2e10;  // multiply-adds that look for replacements

bool can_replace(const Mixture& mixture, const Rows& rows) {
  const auto parts = static_cast<double>(mixture.rows.size());
  return parts * parts * static_cast<double>(rows.width) * (static_cast<double>(rows.count) + parts) <= kMostWork;
}

// What else could be said for part n.
Part part_of(const Candidates& candidates, const Mixture& mixture, std::size_t n,
             const std::vector<Replacement>& others, double square) {
  const store::Record& fact = candidates.facts[mixture.rows[n]];
  Part out;
  out.name = fact.name;
  out.label = fact.label;
  out.weight = mixture.weights[n];
  if (others.empty()) return out;
  const Replacement& other = others[n];
  out.share = std::max(0.0, other.without - mixture.left) / square;
  out.parallel = other.parallel;
  if (*out.share < kEqual) return out;
  for (const std::size_t i : other.rows) out.instead.push_back(candidates.facts[i].name);
  out.instead_count = other.count;
  return out;
}

std::vector<std::size_t> heaviest_first(const Mixture& mixture, const Candidates& candidates) {
  std::vector<std::size_t> order(mixture.rows.size());
  for (std::size_t n = 0; n < order.size(); ++n) order[n] = n;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (mixture.weights[a] != mixture.weights[b]) return mixture.weights[a] > mixture.weights[b];
    return candidates.facts[mixture.rows[a]].name < candidates.facts[mixture.rows[b]].name;
  });
  return order;
}

// read: the records of these candidates, with their deltas by probe.
using ReadParts = std::function<std::vector<store::Record>(const std::vector<std::size_t>&)>;

Decomposition decomposed(const store::Record& model, Candidates candidates, const std::optional<store::Record>& common,
                         const DecomposeOptions& options, const ReadParts& read) {
  leave_out(model, candidates);
  const Rows& rows = candidates.rows;
  Decomposition out;
  out.candidates = with_effect(rows);
  if (out.candidates == 0) throw Error(ErrorCode::kNotFound, "no other variant with an effect to decompose into");
  Target target{.values = widened(model, options.row, rows.width), .common = {}};
  double whole = 0;
  for (const double value : target.values) whole += value * value;
  if (common) target.common = widened(*common, {}, rows.width);
  const MixtureSearch search(rows, target);
  const double square = search.target_square();
  if (!(square > 1e-12 * whole))
    throw Error(ErrorCode::kMismatch,
                whole > 0 ? "nothing of this variant lies beside the common direction"
                          : "this variant has no effect: there is nothing to decompose",
                {.path = model.name});
  out.without_common = common.has_value();
  out.common_share = std::max(0.0, 1 - square / whole);
  const bool all = options.k == 0 || options.k >= out.candidates;
  const Mixture mixture = all ? search.exact() : search.sparse(options.k);
  out.residual = mixture.left / square;
  std::vector<Replacement> others;
  if (can_replace(mixture, rows)) {
    others = search.replacements(mixture, mixture.left + kEqual * square);
    out.unique = true;
  }

  std::vector<std::size_t> chosen;
  for (const std::size_t n : heaviest_first(mixture, candidates)) {
    Part part = part_of(candidates, mixture, n, others, square);
    if (out.unique) out.unique = *out.unique && part.instead_count == 0 && *part.parallel <= kParallel;
    out.parts.push_back(std::move(part));
    chosen.push_back(mixture.rows[n]);
  }
  candidates = {};
  add_intervals(model, read(chosen), common, out);
  return out;
}

}  // namespace

Decomposition decompose(const store::Record& model, const std::vector<store::Record>& others,
                        const DecomposeOptions& options) {
  std::vector<store::Record> all = others;
  if (std::ranges::none_of(others, [&](const store::Record& r) { return same_content(r, model); }))
    all.push_back(model);
  store::require_comparable(all);
  store::require_comparable({all.front(), model});
  CommonDirection common(options.row);
  for (const store::Record& record : all) common.add(record);
  return decomposed(model, {others, plain_rows(others, options.row)},
                    options.without_common ? common.mean() : std::nullopt, options,
                    [&](const std::vector<std::size_t>& places) {
                      std::vector<store::Record> out;
                      for (const std::size_t i : places) out.push_back(others[i]);
                      return out;
                    });
}

StoredDecomposition decompose(const store::Store& store, const StoredDecomposeOptions& given) {
  std::vector<std::string> names = {given.model};
  names.insert(names.end(), given.into.begin(), given.into.end());
  NamedRecords named = named_records(store, names, given.where, given.choice);
  const store::Record model = std::move(named.records.front());
  named.records.erase(named.records.begin());
  DecomposeOptions options = static_cast<const DecomposeOptions&>(given);
  options.row = named.space ? named.space->row : std::nullopt;

  std::optional<store::Record> common;
  if (options.without_common) {
    CommonDirection direction(options.row);
    store.read(named.query, store::Numbers::kAll, [&](const store::Record& record) { direction.add(record); });
    common = direction.mean();
  }
  if (!given.into.empty()) {
    const std::vector<store::Record> into = named.records;
    return {model.name, decomposed(model, {into, plain_rows(into, options.row)}, common, options,
                                   [&](const std::vector<std::size_t>& places) {
                                     std::vector<store::Record> out;
                                     for (const std::size_t i : places) out.push_back(into[i]);
                                     return out;
                                   })};
  }
  store::Embeddings pool = store.embeddings(named.query, options.row);
  std::vector<std::string> pool_names;
  for (const store::Record& fact : pool.facts) pool_names.push_back(fact.name);
  Candidates candidates{{}, rows_of(pool)};
  candidates.facts = std::move(pool.facts);
  pool = {};
  return {model.name,
          decomposed(model, std::move(candidates), common, options, [&](const std::vector<std::size_t>& places) {
            std::vector<store::Record> out;
            for (const std::size_t i : places)
              for (store::Record& record : store.records(named.query.of(pool_names[i])))
                out.push_back(std::move(record));
            return out;
          })};
}

}  // namespace deltascape::landscape
