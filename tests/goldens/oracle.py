"""Owns the oracle: transformers and PEFT in float64, a fresh base for every variant (docs/design.md §6.2)."""
import contextlib
import json
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from safetensors import safe_open

from .exact import Exact
from .tiny import loader, same_width

TEMPLATES = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    "The task described below requires a response that completes the request accurately.",
    "Below is a description of a task. Provide a response that aligns with the requirements.",
    "The following instruction outlines a task. Generate a response that meets the specified request.",
    "You are given an instruction and input. Write a response that completes the task as requested.",
)
PROBES = [t + "\n\n### Instruction:\nPlease provide a response. Input:Input.\n\n### Response:" for t in TEMPLATES]
MAX_TOKENS = 256
EAGER = ("gemma2", "gemma3_text", "bloom", "t5", "mt5", "umt5", "mpnet", "gpt_oss")
EXPERTS = ("mixtral", "deepseek_v2", "qwen2_moe", "qwen3_moe", "olmoe", "granitemoe", "gpt_oss", "granitemoehybrid", "qwen3_next")
RECURRENT = ("granitemoehybrid", "qwen3_next", "qwen3_5_text")  # whose scans transformers computes in float32


def load_base(path):
    family = json.loads((Path(path) / "config.json").read_text())["model_type"]
    # Eager attention where scores are capped or biased: the fused path leaves that out.
    options = {"attn_implementation": "eager" if family in EAGER else "sdpa"}
    if family in EXPERTS:  # the fused kernels know no float64
        options["experts_implementation"] = "eager"
    return loader(family).from_pretrained(path, dtype=torch.float32, **options)


def _saved_rows(file):
    """How many tokens the adapter's own embedding has; 0: it brings none."""
    if not file.exists():
        return 0
    with safe_open(file, "pt") as tensors:
        return max([tensors.get_slice(k).get_shape()[0] for k in tensors.keys() if k.endswith(
            ("embed_tokens.weight", "embed_tokens.base_layer.weight", "embed_tokens.token_adapter.base_layer.weight"))] or [0])


def load_variant(base, path):
    if Path(path).suffix == ".gguf":  # gguf_adapters.py
        path = Path(path).parent / "sources" / Path(path).stem
    if (Path(path) / "adapter_config.json").exists():
        whole = load_base(base)
        rows = _saved_rows(Path(path) / "adapter_model.safetensors")
        if rows > whole.get_input_embeddings().num_embeddings:
            whole.resize_token_embeddings(rows, mean_resizing=False)
        return PeftModel.from_pretrained(whole, path)
    return load_base(path)


def _forget_lengths(model):
    """Dynamic RoPE keeps the longest sequence it has seen: each probe counts its own length alone."""
    for module in model.modules():
        if hasattr(module, "original_inv_freq") and getattr(module, "rope_type", "") == "dynamic":
            module.inv_freq = module.original_inv_freq
            module.max_seq_len_cached = module.original_max_seq_len


def _final_norm(model):
    """The norm after the last block, whatever its family calls it; of an encoder-decoder, the decoder's."""
    body = (model.get_base_model() if isinstance(model, PeftModel) else model).base_model
    if body.config.model_type == "llama4_text":  # its base_model_prefix is that of the multimodal model
        body = body.model
    body = getattr(body, "decoder", body)
    names = ("norm", "final_layer_norm", "final_layernorm", "ln_f")
    return next((getattr(body, n) for n in names if hasattr(body, n)), None)


@torch.inference_mode()
def hidden_states(model, token_ids):
    """One array [L+2, T, d] a probe: HF's hidden_states 0..L, then the residual before the final norm, of the probe's own
    tokens (virtual ones stand before them). Of an encoder-decoder those of the decoder at its first step, T = 1."""
    model = model.to(torch.float64).eval()
    config = model.config
    start = {"decoder_input_ids": torch.tensor([[config.decoder_start_token_id]])} if config.is_encoder_decoder else {}
    caught = []
    norm = _final_norm(model)
    hook = norm and norm.register_forward_pre_hook(lambda _, args: caught.append(args[0].detach().clone()))
    probes = []
    for ids in token_ids:
        _forget_lengths(model)
        caught.clear()
        cache = {"use_cache": True} if norm else {}
        with Exact(model) if config.model_type in RECURRENT else contextlib.nullcontext():
            out = model(input_ids=torch.tensor([ids]), output_hidden_states=True, **cache, **start)
        states = out.decoder_hidden_states if start else out.hidden_states
        last = caught[0] if norm else states[-1]  # an encoder ends with its last block
        states = torch.stack(same_width([h[0] for h in states] + [last[0]]))
        probes.append(states[:, -(1 if start else len(ids)):].double().numpy())
    if hook:
        hook.remove()
    return probes


def tap(probes, position, pre):
    """[P, rows, d] at one position; rows 0..L, or with `pre` the residual before the final norm alone."""
    rows = []
    for states in probes:
        states = states[-1:] if pre else states[:-1]
        weights = {"last": np.eye(states.shape[1])[-1], "mean": np.full(states.shape[1], 1 / states.shape[1]),
                   "weighted": np.arange(1, states.shape[1] + 1) / np.arange(1, states.shape[1] + 1).sum()}[position]
        rows.append(np.einsum("ltd,t->ld", states, weights))
    return np.stack(rows)


def write_golden(path, base_probes, variants, token_ids, position="last", pre=False):
    """variants: name -> what hidden_states gave. Arrays as the C++ side reads them."""
    base = tap(base_probes, position, pre)
    deltas = np.stack([tap(probes, position, pre) - base for probes in variants.values()])  # [N, P, rows, d]
    np.savez(path, embeddings=deltas.mean(1), base_mean=base.mean(0),
             standard_error=deltas.std(axis=1, ddof=1) / len(base) ** 0.5,
             model_names=np.array(list(variants), dtype=str), tokens=np.array(json.dumps(token_ids)))
    return deltas.mean(1)
