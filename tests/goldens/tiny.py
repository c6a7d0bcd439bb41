"""Owns how a tiny model is made: its random weights, and the folder it is saved to."""
import json
import zlib

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM

ENCODERS = ("bert", "roberta", "distilbert", "xlm-roberta", "camembert", "electra", "mpnet")


def loader(family):
    """The class of transformers that reads a family's models, with the head that finetunes of it have."""
    if family in ENCODERS:
        return AutoModel
    return AutoModelForSeq2SeqLM if family in ("t5", "mt5", "umt5") else AutoModelForCausalLM


def same_width(states):
    """Rows narrower than the widest end in zeros (OPT 350M's last are projected)."""
    width = max(h.shape[-1] for h in states)
    return [torch.nn.functional.pad(h, (0, width - h.shape[-1])) for h in states]


def seeded(*names):
    """A generator that depends on the names alone."""
    return torch.Generator().manual_seed(zlib.crc32("/".join(names).encode()))


def randomise(model, name):
    """Every tensor away from its initial value, so that each one matters for the result."""
    gemma = model.config.model_type.startswith("gemma")
    for key, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=seeded(name, key))
        if "relative_attention_bias" in key:
            value.data = noise * 1.5
        elif key.endswith("bias"):
            value.data = noise * 0.3
        elif key.endswith(("A_log", "sinks")) or value.dim() == 3 and "conv1d" in key:
            value.data = noise * 0.5
        elif value.dim() == 1:  # norms
            value.data = noise * 0.25 + (0.0 if gemma else 1.0)
        elif any(word in key for word in ("embed", "lm_head", "wte", "wpe", "shared")):
            value.data = noise * 0.3
        else:
            # q and k larger: attention is then far from uniform, and windows, caps and RoPE bend the result.
            gain = 1.4 if any(word in key for word in ("q_proj", "k_proj", "qkv", "query_key_value", "c_attn")) else 1.2
            if key.endswith("Attention.q.weight"):  # T5 does not scale its scores: q is trained small
                gain = 0.6
            value.data = noise * gain / value.shape[0 if model.config.model_type == "gpt2" else -1] ** 0.5
    return model


def new_model(tiny, vocabulary, changes=None):
    specials = dict(bos_token_id=1, eos_token_id=1, pad_token_id=0)
    config = AutoConfig.for_model(tiny.family, vocab_size=vocabulary, **(specials | tiny.config | (changes or {})))
    return randomise(loader(tiny.family).from_config(config), tiny.name).eval()


def save(model, folder, storage):
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16}.get(storage, torch.float32)
    model.to(dtype)
    model.save_pretrained(folder, max_shard_size="150KB" if storage == "sharded" else "5GB", save_original_format=storage != "fused")
    if storage == "bin":
        state = {k: v.clone() for k, v in model.state_dict().items()}
        if model.config.tie_word_embeddings:
            state.pop("lm_head.weight", None)
        torch.save(state, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()


def age_config(folder, tiny):
    """Rewrites config.json with the field names that models published in 2023 and 2024 have."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    if tiny.family == "gemma3_text":
        whole, local = rope["full_attention"], rope["sliding_attention"]
        config |= {"rope_theta": whole["rope_theta"], "rope_local_base_freq": local["rope_theta"], "sliding_window_pattern": 6}
        rope = whole
    else:
        neox = tiny.family == "gpt_neox"
        config["rotary_emb_base" if neox else "rope_theta"] = rope["rope_theta"]
        if neox:
            config["rotary_pct"] = rope.pop("partial_rotary_factor")
    scaling = {k: v for k, v in rope.items() if k != "rope_theta"}
    config["rope_scaling"] = None
    if scaling["rope_type"] == "linear" and tiny.family == "llama":
        config["rope_scaling"] = {"type": "linear", "factor": scaling["factor"]}
    elif scaling["rope_type"] != "default":
        config["rope_scaling"] = scaling
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
