#include "represent/weight_products.h"

#include <algorithm>

#include "core/machine.h"
#include "exec/translated.h"

namespace deltascape::represent {
namespace {

constexpr std::int64_t kRanks = 512;  // of the factors that are multiplied at a time

// Parts of consecutive members.
struct Tile {
  std::size_t first = 0;
  std::vector<WeightDelta> parts;
  std::size_t end() const { return first + parts.size(); }
};

// The factors of several members side by side.
struct Stack {
  std::vector<std::size_t> members;
  at::Tensor left, right;  // [rows, ranks], [columns, ranks]
  at::Tensor owner;        // [members, ranks]: one where the direction is the member's
};

struct Dense {
  std::vector<std::size_t> members;
  std::vector<const WeightDelta*> parts;

  at::Tensor rows(std::int64_t first, std::int64_t count, std::int64_t columns) const {  // [members, count · columns]
    at::Tensor out = at::empty({static_cast<std::int64_t>(parts.size()), count * columns}, at::kDouble);
    for (std::size_t i = 0; i < parts.size(); ++i)
      out[static_cast<std::int64_t>(i)].view({count, columns}).copy_(parts[i]->rows(first, count));
    return out;
  }
};

Stack stacked(const Tile& tile, std::span<const std::size_t> places) {
  Stack out;
  std::vector<at::Tensor> left, right;
  std::int64_t ranks = 0;
  for (const std::size_t p : places) {
    out.members.push_back(tile.first + p);
    left.push_back(tile.parts[p].left);
    right.push_back(tile.parts[p].right);
    ranks += left.back().size(1);
  }
  out.left = at::cat(left, 1);
  out.right = at::cat(right, 1);
  out.owner = at::zeros({static_cast<std::int64_t>(places.size()), ranks}, at::kDouble);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < left.size(); at += left[i].size(1), ++i)
    out.owner[static_cast<std::int64_t>(i)].narrow(0, at, left[i].size(1)).fill_(1);
  return out;
}

// Runs of the tile's factored parts with about kRanks directions each.
std::vector<std::vector<std::size_t>> runs(const Tile& tile) {
  std::vector<std::vector<std::size_t>> out;
  std::int64_t ranks = kRanks;
  for (std::size_t p = 0; p < tile.parts.size(); ++p) {
    if (!tile.parts[p].left.defined()) continue;
    const std::int64_t rank = tile.parts[p].left.size(1);
    if (ranks + rank > kRanks) {
      out.emplace_back();
      ranks = 0;
    }
    out.back().push_back(p);
    ranks += rank;
  }
  return out;
}

Dense formed(const Tile& tile) {
  Dense out;
  for (std::size_t p = 0; p < tile.parts.size(); ++p)
    if (tile.parts[p].form) {
      out.members.push_back(tile.first + p);
      out.parts.push_back(&tile.parts[p]);
    }
  return out;
}

class Summation {
 public:
  Summation(const PartOf& part, std::size_t members, std::size_t fresh, Pairing pairing, std::size_t memory)
      : part_(part), fresh_(fresh), pairing_(pairing), memory_(memory) {
    out_.errors.resize(members);
    out_.values = at::zeros({static_cast<std::int64_t>(fresh), static_cast<std::int64_t>(members)}, at::kDouble);
  }

  // Each tile with itself and with all that follow.
  void add(const CountedTensor& tensor, Progress& progress) {
    for (std::size_t first = 0; first < fresh_;) {
      const Tile tile = load(tensor, first);
      multiply(tensor, tile, tile);
      for (std::size_t next = tile.end(); next < out_.errors.size();) {
        advance(progress, 0);
        const Tile other = load(tensor, next);
        multiply(tensor, tile, other);
        next = other.end();
      }
      first = tile.end();
    }
  }

  Products finish() {
    auto values = out_.values.accessor<double, 2>();
    for (std::int64_t i = 0; i < values.size(0); ++i)
      for (std::int64_t j = 0; j < values.size(1); ++j) {
        if (j < i) values[i][j] = values[j][i];
        if (out_.errors[static_cast<std::size_t>(i)] || out_.errors[static_cast<std::size_t>(j)]) values[i][j] = 0;
      }
    return std::move(out_);
  }

 private:
  Tile load(const CountedTensor& tensor, std::size_t first) {
    Tile tile{first, {}};
    std::size_t bytes = 0;
    while (tile.end() < out_.errors.size() && bytes <= memory_ / 4) {
      tile.parts.push_back(read(tensor, tile.end()));
      bytes += static_cast<std::size_t>(tile.parts.back().bytes());
    }
    return tile;
  }

  WeightDelta read(const CountedTensor& tensor, std::size_t member) {
    if (out_.errors[member]) return {};
    try {
      return engine::translated([&] { return part_(member, tensor); });
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      out_.errors[member] = e;
    }
    return {};
  }

  void multiply(const CountedTensor& tensor, const Tile& one, const Tile& other) {
    const bool same = &one == &other;
    const auto runs_one = runs(one), runs_other = runs(other);
    for (std::size_t i = 0; i < runs_one.size(); ++i) {
      const Stack a = stacked(one, runs_one[i]);
      for (std::size_t j = same ? i : 0; j < runs_other.size(); ++j)
        multiply(a, same && i == j ? a : stacked(other, runs_other[j]));
    }
    const Dense a = formed(one), b = formed(other);
    multiply(tensor, a, b, same);
    for (const auto& run : runs_other) multiply(tensor, a, stacked(other, run));
    if (same) return;
    for (const auto& run : runs_one) multiply(tensor, b, stacked(one, run));
  }

  void multiply(const Stack& a, const Stack& b) {
    at::Tensor left = at::mm(a.left.t(), b.left), right = at::mm(a.right.t(), b.right);  // [ranks, ranks]
    if (pairing_ == Pairing::kEntries) left.mul_(right);
    else left.square_().add_(right.square_()).div_(2);
    add(a.members, b.members, at::mm(at::mm(a.owner, left), b.owner.t()));
  }

  // Rows at a time of what is formed.
  std::int64_t rows_at_once(const CountedTensor& tensor, std::size_t parts) const {
    const double row = 8.0 * static_cast<double>(tensor.columns) * static_cast<double>(parts);
    return std::clamp(static_cast<std::int64_t>(static_cast<double>(memory_) / 8 / row), std::int64_t{1}, tensor.rows);
  }

  void multiply(const CountedTensor& tensor, const Dense& a, const Dense& b, bool same) {
    if (a.parts.empty() || b.parts.empty()) return;
    const std::int64_t step = rows_at_once(tensor, a.parts.size() + (same ? 0 : b.parts.size()));
    for (std::int64_t first = 0; first < tensor.rows; first += step) {
      const std::int64_t count = std::min(step, tensor.rows - first);
      const at::Tensor rows = a.rows(first, count, tensor.columns);
      add(a.members, b.members, at::mm(rows, (same ? rows : b.rows(first, count, tensor.columns)).t()));
    }
  }

  // ⟨ΔW, left rightᵀ⟩ = Σ (ΔW right) ⊙ left.
  void multiply(const CountedTensor& tensor, const Dense& a, const Stack& b) {
    const std::int64_t step = rows_at_once(tensor, 1);
    for (std::size_t i = 0; i < a.parts.size(); ++i)
      for (std::int64_t first = 0; first < tensor.rows; first += step) {
        const std::int64_t count = std::min({step, tensor.rows - first, b.left.size(0) - first});
        if (count <= 0) break;
        const at::Tensor sums = at::mm(a.parts[i]->rows(first, count), b.right).mul_(b.left.narrow(0, first, count));
        add({a.members[i]}, b.members, at::mv(b.owner, sums.sum(0)).unsqueeze(0));
      }
  }

  // sums: [rows, columns]. One of the two places of a pair is kept until finish().
  void add(const std::vector<std::size_t>& rows, const std::vector<std::size_t>& columns, const at::Tensor& sums) {
    auto values = out_.values.accessor<double, 2>();
    const auto from = sums.accessor<double, 2>();
    const bool same = rows == columns;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t j = 0; j < columns.size(); ++j) {
        const std::size_t low = std::min(rows[i], columns[j]), high = std::max(rows[i], columns[j]);
        if (low < fresh_ && !(same && rows[i] > columns[j]))
          values[static_cast<std::int64_t>(low)][static_cast<std::int64_t>(high)] +=
              from[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)];
      }
  }

  const PartOf& part_;
  std::size_t fresh_;
  Pairing pairing_;
  std::size_t memory_;
  Products out_;
};

}  // namespace

Products sum_products(std::span<const CountedTensor> tensors, const PartOf& part, std::size_t members,
                      std::size_t fresh, Pairing pairing, std::size_t memory, Progress& progress) {
  Summation sums(part, members, fresh, pairing, memory);
  progress.begin("comparing weights", static_cast<std::int64_t>(tensors.size()));
  for (const CountedTensor& tensor : tensors) {
    sums.add(tensor, progress);
    advance(progress, 1);
  }
  return sums.finish();
}

std::size_t weights_memory(const Base& base) {
  return base.options.memory ? base.options.memory : available_memory() / 2;
}

store::Space WeightReading::space() const {
  store::Space out = base_.space(name_, parameters_);
  out.parameters.erase("probes");
  return out;
}

}  // namespace deltascape::represent
