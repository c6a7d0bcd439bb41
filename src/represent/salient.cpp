#include "represent/salient.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "exec/simd.h"
#include "exec/translated.h"
#include "represent/weight_products.h"

namespace deltascape::represent {
namespace {

// Entries at a time, whatever memory there is: what a product rounds to may go by its shape.
constexpr std::int64_t kPiece = std::int64_t{1} << 17;
constexpr std::size_t kBins = 1 << 16;

using Histogram = std::vector<std::int64_t>;
using Mask = std::vector<std::uint64_t>;  // a bit an entry

// A mask, as what tells its entries: |ΔW| in float32 above `threshold` (as bits, which are ordered as the values are),
// and the first `ties` that are equal to it.
struct Selection {
  std::uint32_t threshold = 0;  // 0: all that are not zero
  std::int64_t ties = 0;
};

DELTASCAPE_CLONES
std::int64_t common_bits(const std::uint64_t* one, const std::uint64_t* other, std::size_t words) {
  std::int64_t out = 0;
  for (std::size_t i = 0; i < words; ++i) out += std::popcount(one[i] & other[i]);
  return out;
}

// The bin where the count from the top comes to `wanted`, and how many entries lie above it.
std::pair<std::uint32_t, std::int64_t> bin_of(const Histogram& counts, std::int64_t wanted) {
  std::int64_t above = 0;
  for (std::size_t bin = counts.size(); bin-- > 0; above += counts[bin])
    if (above + counts[bin] >= wanted) return {static_cast<std::uint32_t>(bin), above};
  return {0, above};
}

// Rows of the tensor, kPiece entries or so.
std::int64_t piece_rows(const CountedTensor& t) { return std::max<std::int64_t>(1, kPiece / t.columns); }

DELTASCAPE_CLONES
void size_bits(const double* values, std::uint32_t* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = std::bit_cast<std::uint32_t>(static_cast<float>(std::abs(values[i])));
}

// Of |ΔW| in these rows, entry by entry.
std::vector<std::uint32_t> size_bits(const WeightDelta& delta, std::int64_t first, std::int64_t count) {
  const at::Tensor values = delta.rows(first, count).contiguous();
  std::vector<std::uint32_t> out(static_cast<std::size_t>(values.numel()));
  size_bits(values.data_ptr<double>(), out.data(), out.size());
  return out;
}

// bin(bits): where an entry is counted; kBins: nowhere.
template <class Bin>
void count_bits(const WeightDelta& delta, const CountedTensor& t, Histogram& counts, const Bin& bin) {
  std::mutex joining;
  const std::int64_t step = piece_rows(t);
  at::parallel_for(0, (t.rows + step - 1) / step, 1, [&](std::int64_t begin, std::int64_t end) {
    Histogram own(kBins + 1);
    for (std::int64_t piece = begin; piece < end; ++piece)
      for (const std::uint32_t bits : size_bits(delta, piece * step, std::min(step, t.rows - piece * step)))
        ++own[bin(bits)];
    const std::lock_guard lock(joining);
    for (std::size_t b = 0; b < kBins; ++b) counts[b] += own[b];
  });
}

// The mask of rows [first, first + count); the ties that it takes are taken from the selection.
Mask mask_of(const WeightDelta& delta, const CountedTensor& t, std::int64_t first, std::int64_t count, Selection& s) {
  Mask out(static_cast<std::size_t>((count * t.columns + 63) / 64));
  const std::int64_t step = piece_rows(t);
  std::size_t place = 0;
  for (std::int64_t row = first; row < first + count; row += step)
    for (const std::uint32_t bits : size_bits(delta, row, std::min(step, first + count - row))) {
      const bool tie = bits == s.threshold && s.ties > 0;
      s.ties -= tie;
      out[place / 64] |= std::uint64_t{tie || bits > s.threshold} << place % 64;
      ++place;
    }
  return out;
}

class Salient : public WeightReading {
 public:
  Salient(const Base& base, const Parameters& parameters)
      : WeightReading(base, "salient", parameters), tensors_(tensors()) {}

  store::Space space() const override {
    store::Space out = WeightReading::space();
    out.parameters["similarity"] = "jaccard";
    return out;
  }
  Products measure(std::span<const Member> members, std::size_t fresh, Progress& progress) override;

 private:
  Selection select(WeightDeltas& deltas, std::size_t member, Progress& progress) const;
  template <class Bin>
  Histogram count(WeightDeltas& deltas, std::size_t member, Progress& progress, const Bin& bin) const;
  void add_overlaps(const CountedTensor& tensor, WeightDeltas& deltas, std::vector<Selection>& selections,
                    Products& out) const;
  std::int64_t wanted() const;

  const std::vector<CountedTensor> tensors_;
};

std::int64_t Salient::wanted() const {
  std::int64_t entries = 0;
  for (const CountedTensor& t : tensors_) entries += t.in_base ? t.entries() : 0;
  return std::max(1LL, std::llround(std::stod(parameters_.at("fraction")) * static_cast<double>(entries)));
}

template <class Bin>
Histogram Salient::count(WeightDeltas& deltas, std::size_t member, Progress& progress, const Bin& bin) const {
  Histogram out(kBins);
  for (const CountedTensor& t : tensors_) {
    advance(progress, 0);
    if (const WeightDelta delta = deltas.of(member, t); !delta.none()) count_bits(delta, t, out, bin);
  }
  return out;
}

// The upper half of the bits first, then the lower half of those in the bin where the mask ends.
Selection Salient::select(WeightDeltas& deltas, std::size_t member, Progress& progress) const {
  const std::int64_t all = wanted();
  if (all == 0) return {std::numeric_limits<std::uint32_t>::max(), 0};
  const Histogram high =
      count(deltas, member, progress, [](std::uint32_t bits) { return bits == 0 ? kBins : std::size_t{bits >> 16}; });
  std::int64_t there = 0;
  for (const std::int64_t n : high) there += n;
  if (there <= all) return {};
  const auto [bin, above] = bin_of(high, all);
  const Histogram low = count(deltas, member, progress, [bin = bin](std::uint32_t bits) {
    return bits == 0 || bits >> 16 != bin ? kBins : std::size_t{bits & 0xffff};
  });
  const auto [rest, before] = bin_of(low, all - above);
  return {(bin << 16) | rest, all - above - before};
}

// The masks of some rows at a time, as many as fit into half of the memory.
void Salient::add_overlaps(const CountedTensor& t, WeightDeltas& deltas, std::vector<Selection>& selections,
                           Products& out) const {
  const std::size_t members = selections.size(), threads = static_cast<std::size_t>(at::get_num_threads());
  const auto bytes = static_cast<std::int64_t>(weights_memory(base_) / 2 / members);
  const std::int64_t step = piece_rows(t), band = std::max<std::int64_t>(1, bytes * 8 / (t.columns * step)) * step;
  auto values = out.values.accessor<double, 2>();
  for (std::int64_t first = 0; first < t.rows; first += band) {
    const std::int64_t rows = std::min(band, t.rows - first);
    std::vector<Mask> masks(members);
    for (std::size_t from = 0; from < members; from += threads) {
      std::vector<WeightDelta> some;
      for (std::size_t m = from; m < std::min(from + threads, members); ++m)
        some.push_back(out.errors[m] ? WeightDelta() : deltas.of(m, t));
      at::parallel_for(0, static_cast<std::int64_t>(some.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          if (!some[i].none()) masks[from + i] = mask_of(some[i], t, first, rows, selections[from + i]);
      });
    }
    at::parallel_for(0, values.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t j = i; j < values.size(1); ++j) {
          const Mask &one = masks[static_cast<std::size_t>(i)], &other = masks[static_cast<std::size_t>(j)];
          if (!one.empty() && !other.empty())
            values[i][j] += static_cast<double>(common_bits(one.data(), other.data(), one.size()));
        }
    });
  }
}

Products Salient::measure(std::span<const Member> members, std::size_t fresh, Progress& progress) {
  WeightDeltas deltas(*base_.model, members);
  Products out{at::zeros({static_cast<std::int64_t>(fresh), static_cast<std::int64_t>(members.size())}, at::kDouble),
               std::vector<std::optional<Error>>(members.size())};
  std::vector<Selection> selections(members.size());
  progress.begin("selecting weights", static_cast<std::int64_t>(members.size()));
  for (std::size_t m = 0; m < members.size(); ++m) {
    try {
      selections[m] = engine::translated([&] { return select(deltas, m, progress); });
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      out.errors[m] = e;
    }
    advance(progress, 1);
  }
  progress.begin("comparing weights", static_cast<std::int64_t>(tensors_.size()));
  for (const CountedTensor& t : tensors_) {
    add_overlaps(t, deltas, selections, out);
    advance(progress, 1);
  }
  auto values = out.values.accessor<double, 2>();
  for (std::int64_t i = 0; i < values.size(0); ++i)
    for (std::int64_t j = 0; j < i; ++j) values[i][j] = values[j][i];
  return out;
}

}  // namespace

std::string salient_fraction(const std::string& value) { return share("fraction", value); }

std::unique_ptr<ProductReading> salient(const Base& base, const Parameters& parameters) {
  return std::make_unique<Salient>(base, parameters);
}

}  // namespace deltascape::represent
