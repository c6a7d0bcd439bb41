"""Owns tiny GGUF files: llama.cpp's conversion rules for names, permuted q/k, shifted norms, metadata and vocabularies."""
import json

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from .tokenizers_ import KINDS

ARCH = {"gemma3_text": "gemma3", "gpt_neox": "gptneox", "phi": "phi2", "cohere": "command-r", "qwen2_moe": "qwen2moe",
        "qwen3_moe": "qwen3moe", "mixtral": "llama"}  # the others are called as in transformers
# Families whose q and k llama.cpp's converter permutes, or whose norms it adds one to.
PERMUTED = ("llama", "mixtral", "olmo", "granite", "granitemoe", "smollm3", "arcee")
PLUS_ONE = ("gemma3_text", "nemotron")
FUSED = ("bloom", "gpt_neox", "falcon")  # each head's, or group's, q, k and v beside each other


def architecture(family):
    return ARCH.get(family, family)


def names_of(family, layers):
    kind = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture(family))
    return gguf.get_tensor_name_map(kind, layers)


def blocks(array, config):
    """q, k and v by group -> every q, every k, every v."""
    kv = getattr(config, "num_kv_heads", config.num_attention_heads)
    if config.model_type == "falcon" and not config.new_decoder_architecture:
        kv = 1 if config.multi_query else config.num_attention_heads
    dim = config.hidden_size // config.num_attention_heads
    groups = array.reshape(kv, -1, dim, *array.shape[1:])
    return np.concatenate([g.reshape(-1, *array.shape[1:]) for g in (groups[:, :-2], groups[:, -2:-1], groups[:, -1:])])


def groups(array, config):
    """The inverse of blocks()."""
    order = blocks(np.arange(array.shape[0]), config)
    out = np.empty_like(array)
    out[order] = array
    return out


def parts(key, array, config):
    """The tensors that llama.cpp's converter makes of one: (their transformers name, array, the way back)."""
    family = config.model_type
    heads = {"q_proj": config.num_attention_heads, "k_proj": getattr(config, "num_key_value_heads", 0)}.get(key.split(".")[-2])
    if "experts.gate_up_proj" in key:
        half = array.shape[1] // 2
        stem = key.replace("gate_up_proj", "{}_proj").replace("block_sparse_moe", "mlp")
        return [(stem.format("gate") + ".weight", array[:, :half], None), (stem.format("up") + ".weight", array[:, half:], None)]
    if "experts.down_proj" in key:
        return [(key.replace("block_sparse_moe", "mlp") + ".weight", array, None)]
    if family in PERMUTED and heads:
        return [(key, permute(array, heads), lambda a: unpermute(a, heads))]
    if family in PLUS_ONE and key.endswith("norm.weight"):
        return [(key, array + 1, lambda a: a - 1)]
    if family in FUSED and "query_key_value" in key:
        return [(key, blocks(array, config), lambda a: groups(a, config))]
    if family == "gpt2" and array.ndim == 2 and ".h." in key:
        return [(key, array.T, lambda a: a.T)]
    return [(key, array, None)]


def gguf_name(key, names):
    """The name the gguf package has for it, or for what a published checkpoint calls it."""
    published = key.removeprefix("transformer.").replace("block_sparse_moe.router.weight", "block_sparse_moe.router.layer.weight")
    name = next((n for n in (names.get_name(k, try_suffixes=(".weight", ".bias")) for k in (key, published)) if n), None)
    assert name, key
    return name


def permute(weight, heads):
    """llama.cpp's order of rows: halves of a head interleaved (the RoPE of the original weights)."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(weight, heads):
    shape = weight.shape
    return weight.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def write_gguf(model, tiny, tokenizer, path):
    """Writes the file, and puts what it holds after dequantisation back into `model`."""
    config = model.config
    writer = gguf.GGUFWriter(path, architecture(tiny.family))
    writer.add_name(tiny.name)
    _metadata(writer, config, tiny)
    _vocabulary(writer, tiny.tokenizer, tokenizer)
    if tiny.rope_freqs:
        # What the runtime divides each frequency by.
        plain = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, config.head_dim, 2) / config.head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq).float().numpy())
    quantisation = gguf.GGMLQuantizationType[tiny.gguf]
    names = names_of(tiny.family, config.num_hidden_layers)
    for key, value in stack_norms(model.state_dict()).items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        back = []
        for name, array, restore in parts(key, value.float().numpy(), config):
            if name.endswith("shared_expert_gate.weight") and tiny.gguf == "Q8_0":  # as llama-quantize leaves it
                array, restore = array[0], lambda a: a[None]
            kind = quantisation if array.ndim > 1 and "norm" not in name else gguf.GGMLQuantizationType.F32
            stored = gguf.quants.quantize(np.ascontiguousarray(array), kind)
            writer.add_tensor(gguf_name(name, names), stored, raw_dtype=kind)
            read = gguf.quants.dequantize(stored, kind).reshape(array.shape)
            back.append(restore(read) if restore else read)
        value.copy_(torch.from_numpy(np.ascontiguousarray(np.concatenate(back, 1) if len(back) > 1 else back[0])))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def stack_norms(state):
    """StableLM's norms of heads as one tensor [heads, head_dim], which is what its converter writes."""
    out, stacked = {}, {}
    for key, value in state.items():
        stem, _, head = key.partition("layernorm.norms.")
        if head:
            stacked.setdefault(stem + "layernorm.weight", []).append(value)
        else:
            out[key] = value
    return out | {key: torch.stack(rows) for key, rows in stacked.items()}


def _metadata(writer, config, tiny):
    family = tiny.family
    intermediate = next((v for v in (getattr(config, k, None) for k in ("intermediate_size", "ffn_hidden_size", "n_inner")) if v), None)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    kv = getattr(config, "num_kv_heads" if family == "falcon" else "num_key_value_heads", config.num_attention_heads)
    if family == "falcon" and not config.new_decoder_architecture:
        kv = 1 if config.multi_query else config.num_attention_heads
    writer.add_context_length(getattr(config, "max_position_embeddings", 2048))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(intermediate or 4 * config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv([kv] * config.num_hidden_layers if family == "granite" else kv)  # as for Granite 4.0
    if hasattr(config, "rms_norm_eps"):
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    else:
        keys = ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps")
        writer.add_layer_norm_eps(next((getattr(config, k) for k in keys if hasattr(config, k)), 1e-5))
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type({"F32": 0, "F16": 1, "Q8_0": 7}[tiny.gguf])
    if family in ("llama", "gemma3_text", "qwen3_moe", "nemotron", "seed_oss") or getattr(config, "head_dim", None):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    _rotations(writer, config, family, head_dim)
    _experts(writer, config, family)
    if family in ("cohere", "cohere2"):
        writer.add_logit_scale(config.logit_scale)
    if family in ("granite", "granitemoe"):
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if getattr(config, "clip_qkv", None) and family == "olmo":
        writer.add_clamp_kqv(config.clip_qkv)
    if family == "gpt_neox":
        writer.add_parallel_residual(config.use_parallel_residual)
    if family == "stablelm":  # whose files say so whatever they hold
        writer.add_parallel_residual(True)


def _rotations(writer, config, family, head_dim):
    rope = getattr(config, "rope_parameters", None)
    windows = set(getattr(config, "layer_types", None) or []) != {"full_attention"}
    if family in ("gemma3_text", "phi3", "cohere2") and windows and getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if not rope:
        return
    if family == "gemma3_text":
        rope = rope["full_attention"]
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope.get("beta_fast", 32.0))
        writer.add_rope_scaling_yarn_beta_slow(rope.get("beta_slow", 1.0))
        writer.add_rope_scaling_yarn_attn_factor(rope.get("attention_factor", 1.0))
    if family == "phi3" and rope["rope_type"] == "longrope":
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        for which in ("long", "short"):
            writer.add_tensor(f"rope_factors_{which}.weight", np.array(rope[which + "_factor"], np.float32))
    if family not in ("qwen2", "gemma3_text"):
        writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(rope["rope_theta"])


def _experts(writer, config, family):
    count = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None)
    if not count:
        return
    writer.add_expert_count(count)
    writer.add_expert_used_count(config.num_experts_per_tok)
    if family.startswith("qwen"):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if family == "qwen2_moe":
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)


def _vocabulary(writer, kind, tokenizer):
    _, bos, eos, pre = KINDS[kind]
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece for piece, _ in by_id]
    special = {t.content for t in tokenizer.get_added_tokens_decoder().values()}
    types = [gguf.TokenType.UNKNOWN if p == "<unk>" else gguf.TokenType.CONTROL if p in special else
             gguf.TokenType.BYTE if pre is None and p.startswith("<0x") else gguf.TokenType.NORMAL for p in pieces]
    writer.add_tokenizer_model("gpt2" if pre else "llama")
    writer.add_tokenizer_pre(pre or "default")
    writer.add_token_list(pieces)
    if pre:
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        writer.add_token_types(types)
        writer.add_token_merges([" ".join(m) for m in merges])
    else:
        writer.add_token_scores([0.0 if t in (gguf.TokenType.CONTROL, gguf.TokenType.UNKNOWN, gguf.TokenType.BYTE) else -float(i)
                                 for i, t in enumerate(types)])
        writer.add_token_types(types)
        writer.add_add_space_prefix(kind == "llama2")
    if bos:
        writer.add_bos_token_id(tokenizer.token_to_id(bos))
    writer.add_eos_token_id(tokenizer.token_to_id(eos))
    writer.add_add_bos_token(bos is not None)
    writer.add_add_eos_token(False)


def save_dequantised(model, folder):
    model.to(torch.float32).save_pretrained(folder)


# Files of ours that transformers reads to the same weights; it does not know the other families' metadata.
READABLE = ("llama_gguf", "llama3_gguf", "qwen2_gguf", "gemma3_gguf", "falcon_gguf", "bloom_gguf", "stablelm_gguf", "starcoder2_gguf")


def transformers_reads(path):
    """The file as transformers reads it: an independent check of the rules above."""
    return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
