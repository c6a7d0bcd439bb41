// Owns attention over one sequence: scores, soft cap, mask, softmax and values for the query heads that share one key
// and value head, without a copy of anything but the rotated keys.
#pragma once

#include <cstdint>
#include <vector>

namespace deltascape::engine::kernels {

struct AttentionShape {
  std::int64_t keys = 0;     // of the sequence, those of a prefix among them
  std::int64_t prefix = 0;   // how many stand before the first token's
  std::int64_t dim = 0;      // features of q and k a head
  std::int64_t values = 0;   // of v
  std::int64_t turned = 0;   // how many of them rotate with the position, in halves; 0: none
  std::int64_t offset = 0;   // the first that does
  bool interleaved = false;  // neighbours rotate together, not halves
  std::int64_t share = 1;    // query heads a key head
  double scale = 1;          // of scores
  double softcap = 0;        // scores become cap · tanh(score / cap); 0: none
  std::int64_t window = 0;   // a query sees keys j > i − window; 0: all before it
  std::int64_t chunk = 0;    // and those of its own chunk of so many alone; 0: of all
  bool causal = true;        // and none behind it
};

// One key head's rows; `stride` values lie between tokens. cos and sin: [tokens, turned/2]. bias: added to the scores
// of each key, [share, …] with bias_stride between query heads; it moves back by bias_step from one query to the next,
// so that with 1 it goes by the distance; null: none.
template <class T>
struct Head {
  const T *q, *k, *v;
  std::int64_t q_stride, k_stride, v_stride, out_stride;
  const T *cos, *sin, *bias;
  std::int64_t bias_stride = 0, bias_step = 0;
  T* out;                                            // a row for each of q's, `values` a head
  const T *prefix_k = nullptr, *prefix_v = nullptr;  // which do not rotate, with the strides of k and v
  const T* sinks = nullptr;                          // a score beside those of the keys for each query head; null: none
};

// Queries are those of the keys from `first` to the last; q and out begin at `first`'s row. `scratch` grows as needed.
void attend(const AttentionShape& shape, std::int64_t first, const Head<float>& head, std::vector<float>& scratch);
void attend(const AttentionShape& shape, std::int64_t first, const Head<double>& head, std::vector<double>& scratch);

}  // namespace deltascape::engine::kernels
