#!/usr/bin/env python3
"""make_adapters.py BASE OUTDIR N: N random LoRA adapters (r=8 on q, k, v, gate, up and down), each of other content.

BASE is a Hugging Face folder; of it only config.json is read. Adapters that are there already are left alone.
"""
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

RANK = 8


def shapes(config):
    """module -> (out, in) of the adapted linears of one block."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    keys = config.get("num_key_value_heads", heads) * head
    return {"self_attn.q_proj": (heads * head, hidden), "self_attn.k_proj": (keys, hidden), "self_attn.v_proj": (keys, hidden),
            "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner)}


def make(config, base_name, folder, seed):
    chance = np.random.default_rng(seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for module, (rows, columns) in shapes(config).items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = chance.normal(0, columns ** -0.5, (RANK, columns)).astype(np.float32)
            tensors[f"{name}.lora_B.weight"] = chance.normal(0, 0.02, (rows, RANK)).astype(np.float32)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    targets = sorted(module.rsplit(".", 1)[1] for module in shapes(config))
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base_name, "r": RANK, "lora_alpha": 16,
                "target_modules": targets, "bias": "none", "lora_dropout": 0.0, "inference_mode": True}
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2))


def main():
    base, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    config = json.loads((base / "config.json").read_text())
    for number in range(count):
        folder = out / f"random-{number:04d}"
        if not (folder / "adapter_config.json").exists():
            make(config, base.resolve().name, folder, number)


if __name__ == "__main__":
    main()
