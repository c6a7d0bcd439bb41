// Owns the functions that families' rows name as Architecture::read_config and read_gguf: what no other family's
// config.json or GGUF metadata has.
#pragma once

#include "model/architecture.h"

namespace deltascape::model {

// Falcon's switches between its three kinds of block.
void read_falcon(const io::JsonFields& c, ModelSpec& s);
// GPT-2's scales of scores, one for each layer.
void read_gpt2(const io::JsonFields& c, ModelSpec& s);
// The decoder beside the encoder, and relative positions.
void read_t5(const io::JsonFields& c, ModelSpec& s);
void read_mt5(const io::JsonFields& c, ModelSpec& s);
void read_umt5(const io::JsonFields& c, ModelSpec& s);
// Which layers have experts, how many, and how their weights come about.
void read_mixtral(const io::JsonFields& c, ModelSpec& s);
void read_qwen_moe(const io::JsonFields& c, ModelSpec& s);
void read_olmoe(const io::JsonFields& c, ModelSpec& s);
void read_deepseek(const io::JsonFields& c, ModelSpec& s);
void read_gpt_oss(const io::JsonFields& c, ModelSpec& s);
// Chunks, unweighted norms and temperatures of q and k too.
void read_llama4(const io::JsonFields& c, ModelSpec& s);
// Recurrent layers too.
void read_granite_hybrid(const io::JsonFields& c, ModelSpec& s);
void read_delta_net(const io::JsonFields& c, ModelSpec& s);
void read_qwen3_next(const io::JsonFields& c, ModelSpec& s);

void read_gguf_falcon(const GgufKeys& k, ModelSpec& s);
void read_gguf_stablelm(const GgufKeys& k, ModelSpec& s);
void read_gguf_olmo2(const GgufKeys& k, ModelSpec& s);
void read_gguf_phi3(const GgufKeys& k, ModelSpec& s);

}  // namespace deltascape::model
