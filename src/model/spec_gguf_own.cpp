// Owns what single families' GGUF files say in a way of their own, or llama.cpp knows without their saying it.
#include "model/own_fields.h"
#include "model/spec_gguf.h"

namespace deltascape::model {

void read_gguf_falcon(const GgufKeys& k, ModelSpec& s) {
  s.parallel = true;
  s.shared_norm = !k.has_tensor("blk.0.attn_norm_2.weight");
  // Falcon 2 11B's files do not say by what base it turns.
  const bool is_11b = s.hidden == 4096 && s.layer_count() == 60 && s.kv_heads == 8;
  if (is_11b) s.ropes.front().theta = k.real("rope.freq_base", 500042);
}

// The key of the files may say anything.
void read_gguf_stablelm(const GgufKeys& k, ModelSpec& s) { s.parallel = !k.has_tensor("blk.0.ffn_norm.weight"); }

// OLMo 3 goes by OLMo 2's name, and has windows.
void read_gguf_olmo2(const GgufKeys& k, ModelSpec&) { k.refuse_above("attention.sliding_window", 0); }

// The first files do not give the window.
void read_gguf_phi3(const GgufKeys& k, ModelSpec& s) {
  const bool first = (s.layer_count() == 32 || s.layer_count() == 40) && k.integer("context_length", 0) == 4096;
  if (!first || k.any_integer("attention.sliding_window")) return;
  for (LayerSpec& l : s.layers) l.window = 2047;
}

}  // namespace deltascape::model
