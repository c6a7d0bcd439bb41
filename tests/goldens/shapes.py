"""Owns the tiny models that show what a block may be: experts, latent attention, ALiBi, an encoder with a decoder."""
import torch

from .families import MODELS, SMALL, Tiny
from .tiny import seeded

MOE = {k: v for k, v in SMALL.items() if k != "num_hidden_layers"} | dict(num_hidden_layers=3)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 1.4,
        "mscale_all_dim": 0.4}
MLA = MOE | dict(num_key_value_heads=4, kv_lora_rank=20, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8,
                 num_experts_per_tok=3, moe_intermediate_size=28)
T5 = dict(d_model=48, d_kv=10, d_ff=72, num_layers=3, num_decoder_layers=2, num_heads=4, relative_attention_num_buckets=8,
          relative_attention_max_distance=12, decoder_start_token_id=0)

SHAPES = [
    Tiny("mixtral", "mixtral", "", MOE | dict(num_local_experts=5, num_experts_per_tok=2)),
    Tiny("mixtral_window", "mixtral", "", MOE | dict(num_local_experts=4, num_experts_per_tok=3, sliding_window=6), storage="sharded"),
    Tiny("deepseek_v2", "deepseek_v2", "",
         MLA | dict(q_lora_rank=24, topk_method="group_limited_greedy", n_group=4, topk_group=2, n_shared_experts=2,
                    first_k_dense_replace=1, routed_scaling_factor=1.7, rope_parameters=YARN)),
    Tiny("deepseek_v2_lite", "deepseek_v2", "", MLA | dict(q_lora_rank=None, n_shared_experts=1, attention_bias=True)),
    Tiny("bloom", "bloom", "", dict(hidden_size=48, n_layer=3, n_head=6)),
    Tiny("bloom_8", "bloom", "", dict(hidden_size=48, n_layer=2, n_head=8), storage="bf16"),
    Tiny("t5", "t5", "", T5 | dict(feed_forward_proj="relu")),
    Tiny("t5_gated", "t5", "", T5 | dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
]
# Families that `embed` runs: the differentiable execution and decoding have to give the same for them.
EMBEDDED = [m for m in MODELS if m.name in ("llama", "llama_dynamic", "llama_yarn", "llama_biases", "mistral", "qwen2", "qwen3",
                                            "gemma", "gemma2", "gemma3", "phi3", "gpt_neox", "gpt2", "qwen2_moe", "smollm3", "olmo2",
                                            "granite", "phi", "opt", "opt_350m", "falcon_rw", "falcon_40b", "olmo", "cohere2",
                                            "cohere_qk", "phi_qk", "nemotron", "glm4", "granitemoe", "gpt_oss", "llama4",
                                            "granite_hybrid", "granite_hybrid_moe", "qwen3_next", "qwen3_5")]


def randomise(model, name):
    """Every tensor away from its initial value, so that each one matters for the result."""
    for key, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=seeded(name, key))
        if key.endswith("bias"):
            value.data = noise * 0.3
        elif value.dim() == 1:  # norms
            value.data = noise * 0.25 + (0.0 if name.startswith("gemma") else 1.0)
        elif "relative" in key:
            value.data = noise * 1.5
        elif "embed" in key or "wte" in key or "wpe" in key or "lm_head" in key or "shared.weight" in key:
            value.data = noise * 0.3
        else:
            # T5 does not scale its scores: q is trained small.
            value.data = noise * (0.4 if key.endswith("Attention.q.weight") else 1.2) / value.shape[-1] ** 0.5
    return model
