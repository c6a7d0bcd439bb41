"""Owns tiny GGUF files: llama.cpp's conversion rules for names, permuted q/k, shifted norms, metadata and vocabularies."""
import json

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from .tokenizers_ import KINDS

ARCH = {"llama": "llama", "qwen2": "qwen2", "gemma3_text": "gemma3"}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
INNER = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
NORMS = {"llama": {"post_attention_layernorm": "ffn_norm"}, "qwen2": {"post_attention_layernorm": "ffn_norm"},
         "gemma3_text": {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
                         "post_feedforward_layernorm": "post_ffw_norm"}}


def gguf_name(key, family):
    module, kind = key.rsplit(".", 1)
    if module in OUTER:
        return f"{OUTER[module]}.{kind}"
    _, _, layer, inner = module.split(".", 3)
    return f"blk.{layer}.{(INNER | NORMS[family])[inner]}.{kind}"


def permute(weight, heads):
    """llama.cpp's order of rows: halves of a head interleaved (the RoPE of the original weights)."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(weight, heads):
    shape = weight.shape
    return weight.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def write_gguf(model, tiny, tokenizer, path):
    """Writes the file, and puts what it holds after dequantisation back into `model`."""
    config, family = model.config, tiny.family
    writer = gguf.GGUFWriter(path, ARCH[family])
    writer.add_name(tiny.name)
    _metadata(writer, config, tiny)
    _vocabulary(writer, tiny.tokenizer, tokenizer)
    if tiny.rope_freqs:
        # What the runtime divides each frequency by.
        plain = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, config.head_dim, 2) / config.head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq).float().numpy())
    quantisation = gguf.GGMLQuantizationType[tiny.gguf]
    state = model.state_dict()
    for key, value in state.items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(key.split(".")[-2])
        heads = heads if family == "llama" else None
        array = value.float().numpy()
        array = permute(array, heads) if heads else array
        array = array + 1 if family == "gemma3_text" and "norm" in key else array
        kind = quantisation if array.ndim > 1 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(np.ascontiguousarray(array), kind)
        writer.add_tensor(gguf_name(key, family), stored, raw_dtype=kind)
        back = gguf.quants.dequantize(stored, kind).reshape(array.shape)
        back = back - 1 if family == "gemma3_text" and "norm" in key else back
        state[key].copy_(torch.from_numpy(np.ascontiguousarray(unpermute(back, heads) if heads else back)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _metadata(writer, config, tiny):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type({"F32": 0, "F16": 1, "Q8_0": 7}[tiny.gguf])
    rope = config.rope_parameters
    if tiny.family == "gemma3_text":
        rope = rope["full_attention"]
        writer.add_sliding_window(config.sliding_window)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if tiny.family != "qwen2":
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if tiny.family == "llama":
        writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope["rope_theta"])


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


def transformers_reads(path):
    """The file as transformers reads it: an independent check of the rules above."""
    return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
