"""Owns LoRA adapters as llama.cpp stores them: its names, its order of q's and k's rows, its scale, written by the gguf
package. Beside each lies a PEFT adapter with the values that are left in the file: what the oracle runs."""
import json
import re

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

from .adapters import Adapter, LINEARS, make_adapter

ARCH = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "gemma3_text": "gemma3"}
NAMES = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate",
         "up_proj": "ffn_up", "down_proj": "ffn_down"}
PLAIN = Adapter("gguf_linears", dict(target_modules=LINEARS))
MORE = [
    Adapter("gguf_patterns", dict(target_modules=LINEARS, use_rslora=True, rank_pattern={"down_proj": 3, "q_proj": 5},
                                  alpha_pattern={"v_proj": 3})),
    Adapter("gguf_blocks", dict(target_modules=LINEARS, r=32, lora_alpha=20)),
    Adapter("gguf_embedding", dict(target_modules=["embed_tokens", "k_proj"], r=4)),
]
TYPES = {"gguf_patterns": "F16", "gguf_blocks": "Q8_0"}
ON = {"llama": [PLAIN] + MORE, "mistral": [PLAIN], "qwen2": [PLAIN], "gemma3": [PLAIN], "llama_gguf": [PLAIN, MORE[0]]}


def halves_interleaved(b, heads):
    """Row by row: of a head, feature i of the first half, then feature i of the second."""
    half = b.shape[0] // heads // 2
    order = [h * 2 * half + part * half + i for h in range(heads) for i in range(half) for part in (0, 1)]
    return b[order], np.argsort(order)


def make_gguf_adapters(tiny, base, folder):
    """Files folder/NAME.gguf -> their names."""
    for adapter in ON.get(tiny.name, []):
        source = folder / "sources" / adapter.name
        model = make_adapter(adapter, base, source, tiny.name)
        _write(adapter, tiny, model, source, folder / f"{adapter.name}.gguf")
    return [f"{a.name}.gguf" for a in ON.get(tiny.name, [])]


def _write(adapter, tiny, model, source, path):
    config, base = json.loads((source / "adapter_config.json").read_text()), model.get_base_model().config
    kind = gguf.GGMLQuantizationType[TYPES.get(adapter.name, "F32")]
    uniform = not config["rank_pattern"] and not config["alpha_pattern"] and not config["use_rslora"]
    writer = gguf.GGUFWriter(path, ARCH[tiny.family])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", config["lora_alpha"] if uniform else 0.0)
    writer.add_string("general.base_model.0.name", f"tiny/{tiny.name}")
    tensors = load_file(source / "adapter_model.safetensors")
    for key in [k for k in tensors if "lora_A" in k or "lora_embedding_A" in k]:
        embedding, other = "lora_embedding_A" in key, re.sub("lora_(embedding_)?A", r"lora_\1B", key)
        module = key.split(".lora_")[0].split(".")
        a, b = tensors[key].astype(np.float32), tensors[other].astype(np.float32)
        scale = 1.0 if uniform else _scale(model, ".".join(module))
        b = b * np.float32(scale)
        heads = {"q_proj": base.num_attention_heads, "k_proj": base.num_key_value_heads}.get(module[-1])
        back = slice(None)
        if heads and ARCH[tiny.family] == "llama":
            b, back = halves_interleaved(b, heads)
        name = "token_embd" if embedding else f"blk.{module[module.index('layers') + 1]}.{NAMES[module[-1]]}"
        a = np.ascontiguousarray(a.T) if embedding else a
        left = []
        for array, suffix in ((a, "lora_a"), (np.ascontiguousarray(b), "lora_b")):
            stored = gguf.quants.quantize(array, kind)
            writer.add_tensor(f"{name}.weight.{suffix}", stored, raw_dtype=kind)
            left.append(gguf.quants.dequantize(stored, kind).reshape(array.shape))
        tensors[key] = np.ascontiguousarray(left[0].T if embedding else left[0])
        tensors[other] = np.ascontiguousarray(left[1][back] / np.float32(scale))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(tensors, source / "adapter_model.safetensors", metadata={"format": "pt"})


def _scale(model, path):
    return model.get_submodule(path).scaling["default"]
