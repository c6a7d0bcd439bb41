// Owns one variant's place in a pass: what it does to the base, and what was read of it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pass/execution.h"

namespace deltascape::engine {

struct Slot {
  const Variant* variant = nullptr;
  std::size_t given = 0;  // its place in the caller's order
  int first_layer = 0;    // the first block whose result differs from the base's
  Precision precision = Precision::kFp32;
  std::unique_ptr<const Layout> layout;  // where it has virtual tokens
  std::unique_ptr<Stream> own;           // of a full finetune and of one with virtual tokens; adapters share one
  std::optional<Error> error;
  std::vector<at::Tensor> taps;  // [probes, width] each, in the order they were read

  adapter::VirtualTokens virtual_tokens() const {
    return variant->adapter ? variant->adapter->virtual_tokens() : adapter::VirtualTokens();
  }
  const model::ModelSpec& spec(const Setting& s) const { return variant->full ? variant->full->spec() : s.base.spec(); }
  LayerOps ops(const Setting& s, int layer) const;
  // What its first block reads; nothing where that is the base's.
  std::optional<at::Tensor> embedding(const Setting& s, const Layout& layout) const;
  // Its own of a norm outside the blocks, or `base`.
  Norm outer_norm(const Setting& s, model::Module module, const Norm& base) const;
  Ending ending(const Setting& s, const Ending& base) const;
  // Whether its stream differs from the base's after so many blocks; 0: the embeddings.
  bool moved(int blocks) const { return own || first_layer < blocks || (blocks == 0 && first_layer == 0); }

  // Runs `work`; its Error is kept, and the slot counts as failed from then on: nothing of it runs again.
  template <class F>
  void guarded(F&& work) {
    if (error) return;
    try {
      work();
    } catch (const Error& e) {
      error = e;
    } catch (const std::exception& e) {  // LibTorch's: one variant never stops the others
      error = Error(ErrorCode::kInternal, e.what());
    }
  }
};

}  // namespace deltascape::engine
