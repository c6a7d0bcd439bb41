// Owns the tensor names that families share (architecture.h says what a row is), and the parts of their table.
#pragma once

#include "model/architecture.h"

namespace deltascape::model {

std::span<const Architecture> gated_families();
std::span<const Architecture> plain_families();
std::span<const Architecture> mixture_families();
std::span<const Architecture> recurrent_families();

}  // namespace deltascape::model

namespace deltascape::model::names {

using M = Module;

inline constexpr TensorName kCommon[] = {
    {M::kAttnNorm, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQ, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {M::kK, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {M::kV, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {M::kQNorm, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {M::kKNorm, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {M::kO, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {M::kGate, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {M::kUp, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {M::kDown, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {M::kEmbed, "embed_tokens", "token_embd"},
    {M::kFinalNorm, "norm", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

inline constexpr TensorName kPreNorms[] = {{M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"}};

// Gemma 2 and 3 give the name that others use for the norm before the MLP to the one after attention.
inline constexpr TensorName kSandwichNorms[] = {
    {M::kAttnPostNorm, "layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm"},
    {M::kMlpNorm, "layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm"},
    {M::kMlpPostNorm, "layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"},
};

inline constexpr TensorName kMixtral[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kRouter, "layers.{}.block_sparse_moe.gate", "blk.{}.ffn_gate_inp"},
    {M::kRouter, "layers.{}.mlp.gate", ""},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.{}.w1", "blk.{}.ffn_gate.{}"},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.{}.w3", "blk.{}.ffn_up.{}"},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.{}.w2", "blk.{}.ffn_down.{}"},
};

inline constexpr TensorName kDeepseekV2[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kQDown, "layers.{}.self_attn.q_a_proj", "blk.{}.attn_q_a"},
    {M::kQDownNorm, "layers.{}.self_attn.q_a_layernorm", "blk.{}.attn_q_a_norm"},
    {M::kQUp, "layers.{}.self_attn.q_b_proj", "blk.{}.attn_q_b"},
    {M::kKvDown, "layers.{}.self_attn.kv_a_proj_with_mqa", "blk.{}.attn_kv_a_mqa"},
    {M::kKvDownNorm, "layers.{}.self_attn.kv_a_layernorm", "blk.{}.attn_kv_a_norm"},
    {M::kKvUp, "layers.{}.self_attn.kv_b_proj", "blk.{}.attn_kv_b"},
    {M::kRouter, "layers.{}.mlp.gate", "blk.{}.ffn_gate_inp"},
    {M::kExpertGate, "layers.{}.mlp.experts.{}.gate_proj", "blk.{}.ffn_gate.{}"},
    {M::kExpertUp, "layers.{}.mlp.experts.{}.up_proj", "blk.{}.ffn_up.{}"},
    {M::kExpertDown, "layers.{}.mlp.experts.{}.down_proj", "blk.{}.ffn_down.{}"},
    {M::kSharedGate, "layers.{}.mlp.shared_experts.gate_proj", "blk.{}.ffn_gate_shexp"},
    {M::kSharedUp, "layers.{}.mlp.shared_experts.up_proj", "blk.{}.ffn_up_shexp"},
    {M::kSharedDown, "layers.{}.mlp.shared_experts.down_proj", "blk.{}.ffn_down_shexp"},
};

inline constexpr TensorName kBloom[] = {
    {M::kAttnNorm, "h.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQkv, "h.{}.self_attention.query_key_value", "blk.{}.attn_qkv"},
    {M::kO, "h.{}.self_attention.dense", "blk.{}.attn_output"},
    {M::kMlpNorm, "h.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kFc, "h.{}.mlp.dense_h_to_4h", "blk.{}.ffn_up"},
    {M::kDown, "h.{}.mlp.dense_4h_to_h", "blk.{}.ffn_down"},
    {M::kEmbed, "word_embeddings", "token_embd"},
    {M::kEmbedNorm, "word_embeddings_layernorm", "token_embd_norm"},
    {M::kFinalNorm, "ln_f", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

inline constexpr TensorName kPhi3[] = {
    {M::kQkv, "layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv"},
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kGateUp, "layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up"},
};

inline constexpr TensorName kGptNeoX[] = {
    {M::kAttnNorm, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQkv, "layers.{}.attention.query_key_value", "blk.{}.attn_qkv"},
    {M::kO, "layers.{}.attention.dense", "blk.{}.attn_output"},
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kFc, "layers.{}.mlp.dense_h_to_4h", "blk.{}.ffn_up"},
    {M::kDown, "layers.{}.mlp.dense_4h_to_h", "blk.{}.ffn_down"},
    {M::kEmbed, "embed_in", "token_embd"},
    {M::kFinalNorm, "final_layer_norm", "output_norm"},
    {M::kHead, "embed_out", "output"},
    {M::kHead, "lm_head", ""},
};

inline constexpr TensorName kGpt2[] = {
    {M::kAttnNorm, "h.{}.ln_1", "blk.{}.attn_norm"},
    {M::kQkv, "h.{}.attn.c_attn", "blk.{}.attn_qkv"},
    {M::kO, "h.{}.attn.c_proj", "blk.{}.attn_output"},
    {M::kMlpNorm, "h.{}.ln_2", "blk.{}.ffn_norm"},
    {M::kFc, "h.{}.mlp.c_fc", "blk.{}.ffn_up"},
    {M::kDown, "h.{}.mlp.c_proj", "blk.{}.ffn_down"},
    {M::kEmbed, "wte", "token_embd"},
    {M::kPositions, "wpe", "position_embd"},
    {M::kFinalNorm, "ln_f", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

// As transformers 5 keeps them in memory, and as llama.cpp writes them.
inline constexpr FusedName kFusedExperts[] = {
    {M::kExpertGate, "layers.{}.mlp.experts.gate_up_proj", "", 0, 2},
    {M::kExpertUp, "layers.{}.mlp.experts.gate_up_proj", "", 1, 2},
    {M::kExpertDown, "layers.{}.mlp.experts.down_proj", ""},
    {M::kExpertGate, "", "blk.{}.ffn_gate_exps.weight"},
    {M::kExpertUp, "", "blk.{}.ffn_up_exps.weight"},
    {M::kExpertDown, "", "blk.{}.ffn_down_exps.weight"},
};

// input_linear and output_linear are the published ones, where the name of a single expert is ours.
inline constexpr FusedName kFusedGranite[] = {
    {M::kExpertGate, "", "blk.{}.ffn_gate_exps.weight"},
    {M::kExpertUp, "", "blk.{}.ffn_up_exps.weight"},
    {M::kExpertDown, "", "blk.{}.ffn_down_exps.weight"},
    {M::kExpertGate, "layers.{}.block_sparse_moe.input_linear.weight", "", 0, 2},
    {M::kExpertUp, "layers.{}.block_sparse_moe.input_linear.weight", "", 1, 2},
    {M::kExpertDown, "layers.{}.block_sparse_moe.output_linear.weight", ""},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.gate_up_proj", "", 0, 2},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.gate_up_proj", "", 1, 2},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.down_proj", ""},
};

inline constexpr TensorName kQwenMoe[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kRouter, "layers.{}.mlp.gate", "blk.{}.ffn_gate_inp"},
    {M::kExpertGate, "layers.{}.mlp.experts.{}.gate_proj", "blk.{}.ffn_gate.{}"},
    {M::kExpertUp, "layers.{}.mlp.experts.{}.up_proj", "blk.{}.ffn_up.{}"},
    {M::kExpertDown, "layers.{}.mlp.experts.{}.down_proj", "blk.{}.ffn_down.{}"},
    {M::kSharedGate, "layers.{}.mlp.shared_expert.gate_proj", "blk.{}.ffn_gate_shexp"},
    {M::kSharedUp, "layers.{}.mlp.shared_expert.up_proj", "blk.{}.ffn_up_shexp"},
    {M::kSharedDown, "layers.{}.mlp.shared_expert.down_proj", "blk.{}.ffn_down_shexp"},
    {M::kSharedScore, "layers.{}.mlp.shared_expert_gate", "blk.{}.ffn_gate_inp_shexp"},
};

// OLMo 2 has no norms before attention and MLP.
inline constexpr TensorName kPostNorms[] = {
    {M::kAttnPostNorm, "layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm"},
    {M::kMlpPostNorm, "layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"},
};

inline constexpr TensorName kStarCoder2[] = {
    {M::kAttnNorm, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQ, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {M::kK, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {M::kV, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {M::kO, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kFc, "layers.{}.mlp.c_fc", "blk.{}.ffn_up"},
    {M::kDown, "layers.{}.mlp.c_proj", "blk.{}.ffn_down"},
    {M::kEmbed, "embed_tokens", "token_embd"},
    {M::kFinalNorm, "norm", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

inline constexpr TensorName kPhi[] = {
    {M::kAttnNorm, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQ, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {M::kK, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {M::kV, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {M::kQNorm, "layers.{}.self_attn.q_layernorm", "blk.{}.attn_q_norm"},
    {M::kKNorm, "layers.{}.self_attn.k_layernorm", "blk.{}.attn_k_norm"},
    {M::kO, "layers.{}.self_attn.dense", "blk.{}.attn_output"},
    {M::kFc, "layers.{}.mlp.fc1", "blk.{}.ffn_up"},
    {M::kDown, "layers.{}.mlp.fc2", "blk.{}.ffn_down"},
    {M::kEmbed, "embed_tokens", "token_embd"},
    {M::kFinalNorm, "final_layernorm", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

inline constexpr TensorName kOpt[] = {
    {M::kAttnNorm, "decoder.layers.{}.self_attn_layer_norm", "blk.{}.attn_norm"},
    {M::kQ, "decoder.layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {M::kK, "decoder.layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {M::kV, "decoder.layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {M::kO, "decoder.layers.{}.self_attn.out_proj", "blk.{}.attn_output"},
    {M::kMlpNorm, "decoder.layers.{}.final_layer_norm", "blk.{}.ffn_norm"},
    {M::kFc, "decoder.layers.{}.fc1", "blk.{}.ffn_up"},
    {M::kDown, "decoder.layers.{}.fc2", "blk.{}.ffn_down"},
    {M::kEmbed, "decoder.embed_tokens", "token_embd"},
    {M::kPositions, "decoder.embed_positions", "position_embd"},
    {M::kFinalNorm, "decoder.final_layer_norm", "output_norm"},
    {M::kHead, "lm_head", "output"},
    {M::kProjectIn, "decoder.project_in", ""},
    {M::kProjectOut, "decoder.project_out", ""},
};

// BERT, RoBERTa and ELECTRA.
inline constexpr TensorName kBert[] = {
    {M::kQ, "encoder.layer.{}.attention.self.query", "blk.{}.attn_q"},
    {M::kK, "encoder.layer.{}.attention.self.key", "blk.{}.attn_k"},
    {M::kV, "encoder.layer.{}.attention.self.value", "blk.{}.attn_v"},
    {M::kO, "encoder.layer.{}.attention.output.dense", "blk.{}.attn_output"},
    {M::kAttnNorm, "encoder.layer.{}.attention.output.LayerNorm", "blk.{}.attn_output_norm"},
    {M::kFc, "encoder.layer.{}.intermediate.dense", "blk.{}.ffn_up"},
    {M::kDown, "encoder.layer.{}.output.dense", "blk.{}.ffn_down"},
    {M::kMlpNorm, "encoder.layer.{}.output.LayerNorm", "blk.{}.layer_output_norm"},
    {M::kEmbed, "embeddings.word_embeddings", "token_embd"},
    {M::kPositions, "embeddings.position_embeddings", "position_embd"},
    {M::kTokenTypes, "embeddings.token_type_embeddings", "token_types"},
    {M::kEmbedNorm, "embeddings.LayerNorm", "token_embd_norm"},
    {M::kHead, "lm_head.decoder", ""},
    {M::kHead, "cls.predictions.decoder", ""},
    {M::kHead, "generator_lm_head", ""},
    {M::kProjectIn, "embeddings_project", ""},
};

inline constexpr TensorName kMpNet[] = {
    {M::kQ, "encoder.layer.{}.attention.attn.q", ""},
    {M::kK, "encoder.layer.{}.attention.attn.k", ""},
    {M::kV, "encoder.layer.{}.attention.attn.v", ""},
    {M::kO, "encoder.layer.{}.attention.attn.o", ""},
    {M::kRelativeBias, "encoder.relative_attention_bias", ""},
    {M::kAttnNorm, "encoder.layer.{}.attention.LayerNorm", ""},
    {M::kFc, "encoder.layer.{}.intermediate.dense", ""},
    {M::kDown, "encoder.layer.{}.output.dense", ""},
    {M::kMlpNorm, "encoder.layer.{}.output.LayerNorm", ""},
    {M::kEmbed, "embeddings.word_embeddings", ""},
    {M::kPositions, "embeddings.position_embeddings", ""},
    {M::kEmbedNorm, "embeddings.LayerNorm", ""},
    {M::kHead, "lm_head.decoder", ""},
};

inline constexpr TensorName kDistilBert[] = {
    {M::kQ, "transformer.layer.{}.attention.q_lin", ""},
    {M::kK, "transformer.layer.{}.attention.k_lin", ""},
    {M::kV, "transformer.layer.{}.attention.v_lin", ""},
    {M::kO, "transformer.layer.{}.attention.out_lin", ""},
    {M::kAttnNorm, "transformer.layer.{}.sa_layer_norm", ""},
    {M::kFc, "transformer.layer.{}.ffn.lin1", ""},
    {M::kDown, "transformer.layer.{}.ffn.lin2", ""},
    {M::kMlpNorm, "transformer.layer.{}.output_layer_norm", ""},
    {M::kEmbed, "embeddings.word_embeddings", ""},
    {M::kPositions, "embeddings.position_embeddings", ""},
    {M::kEmbedNorm, "embeddings.LayerNorm", ""},
    {M::kHead, "vocab_projector", ""},
};

inline constexpr TensorName kT5Encoder[] = {
    {M::kAttnNorm, "encoder.block.{}.layer.0.layer_norm", "enc.blk.{}.attn_norm"},
    {M::kQ, "encoder.block.{}.layer.0.SelfAttention.q", "enc.blk.{}.attn_q"},
    {M::kK, "encoder.block.{}.layer.0.SelfAttention.k", "enc.blk.{}.attn_k"},
    {M::kV, "encoder.block.{}.layer.0.SelfAttention.v", "enc.blk.{}.attn_v"},
    {M::kRelativeBias, "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "enc.blk.{}.attn_rel_b"},
    {M::kO, "encoder.block.{}.layer.0.SelfAttention.o", "enc.blk.{}.attn_o"},
    {M::kMlpNorm, "encoder.block.{}.layer.1.layer_norm", "enc.blk.{}.ffn_norm"},
    {M::kGate, "encoder.block.{}.layer.1.DenseReluDense.wi_0", "enc.blk.{}.ffn_gate"},
    {M::kUp, "encoder.block.{}.layer.1.DenseReluDense.wi_1", "enc.blk.{}.ffn_up"},
    {M::kFc, "encoder.block.{}.layer.1.DenseReluDense.wi", "enc.blk.{}.ffn_up"},
    {M::kDown, "encoder.block.{}.layer.1.DenseReluDense.wo", "enc.blk.{}.ffn_down"},
    {M::kEmbed, "shared", "token_embd"},
    {M::kEmbed, "encoder.embed_tokens", ""},
    {M::kEmbed, "decoder.embed_tokens", ""},
    {M::kEncoderNorm, "encoder.final_layer_norm", "enc.output_norm"},
    {M::kFinalNorm, "decoder.final_layer_norm", "dec.output_norm"},
    {M::kHead, "lm_head", "output"},
};

inline constexpr TensorName kT5Decoder[] = {
    {M::kAttnNorm, "decoder.block.{}.layer.0.layer_norm", "dec.blk.{}.attn_norm", 1},
    {M::kQ, "decoder.block.{}.layer.0.SelfAttention.q", "dec.blk.{}.attn_q", 1},
    {M::kK, "decoder.block.{}.layer.0.SelfAttention.k", "dec.blk.{}.attn_k", 1},
    {M::kV, "decoder.block.{}.layer.0.SelfAttention.v", "dec.blk.{}.attn_v", 1},
    {M::kRelativeBias, "decoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "dec.blk.{}.attn_rel_b", 1},
    {M::kO, "decoder.block.{}.layer.0.SelfAttention.o", "dec.blk.{}.attn_o", 1},
    {M::kCrossNorm, "decoder.block.{}.layer.1.layer_norm", "dec.blk.{}.cross_attn_norm", 1},
    {M::kCrossQ, "decoder.block.{}.layer.1.EncDecAttention.q", "dec.blk.{}.cross_attn_q", 1},
    {M::kCrossK, "decoder.block.{}.layer.1.EncDecAttention.k", "dec.blk.{}.cross_attn_k", 1},
    {M::kCrossV, "decoder.block.{}.layer.1.EncDecAttention.v", "dec.blk.{}.cross_attn_v", 1},
    {M::kCrossO, "decoder.block.{}.layer.1.EncDecAttention.o", "dec.blk.{}.cross_attn_o", 1},
    {M::kMlpNorm, "decoder.block.{}.layer.2.layer_norm", "dec.blk.{}.ffn_norm", 1},
    {M::kGate, "decoder.block.{}.layer.2.DenseReluDense.wi_0", "dec.blk.{}.ffn_gate", 1},
    {M::kUp, "decoder.block.{}.layer.2.DenseReluDense.wi_1", "dec.blk.{}.ffn_up", 1},
    {M::kFc, "decoder.block.{}.layer.2.DenseReluDense.wi", "dec.blk.{}.ffn_up", 1},
    {M::kDown, "decoder.block.{}.layer.2.DenseReluDense.wo", "dec.blk.{}.ffn_down", 1},
};

}  // namespace deltascape::model::names
