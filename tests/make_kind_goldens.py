#!/usr/bin/env python3
"""Makes the common kinds of adapters on one tiny model of every family, and what transformers and PEFT make of them.

make_kind_goldens.py OUTDIR [--only FAMILY]
Takes the bases that make_goldens.py made in OUTDIR/models and writes OUTDIR/kinds/NAME/{variants…,golden.npz} and
OUTDIR/kinds/index.json in that script's form. A family that is added there comes here by itself: the names of its
modules are read off the model. What is up to date (same base, same scripts) is left alone.
"""
import argparse
import contextlib
import copy
import hashlib
import json
import logging
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import make_goldens  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from goldens import adapters, oracle  # noqa: E402
from goldens.adapters import Adapter  # noqa: E402
from goldens.families import MODELS  # noqa: E402

def bases():
    """The first tiny model of every family; a GGUF file is another form of one."""
    first = {}
    for tiny in MODELS:
        if not tiny.gguf:
            first.setdefault(tiny.family, tiny)
    return list(first.values())


@contextlib.contextmanager
def loaded_once(hf):
    """Every variant still gets a base of its own, but from memory: reading it takes longer than all that is computed."""
    kept = oracle.load_base
    model = kept(hf)
    oracle.load_base = adapters.load_base = lambda _: copy.deepcopy(model)
    try:
        yield model
    finally:
        oracle.load_base = adapters.load_base = kept


def saved_modules(tiny, model):
    norm = oracle._final_norm(model)
    if norm is None:  # an encoder ends with its last block
        return adapters.SAVED[tiny.family][:1]
    return [next(name for name, module in model.named_modules() if module is norm).rsplit(".", 1)[-1]]


def kinds_for(tiny, model):
    targets = adapters.TARGETS.get(tiny.family, adapters.LINEARS)
    fan = dict(fan_in_fan_out=True) if tiny.family == "gpt2" else {}
    return [
        Adapter("rslora", dict(target_modules=targets, use_rslora=True, lora_alpha=5, **fan)),
        Adapter("dora", dict(target_modules=targets, use_dora=True, **fan)),
        Adapter("saved", dict(target_modules=targets[:1], modules_to_save=saved_modules(tiny, model), **fan)),
        Adapter("ia3", dict(target_modules=targets, feedforward_modules=targets[-1:], **fan), kind="IA3"),
        Adapter("loha", dict(target_modules=targets), kind="LOHA"),
        Adapter("lokr", dict(target_modules=targets), kind="LOKR"),
        Adapter("tokens", dict(token_indices=adapters.TOKENS), kind="TRAINABLE_TOKENS"),
    ]


def stamp(tiny, models):
    """What the golden depends on: the base's own stamp, which covers the shared scripts, and this one."""
    base = json.loads((models / tiny.name / "case.json").read_text())["stamp"]
    return hashlib.sha256(Path(__file__).read_bytes() + base.encode()).hexdigest()


def make(tiny, models, out):
    folder = out / tiny.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hf = models / tiny.name / "base"
    token_ids = make_goldens.encode(hf, oracle.PROBES)
    deltas, variants = {}, []
    with loaded_once(hf) as model:
        base = oracle.hidden_states(oracle.load_base(hf), token_ids)
        for adapter in kinds_for(tiny, model):
            try:
                adapters.make_adapter(adapter, hf, folder / adapter.name, tiny.name)
            except (ValueError, TypeError, NotImplementedError) as refused:  # docs/coverage.md then has an empty cell
                print(f"{tiny.name}: PEFT makes no {adapter.name}: {str(refused)[:100]}", flush=True)
                continue
            deltas[adapter.name] = oracle.hidden_states(oracle.load_variant(hf, folder / adapter.name), token_ids)
            variants.append({"name": adapter.name, "path": f"{tiny.name}/{adapter.name}", "kind": adapter.kind.lower(), "zero": False})
    embeddings = oracle.write_golden(folder / "golden.npz", base, deltas, token_ids)
    hidden = np.linalg.norm(oracle.tap(base, "last", False).mean(0)[-1])
    for name, rows in zip(deltas, embeddings):
        size = np.linalg.norm(rows[-1]) / hidden
        assert 1e-4 < size < 10, f"{tiny.name}/{name}: relative effect {size}"
    case = {"name": tiny.name + "_kinds", "family": tiny.family, "base": f"../models/{tiny.name}/base",
            "npz": f"{tiny.name}/golden.npz", "position": "last", "layer": "all", "probes": None, "variants": variants}
    (folder / "case.json").write_text(json.dumps({"stamp": stamp(tiny, models), "cases": [case]}, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--only", action="append", help="this family alone (repeatable)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    models, out = args.outdir / "models", args.outdir / "kinds"
    index = {"cases": []}
    for tiny in bases():
        entry = out / tiny.name / "case.json"
        fresh = entry.exists() and json.loads(entry.read_text())["stamp"] == stamp(tiny, models)
        if not fresh and (not args.only or tiny.family in args.only):
            start = time.monotonic()
            make(tiny, models, out)
            print(f"{tiny.name}: {time.monotonic() - start:.1f} s", flush=True)
        if entry.exists():
            index["cases"] += json.loads(entry.read_text())["cases"]
    out.mkdir(exist_ok=True)
    (out / "index.json").write_text(json.dumps(index, indent=1))


if __name__ == "__main__":
    main()
