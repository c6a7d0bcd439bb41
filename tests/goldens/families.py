"""Owns the list of tiny base models: one value a family feature, small enough to read at a glance."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tiny:
    name: str
    family: str  # transformers' model_type
    tokenizer: str  # a kind of tokenizers_.KINDS
    config: dict
    storage: str = "f32"  # f32 | bf16 | f16 | sharded | bin
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
]
