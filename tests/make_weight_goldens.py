#!/usr/bin/env python3
"""Makes what representations of weights give, by numpy on changes that are formed: PEFT's merge_and_unload() in float64
minus the base.

make_weight_goldens.py OUTDIR
Takes the cases of make_goldens.py in OUTDIR/models and writes OUTDIR/weights/{NAME.npz,index.json}. What is up to date
is left alone.
"""
import argparse
import hashlib
import json
import logging
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from goldens import oracle  # noqa: E402
from goldens.tiny import seeded  # noqa: E402
from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

# name of a case of make_goldens.py -> of which variants all tensors are compared too: where the base is tied, of full
# finetunes, since adapters may change one end alone.
CASES = {"llama": "", "llama_biases": "", "gpt2": "full", "mixtral": "", "t5": "full", "gemma3": "full"}
VIRTUAL = ("PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING")
FRACTION, RANK = 0.02, 4
BLOCKS = (".layers.", ".h.", ".block.")


def tensors(model):
    """name -> a list of matrices in float64. Experts in one tensor are taken apart."""
    out = {}
    for name, value in model.named_parameters():
        value = value.detach().double().numpy()
        if value.ndim < 3:
            out[name] = [np.atleast_2d(value)]
        elif "gate_up" in name:
            out[name] = [half for expert in value for half in np.split(expert, 2)]
        else:
            out[name] = list(value)
    return out


def is_linear(name, value):
    return (any(b in name for b in BLOCKS) and min(value.shape) > 1 and not name.endswith("bias")
            and "relative_attention_bias" not in name)


def change(base, variant, name):
    """Of the rows that both have; zeros where the variant has no such tensor, and the whole where the base has none."""
    before, after = base.get(name), variant.get(name)
    if after is None:
        return [np.zeros_like(b) for b in before]
    if before is None:
        return after
    out = []
    for b, a in zip(before, after):
        d = np.zeros_like(b)
        rows = min(len(a), len(b))
        d[:rows] = a[:rows] - b[:rows]
        out.append(d)
    return out


def merged(base, path):
    model = oracle.load_variant(base, path).to(torch.float64)
    return tensors(model.merge_and_unload() if isinstance(model, PeftModel) else model)


def flat(deltas):
    return np.concatenate([d.ravel() for name in sorted(deltas) for d in deltas[name]])


def masks(vectors, wanted):
    """Masks of the largest entries, and how many lie so near to the smallest of them that rounding may choose."""
    out, near = [], []
    for v in vectors:
        size = np.abs(v)
        order = np.argsort(-size, kind="stable")[:wanted]
        mask = np.zeros(len(v), dtype=bool)
        mask[order] = size[order] > 0
        least = size[order[-1]]
        near.append(np.sum(np.abs(size - least) <= 1e-6 * least) - 1 if least > 0 else 0)
        out.append(mask)
    return np.array(out), np.array(near)


def directions(deltas, rank):
    """By matrix: U √Σ and V √Σ."""
    out = []
    for name in sorted(deltas):
        for d in deltas[name]:
            u, s, vt = np.linalg.svd(d, full_matrices=False)
            keep = min(rank, int(np.sum(s > 1e-9 * max(s[0], 1e-30))))
            root = np.sqrt(s[:keep])
            out.append((u[:, :keep] * root, vt[:keep].T * root))
    return out


def subspaces(one, other):
    return sum(np.sum((l.T @ m) ** 2) + np.sum((r.T @ s) ** 2) for (l, r), (m, s) in zip(one, other)) / 2


def gram(items, product):
    out = np.empty((len(items), len(items)))
    for i, a in enumerate(items):
        for j, b in enumerate(items[: i + 1]):
            out[i, j] = out[j, i] = product(a, b)
    return out


def make(folder, models, case, all_of):
    base_path = models / case["base"]
    base = tensors(oracle.load_base(base_path).to(torch.float64))
    names, linears, alls, refused = [], [], [], []
    keys = {k for k, v in base.items() if is_linear(k, v[0])}
    for v in case["variants"]:
        path = models / v["path"]
        if path.suffix == ".gguf":
            continue
        config = path / "adapter_config.json"
        if config.exists() and json.loads(config.read_text())["peft_type"] in VIRTUAL:
            refused.append(v)
            continue
        after = merged(base_path, path)
        names.append(v["name"])
        linears.append({k: change(base, after, k) for k in keys})
        if v["name"].startswith(all_of):
            alls.append((v["name"], {k: change(base, after, k) for k in base.keys() | after.keys()}))
    vectors = np.stack([flat(d) for d in linears])
    chosen, near = masks(vectors, int(round(FRACTION * vectors.shape[1])))
    out = dict(model_names=np.array(names, dtype=str), flattened=vectors @ vectors.T,
               salient=(chosen.astype(np.int64) @ chosen.T).astype(np.float64), near=near.astype(np.float64),
               canonical=gram([directions(d, RANK) for d in linears], subspaces),
               canonical_whole=gram([directions(d, 4096) for d in linears], subspaces))
    keys = set().union(*(d for _, d in alls))
    out["all_names"] = np.array([n for n, _ in alls], dtype=str)
    out["all"] = gram([d for _, d in alls], lambda a, b: sum(
        np.sum(x * y) for k in keys if k in a and k in b for x, y in zip(a[k], b[k])))
    np.savez(folder / (case["name"] + ".npz"), **out)
    kept = [dict(v, path="../models/" + v["path"]) for v in case["variants"] if v["name"] in names]
    return dict(name=case["name"], base="../models/" + case["base"], npz=case["name"] + ".npz", variants=kept,
                refused=[dict(v, path="../models/" + v["path"]) for v in refused])


def edited(source, folder, change, **config):
    """A copy of an adapter with other tensors, A [r, in] and B [out, r] of each module, and another configuration."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    file, settings = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    tensors = load_file(file)
    for a in [k for k in tensors if "lora_A" in k]:
        b = a.replace("lora_A", "lora_B")
        tensors[a], tensors[b] = (t.float().contiguous() for t in change(a, tensors[a].double(), tensors[b].double()))
    save_file(tensors, file, metadata={"format": "pt"})
    settings.write_text(json.dumps(json.loads(settings.read_text()) | config))


def make_relatives(models, folder):
    """Other forms of two adapters of the LLaMA base, and models that it has no place for."""
    base, source = models / "llama/base", models / "llama/lora_rs"
    rank = json.loads((source / "adapter_config.json").read_text())["r"]

    def mixed(name, a, b):
        m = torch.randn(len(a), len(a), generator=seeded(name), dtype=torch.float64) + 3 * torch.eye(len(a))
        return torch.linalg.solve(m, a), b @ m

    def padded(name, a, b):  # rsLoRA divides by the root of the rank
        wide = torch.zeros(len(b), len(a), dtype=torch.float64)
        return torch.cat([a, torch.randn(a.shape, generator=seeded(name), dtype=torch.float64)]), torch.cat([b * 2**0.5, wide], 1)

    edited(source, folder / "mixed", mixed)
    edited(source, folder / "padded", padded, r=2 * rank)
    edited(source, folder / "turned", lambda _, a, b: (a, -2 * b))
    edited(source, folder / "not_a_number", lambda _, a, b: (a * float("nan"), b))
    for name in ("lora_rs", "dora"):
        oracle.load_variant(base, models / "llama" / name).merge_and_unload().save_pretrained(folder / ("merged_" + name))
    config = AutoConfig.from_pretrained(base)
    config.intermediate_size += 8
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "other_width")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    out = parser.parse_args().outdir
    logging.disable(logging.WARNING)
    models, folder = out / "models", out / "weights"
    index = json.loads((models / "index.json").read_text())
    stamp = hashlib.sha256(Path(__file__).read_bytes() + (models / "index.json").read_bytes()).hexdigest()
    done = folder / "index.json"
    if done.exists() and json.loads(done.read_text())["stamp"] == stamp:
        return
    folder.mkdir(parents=True, exist_ok=True)
    cases = [make(folder, models, c, CASES[c["name"]]) for c in index["cases"] if c["name"] in CASES]
    make_relatives(models, folder)
    done.write_text(json.dumps(dict(stamp=stamp, fraction=FRACTION, rank=RANK, cases=cases), indent=1))


if __name__ == "__main__":
    main()
