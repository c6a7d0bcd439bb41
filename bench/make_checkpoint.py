#!/usr/bin/env python3
"""make_checkpoint.py OUTDIR --tokenizer DIR: a LLaMA-3.1-8B-shaped checkpoint with random bf16 weights, sharded, 16 GB.

Never more than a piece of one tensor in memory. Weights are uniform with standard deviation 0.02, norms are one. The
tokenizer is another model's whose ids lie below the vocabulary. The shape's options make small ones for a trial.
"""
import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np

DEVIATION = 0.02
PIECE = 1 << 24  # elements


def config_of(args):
    """Meta's config.json of Llama-3.1-8B, with the shape of the options."""
    rope = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
            "rope_type": "llama3"}
    return {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 128000,
            "eos_token_id": 128001, "hidden_act": "silu", "hidden_size": args.hidden, "initializer_range": 0.02,
            "intermediate_size": args.intermediate, "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "llama",
            "num_attention_heads": args.heads, "num_hidden_layers": args.layers, "num_key_value_heads": args.kv_heads,
            "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": rope, "rope_theta": 500000.0,
            "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": args.vocabulary}


def tensors_of(config):
    """(name, shape) in the order of the real checkpoint's layers."""
    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    linears = {"self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (keys, hidden), "self_attn.v_proj": (keys, hidden),
               "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden),
               "mlp.down_proj": (hidden, inner), "input_layernorm": (hidden,), "post_attention_layernorm": (hidden,)}
    out = [("model.embed_tokens.weight", (vocabulary, hidden))]
    for layer in range(config["num_hidden_layers"]):
        out += [(f"model.layers.{layer}.{name}.weight", shape) for name, shape in linears.items()]
    return [*out, ("model.norm.weight", (hidden,)), ("lm_head.weight", (vocabulary, hidden))]


def bytes_of(shape):
    return 2 * int(np.prod(shape, dtype=np.int64))


def shards_of(tensors, most):
    """Tensors packed in order into shards of at most `most` bytes (a larger tensor is a shard of its own)."""
    shards, size = [[]], 0
    for tensor in tensors:
        if shards[-1] and size + bytes_of(tensor[1]) > most:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += bytes_of(tensor[1])
    return shards


def header_of(shard):
    offset, header = 0, {"__metadata__": {"format": "pt"}}
    for name, shape in shard:
        end = offset + bytes_of(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_values(file, shape, chance):
    """The tensor as bf16: the upper halves of float32, which numpy can make."""
    left = int(np.prod(shape, dtype=np.int64))
    scale = np.float32(DEVIATION * 12 ** 0.5 / 2 ** 32)
    while left:
        count = min(left, PIECE)
        if len(shape) == 1:
            values = np.ones(count, np.float32)
        else:
            values = np.frombuffer(chance.bytes(4 * count), "<i4").astype(np.float32)
            values *= scale
        values.view("<u2")[1::2].tofile(file)
        left -= count


def write(args):
    config = config_of(args)
    tensors = tensors_of(config)
    total = sum(bytes_of(shape) for _, shape in tensors)
    args.out.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(args.out).free < total + (1 << 30):
        sys.exit(f"make_checkpoint: {args.out} needs {total / 1e9:.1f} GB and a little more, there is not that much")
    chance = np.random.Generator(np.random.SFC64(args.seed))
    shards = shards_of(tensors, int(args.shard_gb * 1e9))
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        print(f"make_checkpoint: {name}", file=sys.stderr)
        with open(args.out / name, "wb") as file:
            file.write(header_of(shard))
            for tensor, shape in shard:
                write_values(file, shape, chance)
                weight_map[tensor] = name
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (args.out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (args.tokenizer / file).exists():
            shutil.copy(args.tokenizer / file, args.out)
    # Last: a folder with a configuration is a whole checkpoint.
    (args.out / "config.json").write_text(json.dumps(config, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True, help="a folder with tokenizer.json")
    for name, value in {"layers": 32, "hidden": 4096, "intermediate": 14336, "heads": 32, "kv-heads": 8, "vocabulary": 128256,
                        "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--shard-gb", type=float, default=5)
    write(parser.parse_args())


if __name__ == "__main__":
    main()
