"""Owns the list of tiny base models: one value a family feature, small enough to read at a glance."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tiny:
    name: str
    family: str  # transformers' model_type
    tokenizer: str  # a kind of tokenizers_.KINDS
    config: dict
    storage: str = "f32"  # f32 | bf16 | f16 | sharded | bin | fused (experts in one tensor, as transformers 5 has them)
    old_config: bool = False  # field names as published models of 2023-24 have them
    adapters: str = "few"  # which list of adapters it gets: few | all | bias
    gguf: str = ""  # quantisation of the GGUF form; the case's base is then the GGUF file
    extra: tuple = ()  # further cases on the same base: mean, weighted, pre, probes
    rope_freqs: bool = False  # GGUF: llama3 scaling as the tensor rope_freqs.weight
    features: dict = field(default_factory=dict)  # config changes that must change the result, for --check


SMALL = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=False)
WINDOW = 12  # shorter than any probe


def _rope(kind, theta=10000.0, **options):
    return {"rope_type": kind, "rope_theta": theta, **options}


def _no_rope_scaling(theta=10000.0):
    return {"rope_parameters": _rope("default", theta)}


YARN = dict(factor=4.0, original_max_position_embeddings=32)
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
PLAIN = {"plain rope": _no_rope_scaling()}

GEMMA3 = SMALL | dict(
    num_hidden_layers=7, head_dim=20, query_pre_attn_scalar=24, sliding_window=WINDOW, tie_word_embeddings=True,
    hidden_activation="gelu_pytorch_tanh",
    layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2 + ["sliding_attention"],
    rope_parameters={"full_attention": _rope("linear", 50000.0, factor=8.0), "sliding_attention": _rope("default", 1000.0)})

LONG = SMALL | dict(
    max_position_embeddings=1024, original_max_position_embeddings=32, tie_word_embeddings=True,
    rope_parameters=_rope("longrope", 10000.0, partial_rotary_factor=0.75, original_max_position_embeddings=32,
                          short_factor=[1.0, 1.1, 1.2, 1.4, 1.7, 2.1], long_factor=[1.0, 1.3, 2.0, 3.5, 6.0, 11.0]))
LAYER_NORM = {k: v for k, v in SMALL.items() if k != "rms_norm_eps"}
NEOX = {k: v for k, v in LAYER_NORM.items() if k != "num_key_value_heads"} | dict(layer_norm_eps=1e-5)
FALCON = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=8)
T5 = dict(d_model=48, d_kv=10, d_ff=72, num_layers=3, num_decoder_layers=2, num_heads=4, relative_attention_num_buckets=12,
          relative_attention_max_distance=20, decoder_start_token_id=0)
OPT = dict(hidden_size=48, ffn_dim=80, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=256)
ENCODER = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4)
ROBERTA = ENCODER | dict(max_position_embeddings=258, bos_token_id=0, pad_token_id=1, eos_token_id=2, layer_norm_eps=1e-5)
EXPERTS = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=28)
# Limits that some gates reach.
GPT_OSS = SMALL | dict(num_local_experts=5, num_experts_per_tok=2, intermediate_size=28, head_dim=24, sliding_window=WINDOW,
                       swiglu_alpha=1.4, swiglu_limit=0.6, rope_parameters=_rope("yarn", truncate=False, **YARN))
# Chunks and steps of the temperature that are shorter than any probe.
LLAMA4 = SMALL | dict(intermediate_size=28, intermediate_size_mlp=96, head_dim=16, num_local_experts=4, num_experts_per_tok=1,
                      interleave_moe_layer_step=2, no_rope_layer_interval=2, attention_chunk_size=WINDOW, floor_scale=7, attn_scale=0.4,
                      rope_parameters=_rope("llama3", 5000.0, **LLAMA3))
GRANITE_HYBRID = SMALL | dict(
    intermediate_size=28, shared_intermediate_size=40, embedding_multiplier=3.0, attention_multiplier=0.4, residual_multiplier=0.6,
    logits_scaling=4.0, mamba_n_heads=8, mamba_d_head=16, mamba_n_groups=2, mamba_d_state=12, mamba_expand=2, mamba_chunk_size=16,
    layer_types=["linear_attention", "linear_attention", "full_attention", "linear_attention"])
QWEN3_NEXT = SMALL | EXPERTS | dict(
    head_dim=24, shared_expert_intermediate_size=40, norm_topk_prob=True, linear_num_key_heads=2, linear_num_value_heads=4,
    linear_key_head_dim=12, linear_value_head_dim=10, mlp_only_layers=[0], rope_parameters=_rope("default", 10000.0, partial_rotary_factor=0.25),
    layer_types=["linear_attention", "full_attention", "linear_attention", "linear_attention"])

MODELS = [
    Tiny("llama", "llama", "llama3", SMALL | _no_rope_scaling(5000.0), adapters="all",
         extra=("mean", "weighted", "pre", "probes"), features={"rope theta": _no_rope_scaling()}),
    Tiny("llama_linear_old", "llama", "llama2",
         SMALL | dict(num_key_value_heads=4, rope_parameters=_rope("linear", factor=2.5)),
         storage="bf16", old_config=True, features=PLAIN),
    Tiny("llama_dynamic", "llama", "llama3", SMALL | dict(max_position_embeddings=24, rope_parameters=_rope("dynamic", factor=3.0)),
         features=PLAIN),
    Tiny("llama_rope3", "llama", "llama3", SMALL | dict(tie_word_embeddings=True, rope_parameters=_rope("llama3", **LLAMA3)),
         storage="f16", old_config=True, features=PLAIN),
    Tiny("llama_yarn", "llama", "llama3", SMALL | dict(rope_parameters=_rope("yarn", **YARN)),
         features=PLAIN | {"attention factor": {"rope_parameters": _rope("yarn", attention_factor=1.0, **YARN)}}),
    Tiny("llama_yarn_mscale", "llama", "llama3",
         SMALL | dict(rope_parameters=_rope("yarn", mscale=1.4, mscale_all_dim=0.4, beta_fast=24.0, beta_slow=2.0, **YARN)),
         features={"no mscale": {"rope_parameters": _rope("yarn", beta_fast=24.0, beta_slow=2.0, **YARN)},
                   "no beta": {"rope_parameters": _rope("yarn", mscale=1.4, mscale_all_dim=0.4, **YARN)}}),
    Tiny("llama_yarn_factor", "llama", "llama3",
         SMALL | dict(head_dim=32, rope_parameters=_rope("yarn", attention_factor=1.3, truncate=False, **YARN)), old_config=True,
         features={"no attention factor": {"rope_parameters": _rope("yarn", truncate=False, **YARN)},
                   "truncate": {"rope_parameters": _rope("yarn", attention_factor=1.3, **YARN)}}),
    Tiny("llama_biases", "llama", "llama3", SMALL | dict(attention_bias=True, mlp_bias=True, head_dim=24), storage="sharded",
         adapters="bias"),
    Tiny("mistral", "mistral", "llama2", SMALL | dict(sliding_window=WINDOW), storage="bin",
         features={"no window": {"sliding_window": None}, "window + 1": {"sliding_window": WINDOW + 1}}),
    Tiny("qwen2", "qwen2", "qwen2", SMALL | dict(tie_word_embeddings=True, rms_norm_eps=1e-6), adapters="all", extra=("weighted",)),
    Tiny("qwen2_window", "qwen2", "qwen2",
         SMALL | dict(use_sliding_window=True, sliding_window=WINDOW, max_window_layers=2), storage="bf16", old_config=True,
         features={"no window": {"use_sliding_window": False, "layer_types": ["full_attention"] * 4},
                   "all windowed": {"layer_types": ["sliding_attention"] * 4}}),
    Tiny("qwen3", "qwen3", "qwen2", SMALL | dict(head_dim=24, tie_word_embeddings=True)),
    Tiny("gemma", "gemma", "gemma", SMALL | dict(num_key_value_heads=1, head_dim=20, tie_word_embeddings=True), storage="bf16",
         old_config=True),
    Tiny("gemma2", "gemma2", "gemma",
         SMALL | dict(head_dim=20, query_pre_attn_scalar=28, sliding_window=WINDOW, attn_logit_softcapping=2.0,
                      final_logit_softcapping=5.0, tie_word_embeddings=True),
         old_config=True,
         features={"no soft cap": {"attn_logit_softcapping": None}, "no window": {"layer_types": ["full_attention"] * 4},
                   "other parity": {"layer_types": ["full_attention", "sliding_attention"] * 2},
                   "scale": {"query_pre_attn_scalar": 20}}),
    Tiny("gemma3", "gemma3_text", "gemma", GEMMA3, adapters="all", extra=("mean", "pre"),
         features={"no window": {"layer_types": ["full_attention"] * 7}, "scale": {"query_pre_attn_scalar": 20},
                   "no global scaling": {"rope_parameters": GEMMA3["rope_parameters"] | {"full_attention": _rope("default", 50000.0)}},
                   "local base": {"rope_parameters": GEMMA3["rope_parameters"] | {"sliding_attention": _rope("default", 10000.0)}}}),
    Tiny("gemma3_old", "gemma3_text", "gemma",
         {k: v for k, v in GEMMA3.items() if k != "layer_types"} | dict(layer_types=(["sliding_attention"] * 5 + ["full_attention", "sliding_attention"])),
         storage="bf16", old_config=True),
    Tiny("gemma3_capped", "gemma3_text", "gemma", GEMMA3 | dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    Tiny("mixtral", "mixtral", "llama2", SMALL | dict(num_local_experts=5, num_experts_per_tok=2, sliding_window=WINDOW)),
    Tiny("phi3", "phi3", "llama2", SMALL | dict(sliding_window=WINDOW), storage="bf16", features={"no window": {"sliding_window": None}}),
    Tiny("phi3_long", "phi3", "llama2", LONG, storage="sharded",
         features={"plain rope": {"rope_parameters": _rope("default", partial_rotary_factor=0.75)},
                   "long factors": {"rope_parameters": LONG["rope_parameters"] | dict(long_factor=[1.0] * 6)}}),
    Tiny("gpt_neox", "gpt_neox", "qwen2", NEOX | {"rope_parameters": _rope("default", 5000.0, partial_rotary_factor=0.5)}, adapters="bias",
         features={"rotary part": {"rope_parameters": _rope("default", 5000.0, partial_rotary_factor=1.0)},
                   "serial": {"use_parallel_residual": False}}),
    Tiny("gpt_neox_serial", "gpt_neox", "qwen2",
         NEOX | dict(use_parallel_residual=False, attention_bias=False) | {"rope_parameters": _rope("default", partial_rotary_factor=0.25)},
         storage="bf16", old_config=True),
    Tiny("gpt2", "gpt2", "qwen2", dict(n_embd=48, n_layer=3, n_head=4, n_positions=256), adapters="bias"),
    Tiny("gpt2_unscaled", "gpt2", "qwen2", dict(n_embd=48, n_layer=2, n_head=4, n_positions=256, n_inner=80, scale_attn_weights=False,
                                              scale_attn_by_inverse_layer_idx=True),
         features={"scale": {"scale_attn_weights": True}, "by layer": {"scale_attn_by_inverse_layer_idx": False}}),
    Tiny("qwen3_moe", "qwen3_moe", "qwen2", SMALL | EXPERTS | dict(head_dim=24, norm_topk_prob=True, mlp_only_layers=[1])),
    Tiny("qwen2_moe", "qwen2_moe", "qwen2",
         SMALL | EXPERTS | dict(norm_topk_prob=False, shared_expert_intermediate_size=56, decoder_sparse_step=2), storage="bf16"),
    Tiny("smollm3", "smollm3", "llama3", SMALL | dict(no_rope_layer_interval=2, rope_parameters=_rope("default", 50000.0)),
         features={"all layers turn": {"no_rope_layers": [1] * 4}}),
    Tiny("olmo2", "olmo2", "llama3", SMALL),
    Tiny("starcoder2", "starcoder2", "qwen2", LAYER_NORM | dict(norm_epsilon=1e-5, sliding_window=WINDOW, tie_word_embeddings=True),
         features={"no window": {"sliding_window": None}}),
    Tiny("stablelm", "stablelm", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, use_qkv_bias=True, rope_parameters=_rope("default", partial_rotary_factor=0.25))),
    Tiny("stablelm_parallel", "stablelm", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, use_parallel_residual=True, rope_parameters=_rope("default", partial_rotary_factor=0.5))),
    Tiny("granite", "granite", "llama3",
         SMALL | dict(embedding_multiplier=3.0, attention_multiplier=0.4, residual_multiplier=0.6, logits_scaling=4.0),
         features={"residuals": {"residual_multiplier": 1.0}, "scores": {"attention_multiplier": 1.0}}),
    Tiny("phi", "phi", "qwen2", LAYER_NORM | dict(layer_norm_eps=1e-5, rope_parameters=_rope("default", partial_rotary_factor=0.5)),
         adapters="bias"),
    Tiny("cohere", "cohere", "llama3", LAYER_NORM | dict(layer_norm_eps=1e-5, logit_scale=0.3, tie_word_embeddings=True)),
    Tiny("opt", "opt", "qwen2", OPT),
    Tiny("opt_after", "opt", "qwen2", OPT | dict(do_layer_norm_before=False), storage="f16",
         features={"norms before": {"do_layer_norm_before": True}}),
    Tiny("opt_bare", "opt", "qwen2", OPT | dict(layer_norm_elementwise_affine=False, enable_bias=False, word_embed_proj_dim=56), storage="bf16"),
    Tiny("opt_350m", "opt", "qwen2", OPT | dict(do_layer_norm_before=False, word_embed_proj_dim=40), adapters="bias"),
    Tiny("bloom", "bloom", "llama3", dict(hidden_size=48, n_layer=3, n_head=6), adapters="bias"),
    Tiny("bloom_residual", "bloom", "llama3", dict(hidden_size=48, n_layer=3, n_head=6, apply_residual_connection_post_layernorm=True), storage="bf16",
         features={"residual": {"apply_residual_connection_post_layernorm": False}}),
    Tiny("falcon", "falcon", "qwen2", FALCON, adapters="bias", features={"heads": {"multi_query": False}}),
    Tiny("falcon_rw", "falcon", "qwen2", FALCON | dict(alibi=True, bias=True, parallel_attn=False, multi_query=False), adapters="bias",
         features={"rotary": {"alibi": False}}),
    Tiny("falcon_alibi", "falcon", "qwen2", FALCON | dict(num_attention_heads=6, hidden_size=48, alibi=True, tie_word_embeddings=False),
         storage="bf16"),
    Tiny("falcon_40b", "falcon", "qwen2", FALCON | dict(new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=96), storage="bin"),
    Tiny("falcon_11b", "falcon", "qwen2",
         FALCON | dict(new_decoder_architecture=True, num_kv_heads=4, num_ln_in_parallel_attn=1, rope_parameters=_rope("default", 5e5))),
    Tiny("olmo", "olmo", "llama3", LAYER_NORM | dict(clip_qkv=1.5), adapters="bias", features={"no bounds": {"clip_qkv": None}}),
    Tiny("olmoe", "olmoe", "llama3", SMALL | EXPERTS | dict(intermediate_size=28, clip_qkv=1.5)),
    Tiny("phi_qk", "phi", "qwen2",
         LAYER_NORM | dict(layer_norm_eps=1e-5, qk_layernorm=True, rope_parameters=_rope("default", partial_rotary_factor=0.5))),
    Tiny("stablelm_qk", "stablelm", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, qk_layernorm=True, use_parallel_residual=True,
                           rope_parameters=_rope("default", partial_rotary_factor=0.25)), storage="sharded"),
    Tiny("cohere_qk", "cohere", "llama3", LAYER_NORM | dict(layer_norm_eps=1e-5, use_qk_norm=True, tie_word_embeddings=True)),
    Tiny("cohere2", "cohere2", "llama3", LAYER_NORM | dict(layer_norm_eps=1e-5, sliding_window=WINDOW, tie_word_embeddings=True,
                                                           num_hidden_layers=5),
         features={"no window": {"layer_types": ["full_attention"] * 5}}),
    Tiny("smollm3_window", "smollm3", "llama3", SMALL | dict(no_rope_layer_interval=2, use_sliding_window=True, sliding_window=WINDOW),
         old_config=True, features={"no window": {"use_sliding_window": False}}),
    Tiny("qwen2_moe_window", "qwen2_moe", "qwen2",
         SMALL | EXPERTS | dict(shared_expert_intermediate_size=56, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=2),
         old_config=True, features={"no window": {"use_sliding_window": False}}),
    Tiny("qwen3_moe_window", "qwen3_moe", "qwen2", SMALL | EXPERTS | dict(head_dim=24, use_sliding_window=True, sliding_window=WINDOW),
         storage="fused", features={"no window": {"use_sliding_window": False}}),
    Tiny("mixtral_fused", "mixtral", "llama2", SMALL | dict(num_local_experts=5, num_experts_per_tok=2), storage="fused"),
    Tiny("granitemoe", "granitemoe", "llama3",
         SMALL | dict(num_local_experts=5, num_experts_per_tok=3, embedding_multiplier=3.0, attention_multiplier=0.4,
                      residual_multiplier=0.6, logits_scaling=4.0)),
    Tiny("granitemoe_fused", "granitemoe", "llama3", SMALL | dict(num_local_experts=4, num_experts_per_tok=2), storage="fused"),
    Tiny("arcee", "arcee", "llama3", SMALL),
    Tiny("nemotron", "nemotron", "llama3", LAYER_NORM | dict(norm_eps=1e-5, head_dim=24)),
    Tiny("seed_oss", "seed_oss", "llama3", SMALL | dict(head_dim=24), storage="bf16"),
    Tiny("helium", "helium", "llama2", SMALL | dict(head_dim=16)),
    Tiny("glm", "glm", "qwen2", SMALL | dict(head_dim=24)),
    Tiny("glm4", "glm4", "qwen2", SMALL | dict(head_dim=16, rope_parameters=_rope("default", partial_rotary_factor=0.25))),
    Tiny("exaone4", "exaone4", "llama3", SMALL | dict(sliding_window=WINDOW, num_hidden_layers=5),
         features={"no window": {"layer_types": ["full_attention"] * 5}}),
    Tiny("exaone4_full", "exaone4", "llama3", SMALL | dict(sliding_window=None, layer_types=["full_attention"] * 4)),
    Tiny("ernie4_5", "ernie4_5", "llama2", SMALL | dict(head_dim=16, use_bias=True)),
    Tiny("ministral", "ministral", "llama2",
         SMALL | dict(head_dim=16, sliding_window=WINDOW, layer_types=["full_attention", "sliding_attention"] * 2),
         features={"no window": {"layer_types": ["full_attention"] * 4}}),
    Tiny("gpt_oss", "gpt_oss", "llama3", GPT_OSS, features={
        "no window": {"layer_types": ["full_attention"] * 4}, "alpha": {"swiglu_alpha": 1.0}, "limit": {"swiglu_limit": 7.0}}),
    Tiny("llama4", "llama4_text", "llama3", LLAMA4, features={
        "no chunks": {"attention_chunk_size": 8192}, "no temperature": {"attn_temperature_tuning": False}, "no norms": {"use_qk_norm": False}}),
    Tiny("llama4_dense", "llama4_text", "llama3", LLAMA4 | dict(moe_layers=[1], use_qk_norm=False, num_experts_per_tok=2), storage="bf16"),
    Tiny("granite_hybrid", "granitemoehybrid", "llama3", GRANITE_HYBRID | dict(num_local_experts=0), extra=("probes",), features={
        "positions": {"position_embedding_type": "rope"}}),
    Tiny("granite_hybrid_moe", "granitemoehybrid", "llama3",
         GRANITE_HYBRID | dict(num_local_experts=5, num_experts_per_tok=2, position_embedding_type="rope", mamba_proj_bias=True),
         features={"positions": {"position_embedding_type": None}}),
    Tiny("qwen3_next", "qwen3_next", "qwen2", QWEN3_NEXT, extra=("probes",), features={
        "rotary part": {"rope_parameters": _rope("default", 10000.0, partial_rotary_factor=1.0)}}),
    Tiny("qwen3_5", "qwen3_5_text", "qwen2", {k: v for k, v in QWEN3_NEXT.items() if k not in EXPERTS | dict(
        shared_expert_intermediate_size=0, norm_topk_prob=0, mlp_only_layers=0)} | dict(tie_word_embeddings=True), extra=("mean",)),
    Tiny("t5", "t5", "t5", T5 | dict(feed_forward_proj="relu"), extra=("mean", "pre"),
         features={"distance": {"relative_attention_max_distance": 200}}),
    Tiny("flan_t5", "t5", "t5", T5 | dict(num_layers=2, num_decoder_layers=3, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
         storage="bf16", features={"relu": {"feed_forward_proj": "gated-relu"}}),
    Tiny("umt5", "umt5", "t5", T5 | dict(feed_forward_proj="gated-gelu"), storage="sharded"),
    Tiny("mt5", "mt5", "t5", T5 | dict(feed_forward_proj="gated-gelu"), storage="bin"),
    Tiny("bert", "bert", "bert", ENCODER | dict(max_position_embeddings=256), adapters="bias", extra=("mean", "weighted"),
         features={"activation": {"hidden_act": "relu"}}),
    Tiny("roberta", "roberta", "roberta", ROBERTA | dict(type_vocab_size=1), storage="bf16", extra=("mean",)),
    Tiny("xlm_roberta", "xlm-roberta", "roberta", ROBERTA | dict(type_vocab_size=1), storage="bin"),
    Tiny("camembert", "camembert", "roberta", ROBERTA | dict(type_vocab_size=1)),
    Tiny("electra", "electra", "bert", ENCODER | dict(embedding_size=48, max_position_embeddings=256), storage="f16"),
    Tiny("electra_small", "electra", "bert", ENCODER | dict(embedding_size=32, max_position_embeddings=256), extra=("mean",)),
    Tiny("mpnet", "mpnet", "roberta", ROBERTA, extra=("mean",)),
    Tiny("distilbert", "distilbert", "bert", dict(dim=48, hidden_dim=80, n_layers=3, n_heads=4, max_position_embeddings=256),
         storage="sharded", extra=("mean",)),
    Tiny("deepseek_v2", "deepseek_v2", "llama3",
         SMALL | dict(num_key_value_heads=4, kv_lora_rank=20, q_lora_rank=24, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10,
                      n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=28, n_shared_experts=2, first_k_dense_replace=1,
                      topk_method="group_limited_greedy", n_group=4, topk_group=2, routed_scaling_factor=1.7)),
    Tiny("llama_gguf", "llama", "llama3", SMALL | _no_rope_scaling(5000.0), gguf="F32"),
    Tiny("llama3_gguf", "llama", "llama3",
         SMALL | dict(num_key_value_heads=4, tie_word_embeddings=True, rope_parameters=_rope("llama3", **LLAMA3)), gguf="F16",
         rope_freqs=True, features=PLAIN),
    Tiny("qwen2_gguf", "qwen2", "qwen2", SMALL | _no_rope_scaling(), gguf="Q8_0"),
    Tiny("gemma3_gguf", "gemma3_text", "gemma",
         GEMMA3 | dict(head_dim=32, query_pre_attn_scalar=32,
                       layer_types=["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
                       rope_parameters={"full_attention": _rope("linear", 50000.0, factor=8.0), "sliding_attention": _rope("default", 10000.0)}),
         gguf="Q8_0"),
    Tiny("llama_yarn_gguf", "llama", "llama3", SMALL | dict(rope_parameters=_rope("yarn", beta_fast=24.0, beta_slow=2.0, **YARN)), gguf="F32",
         features={"no beta": {"rope_parameters": _rope("yarn", **YARN)}}),
    Tiny("llama_yarn_factor_gguf", "llama", "llama3", SMALL | dict(rope_parameters=_rope("yarn", attention_factor=1.3, **YARN)), gguf="F16"),
    Tiny("gemma3_global_gguf", "gemma3_text", "gemma", GEMMA3 | dict(head_dim=32, query_pre_attn_scalar=32, layer_types=["full_attention"] * 7),
         gguf="F16"),
    Tiny("phi2_gguf", "phi", "qwen2", LAYER_NORM | dict(layer_norm_eps=1e-5, rope_parameters=_rope("default", partial_rotary_factor=0.5)),
         gguf="F32"),
    Tiny("phi3_gguf", "phi3", "llama2", SMALL | dict(sliding_window=WINDOW), gguf="Q8_0"),
    Tiny("phi3_long_gguf", "phi3", "llama2", LONG | dict(sliding_window=None), gguf="F16"),
    Tiny("gpt2_gguf", "gpt2", "qwen2", dict(n_embd=64, n_layer=3, n_head=4, n_positions=256), gguf="Q8_0"),
    Tiny("gpt_neox_gguf", "gpt_neox", "qwen2", NEOX | {"rope_parameters": _rope("default", 5000.0, partial_rotary_factor=0.5)}, gguf="F16"),
    Tiny("falcon_gguf", "falcon", "qwen2", FALCON, gguf="F32"),
    Tiny("falcon_40b_gguf", "falcon", "qwen2", FALCON | dict(new_decoder_architecture=True, num_kv_heads=2), gguf="F16"),
    Tiny("bloom_gguf", "bloom", "llama3", dict(hidden_size=64, n_layer=3, n_head=8), gguf="Q8_0"),
    Tiny("stablelm_gguf", "stablelm", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, use_qkv_bias=True, rope_parameters=_rope("default", partial_rotary_factor=0.25)), gguf="F16"),
    Tiny("stablelm_qk_gguf", "stablelm", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, qk_layernorm=True, use_parallel_residual=True,
                           rope_parameters=_rope("default", partial_rotary_factor=0.25)), gguf="F32"),
    Tiny("olmo_gguf", "olmo", "llama3", LAYER_NORM | dict(clip_qkv=1.5), gguf="F32"),
    Tiny("olmo2_gguf", "olmo2", "llama3", SMALL, gguf="F16"),
    Tiny("olmoe_gguf", "olmoe", "llama3", SMALL | EXPERTS | dict(intermediate_size=28), gguf="F32"),
    Tiny("cohere_gguf", "cohere", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, use_qk_norm=True, logit_scale=0.3, tie_word_embeddings=True), gguf="F16"),
    Tiny("cohere2_gguf", "cohere2", "llama3",
         LAYER_NORM | dict(layer_norm_eps=1e-5, sliding_window=WINDOW, tie_word_embeddings=True, num_hidden_layers=5), gguf="F16"),
    Tiny("granite_gguf", "granite", "llama3",
         SMALL | dict(embedding_multiplier=3.0, attention_multiplier=0.4, residual_multiplier=0.6, logits_scaling=4.0), gguf="F16"),
    Tiny("granitemoe_gguf", "granitemoe", "llama3",
         SMALL | dict(num_local_experts=5, num_experts_per_tok=3, embedding_multiplier=3.0, attention_multiplier=0.4,
                      residual_multiplier=0.6, logits_scaling=4.0), gguf="F16"),
    Tiny("starcoder2_gguf", "starcoder2", "qwen2", LAYER_NORM | dict(norm_epsilon=1e-5, sliding_window=None, tie_word_embeddings=True),
         gguf="F16"),
    Tiny("smollm3_gguf", "smollm3", "llama3", SMALL | dict(num_hidden_layers=5, rope_parameters=_rope("default", 50000.0)), gguf="F32"),
    Tiny("qwen2_moe_gguf", "qwen2_moe", "qwen2",
         SMALL | EXPERTS | dict(moe_intermediate_size=32, shared_expert_intermediate_size=64), gguf="Q8_0"),
    Tiny("qwen2_moe_f16_gguf", "qwen2_moe", "qwen2", SMALL | EXPERTS | dict(shared_expert_intermediate_size=56), gguf="F16"),
    Tiny("qwen3_moe_gguf", "qwen3_moe", "qwen2", SMALL | EXPERTS | dict(head_dim=24, norm_topk_prob=True), gguf="F16"),
    Tiny("mixtral_gguf", "mixtral", "llama2", SMALL | dict(num_local_experts=5, num_experts_per_tok=2), gguf="Q8_0"),
    Tiny("nemotron_gguf", "nemotron", "llama3", LAYER_NORM | dict(norm_eps=1e-5, head_dim=24), gguf="F16"),
    Tiny("arcee_gguf", "arcee", "llama3", SMALL, gguf="F16"),
    Tiny("seed_oss_gguf", "seed_oss", "llama3", SMALL | dict(head_dim=24), gguf="F16"),
]
