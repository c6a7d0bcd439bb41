#include "deltascape/add.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deltascape/error.h"
#include "landscape/embedding_rows.h"
#include "landscape/kernels.h"
#include "landscape/parallel.h"
#include "landscape/pool.h"
#include "landscape/probes.h"

namespace deltascape::landscape {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The first `parts` vectors, perhaps one more that they may add up to.
struct SumProducts {
  const Gram& products;
  std::size_t parts;

  double with_sum(std::size_t i) const {
    double out = 0;
    for (std::size_t p = 0; p < parts; ++p) out += products(p, i);
    return out;
  }
  double square() const {
    double out = 0;
    for (std::size_t p = 0; p < parts; ++p) out += with_sum(p);
    return std::max(0.0, out);
  }
  double cosine_with_sum(std::size_t i) const {
    return cosine_of(with_sum(i), square(), products(i, i)).value_or(kNone);
  }
  double cosine(std::size_t i, std::size_t j) const {
    return cosine_of(products(i, j), products(i, i), products(j, j)).value_or(kNone);
  }
};

// Cosine of the sum with `is`, of each part with it, and the gain over part `best`; without `is` those with the sum.
std::vector<double> numbers_of(const Gram& products, std::size_t parts, bool has_is, std::size_t best) {
  const SumProducts sum{products, parts};
  std::vector<double> out;
  for (std::size_t p = 0; p < parts; ++p) out.push_back(has_is ? sum.cosine(p, parts) : sum.cosine_with_sum(p));
  if (!has_is) return out;
  out.push_back(sum.cosine_with_sum(parts));
  out.push_back(out.back() - out[best]);
  return out;
}

std::optional<double> if_number(double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; }

Similarity bounded(double cosine, const std::optional<Bounds>& bounds) {
  Similarity out{if_number(cosine), {}, {}};
  if (!out.cosine || !bounds) return out;
  const Bounds inside = bounds->around(cosine, -1, 1);
  return {out.cosine, inside.low, inside.high};
}

// The sum and what it is compared with.
class Adder {
 public:
  Adder(const std::vector<store::Record>& parts, const store::Record* is, std::optional<store::Record> common, Row row)
      : is_(is), common_(std::move(common)), row_(row) {
    for (const store::Record& part : parts) records_.push_back(&part);
    parts_ = parts.size();
    if (is) records_.push_back(is);
  }

  Addition compared() const {
    const Gram products = plain();
    const SumProducts sum{products, parts_};
    Addition out;
    out.without_common = common_.has_value();
    out.norm = std::sqrt(sum.square());
    const std::size_t best = nearest_part(products);
    const std::vector<double> numbers = numbers_of(products, parts_, is_ != nullptr, best);
    std::vector<std::optional<Bounds>> bounds(numbers.size());
    if (const auto by_probe = ProbeProducts::of(with_common()))
      bounds = jackknife(*by_probe, [&](const Gram& replicate) {
        return numbers_of(common_ ? beside_last(replicate) : replicate, parts_, is_ != nullptr, best);
      });
    for (std::size_t p = 0; p < parts_; ++p)
      out.each.push_back({records_[p]->name, records_[p]->label, std::sqrt(std::max(0.0, products(p, p))),
                          bounded(numbers[p], bounds[p])});
    if (!is_) return out;
    const double square = products(parts_, parts_);
    out.is = Addend{is_->name, is_->label, std::sqrt(std::max(0.0, square)), bounded(numbers[parts_], bounds[parts_])};
    const double apart = square + sum.square() - 2 * sum.with_sum(parts_);
    if (square > 0) out.distance = std::sqrt(std::max(0.0, apart) / square);
    if (std::isfinite(numbers.back())) {
      out.gain = Gain{records_[best]->name, numbers.back(), {}, {}};
      if (bounds.back()) {
        const Bounds inside = bounds.back()->around(out.gain->value, -2, 2);
        out.gain->low = inside.low;
        out.gain->high = inside.high;
      }
    }
    return out;
  }

  // Cosine of the sum with each row; NaN where one is zero.
  std::vector<double> with_rows(const Rows& rows) const {
    if (rows.count == 0) return {};
    std::vector<double> sum(rows.width), direction;
    for (std::size_t p = 0; p < parts_; ++p) {
      const std::vector<double> values = widened(*records_[p], row_, rows.width);
      for (std::size_t k = 0; k < rows.width; ++k) sum[k] += values[k];
    }
    if (common_) direction = widened(*common_, {}, rows.width);
    const double square = std::sqrt(squared_length_of(direction));
    for (double& value : direction) value = square > 0 ? value / square : 0;
    double along = 0;
    for (std::size_t k = 0; k < direction.size(); ++k) along += sum[k] * direction[k];
    for (std::size_t k = 0; k < direction.size(); ++k) sum[k] -= along * direction[k];
    const double sum_square = squared_length_of(sum);
    const std::vector<double> nothing(rows.width);
    std::vector<double> out(rows.count, kNone);
    parallel_blocks(rows.count, 64, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        const double whole = squared_length(rows.row(i), 1, nothing.data(), rows.width);
        const double shared = direction.empty() ? 0 : dot(rows.row(i), direction.data(), rows.width);
        const double beside = whole - shared * shared;
        if (beside > 1e-12 * whole)
          out[i] = cosine_of(dot(rows.row(i), sum.data(), rows.width), sum_square, beside).value_or(kNone);
      }
    });
    return out;
  }

  // With the interval over probes, where the record has them.
  Similarity similar(const store::Record& other, double cosine) const {
    std::vector<const store::Record*> records(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(parts_));
    records.push_back(&other);
    if (common_) records.push_back(&*common_);
    const auto by_probe = ProbeProducts::of(records);
    if (!by_probe) return bounded(cosine, {});
    return bounded(cosine, jackknife(*by_probe, [&](const Gram& replicate) {
                             const Gram products = common_ ? beside_last(replicate) : replicate;
                             return std::vector<double>{SumProducts{products, parts_}.cosine_with_sum(parts_)};
                           }).front());
  }

  bool is_part(const store::Record& record) const {
    return std::ranges::any_of(records_, [&](const store::Record* r) {
      return r->name == record.name || (!r->variant_hash.empty() && r->variant_hash == record.variant_hash);
    });
  }

 private:
  static double squared_length_of(const std::vector<double>& values) {
    double out = 0;
    for (const double value : values) out += value * value;
    return out;
  }

  Gram plain() const {
    std::vector<std::vector<double>> vectors;
    for (const store::Record* r : records_) vectors.push_back(widened(*r, row_, 0));
    if (!common_) return gram_of(vectors);
    vectors.push_back(widened(*common_, {}, 0));
    return beside_last(gram_of(vectors));
  }

  std::vector<const store::Record*> with_common() const {
    std::vector<const store::Record*> out = records_;
    if (common_) out.push_back(&*common_);
    return out;
  }

  // The part with the largest cosine with `is`.
  std::size_t nearest_part(const Gram& products) const {
    const SumProducts sum{products, parts_};
    std::size_t best = 0;
    for (std::size_t p = 1; is_ && p < parts_; ++p)
      if (!(sum.cosine(p, parts_) <= sum.cosine(best, parts_))) best = p;
    return best;
  }

  std::vector<const store::Record*> records_;  // the parts, and `is`
  const store::Record* is_;
  std::size_t parts_ = 0;
  std::optional<store::Record> common_;
  Row row_;
};

void require_parts(std::size_t count) {
  if (count < 2)
    throw Error(ErrorCode::kUsage, "a sum has two variants or more",
                {.path = {}, .field = {}, .expected = {}, .found = std::to_string(count)});
}

// The k records with the largest cosine, by place; those that are parts left out, those without a cosine last.
std::vector<std::size_t> nearest_places(const Adder& adder, const std::vector<store::Record>& facts,
                                        const std::vector<double>& cosines, std::size_t k) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < facts.size(); ++i)
    if (!adder.is_part(facts[i])) order.push_back(i);
  const auto key = [&](std::size_t i) { return std::isfinite(cosines[i]) ? cosines[i] : -2; };
  const std::size_t count = k == 0 ? order.size() : std::min(k, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::size_t a, std::size_t b) { return key(a) != key(b) ? key(a) > key(b) : facts[a].name < facts[b].name; });
  order.resize(count);
  return order;
}

Neighbour neighbour(const Adder& adder, const store::Record& record, double cosine) {
  const Similarity s = adder.similar(record, cosine);
  return {record.name, record.label, s.cosine, s.low, s.high};
}

}  // namespace

Addition add(const std::vector<store::Record>& parts, const store::Record* is, const std::vector<store::Record>& pool,
             const AddOptions& options) {
  require_parts(parts.size());
  std::vector<store::Record> all = parts;
  if (is) all.push_back(*is);
  all.insert(all.end(), pool.begin(), pool.end());
  store::require_comparable(all);
  CommonDirection common(options.row);
  for (const store::Record& record : pool) common.add(record);
  const Adder adder(parts, is, options.without_common ? common.mean() : std::nullopt, options.row);
  Addition out = adder.compared();
  if (is) return out;
  const std::vector<double> cosines = adder.with_rows(plain_rows(pool, options.row));
  for (const std::size_t i : nearest_places(adder, pool, cosines, options.k))
    out.nearest.push_back(neighbour(adder, pool[i], cosines[i]));
  return out;
}

Addition add(const store::Store& store, const StoredAddOptions& options) {
  require_parts(options.parts.size());
  std::vector<std::string> names = options.parts;
  if (!options.is.empty()) names.push_back(options.is);
  NamedRecords named = named_records(store, names, options.where, options.choice);
  std::optional<store::Record> is;
  if (!options.is.empty()) {
    is = std::move(named.records.back());
    named.records.pop_back();
  }
  const Row row = named.space ? named.space->row : std::nullopt;
  std::optional<store::Record> common;
  if (options.without_common) {
    CommonDirection direction(row);
    store.read(named.query, store::Numbers::kAll, [&](const store::Record& record) { direction.add(record); });
    common = direction.mean();
  }
  const Adder adder(named.records, is ? &*is : nullptr, std::move(common), row);
  Addition out = adder.compared();
  if (is) return out;
  store::Embeddings pool = store.embeddings(named.query, row);
  const Rows rows = rows_of(pool);
  const std::vector<double> cosines = adder.with_rows(rows);
  for (const std::size_t i : nearest_places(adder, pool.facts, cosines, options.k)) {
    const std::vector<store::Record> found = store.records(named.query.of(pool.facts[i].name));
    if (!found.empty()) out.nearest.push_back(neighbour(adder, found.front(), cosines[i]));
  }
  return out;
}

}  // namespace deltascape::landscape
