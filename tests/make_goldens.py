#!/usr/bin/env python3
"""Makes tiny random models of every family, adapters of every kind, and what transformers and PEFT make of them.

make_goldens.py OUTDIR [--only NAME] [--check]
Writes OUTDIR/models/NAME/{base,variants…,golden*.npz} and OUTDIR/models/index.json, which lists every case. What is
up to date (same scripts, same library versions) is left alone. --check also changes each feature of a model (a
window, a soft cap, a RoPE option) and fails where the result stays the same.
"""
import argparse
import hashlib
import json
import logging
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
warnings.filterwarnings("ignore")

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from goldens import adapters, gguf_adapters, gguf_files, oracle, tiny as tinies, tokenizers_  # noqa: E402
from goldens.families import MODELS  # noqa: E402

# Custom probes: a line break escape, text longer than the token limit, one short text.
CUSTOM_PROBES = ["Name three rivers.", "First line\\nSecond line, with  two spaces.", "How long is it? " * 60]


def stamp(tiny):
    """What the golden depends on: these scripts, the libraries, the model's own description."""
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for source in [here / "make_goldens.py", *sorted((here / "goldens").glob("*.py"))]:
        if source.name != "families.py":
            digest.update(source.read_bytes())
    versions = [m.__version__ for m in (torch, transformers, peft, np)]
    digest.update(repr((versions, tiny)).encode())
    return digest.hexdigest()


def make_base(tiny, folder):
    """Returns the HF folder the oracle reads and the path that the program is given."""
    hf = folder / ("hf" if tiny.gguf else "base")
    tokenizer = tokenizers_.save_tokenizer(tiny.tokenizer, hf)
    model = tinies.new_model(tiny, tokenizer.get_vocab_size())
    if tiny.gguf:
        path = folder / "base.gguf"
        gguf_files.write_gguf(model, tiny, tokenizer, path)
        gguf_files.save_dequantised(model, hf)
        return hf, path
    tinies.save(model, hf, tiny.storage)
    if tiny.old_config:
        tinies.age_config(hf, tiny)
        aged = oracle.load_base(hf).config.to_dict()
        fresh = model.config.to_dict()
        aged["rope_parameters"].pop("type", None)
        for key in ("rope_parameters", "layer_types"):
            old, new = aged.get(key), fresh.get(key)
            assert old == new, f"{tiny.name}: old and new configs differ in {key}: {old}, {new}"
    return hf, hf


def make_variants(tiny, hf, folder):
    """name -> (kind, zero) of everything that is embedded."""
    made = {}
    for adapter in adapters.adapters_for(tiny):
        adapters.make_adapter(adapter, hf, folder / adapter.name, tiny.name)
        made[adapter.name] = (adapter.kind.lower(), adapter.zero)
    for name in gguf_adapters.make_gguf_adapters(tiny, hf, folder):
        made[name] = ("gguf", False)
    for name in adapters.FULL:
        if not tiny.gguf:
            adapters.make_full(name, hf, folder / name, tiny)
            made[name] = ("full", False)
    return made


def make_refused(tiny, hf, folder):
    rows = []
    for adapter in adapters.REFUSED if tiny.adapters == "all" else adapters.REFUSED_ON.get(tiny.name, []):
        adapters.make_adapter(adapter, hf, folder / "refused" / adapter.name, tiny.name)
        rows.append({"name": adapter.name, "path": f"{tiny.name}/refused/{adapter.name}", "word": adapter.word})
    return rows


def encode(hf, texts):
    tokenizer = AutoTokenizer.from_pretrained(hf)
    ids = [tokenizer(t, truncation=True, max_length=oracle.MAX_TOKENS).input_ids for t in texts]
    plain = tokenizers_.Tokenizer.from_file(str(hf / "tokenizer.json"))
    plain.no_truncation()
    for text, row in zip(texts, ids):
        assert plain.encode(text).ids[:oracle.MAX_TOKENS] == row, f"{hf}: AutoTokenizer and tokenizer.json disagree"
    return ids


def check_effects(tiny, made, embeddings, base_mean):
    for (name, (kind, zero)), rows in zip(made.items(), embeddings):
        size = np.linalg.norm(rows[-1]) / np.linalg.norm(base_mean[-1])
        assert zero == (size == 0), f"{tiny.name}/{name}: relative effect {size}"
        # Through windows alone little of what stands before a probe comes to its last token.
        least = 0 if kind in ("prefix_tuning", "prompt_tuning") else 0.01
        assert zero or least < size < 2.5, f"{tiny.name}/{name}: relative effect {size}"


def check_features(tiny, token_ids):
    """Every feature of the model bends its result: without it the base's hidden state is another."""
    vocabulary = max(max(ids) for ids in token_ids) + 1
    eager = {"attn_implementation": "eager"} if tiny.family == "gemma2" else {}

    def result(changes):
        model = tinies.new_model(tiny, max(vocabulary, 360), changes | eager)
        return oracle.tap(oracle.hidden_states(model, token_ids), "last", False).mean(0)[-1]

    whole = result({})
    for feature, changes in tiny.features.items():
        moved = np.linalg.norm(result(changes) - whole) / np.linalg.norm(whole)
        print(f"  {tiny.name}: {feature} moves the result by {moved:.4f}", flush=True)
        assert moved > 1e-3, f"{tiny.name}: {feature} does not matter"


def check_gguf(tiny, hf, path):
    """transformers reads our file to the weights that the oracle uses."""
    expected = oracle.load_base(hf).state_dict()
    for key, value in gguf_files.transformers_reads(path).state_dict().items():
        torch.testing.assert_close(value, expected[key], atol=2e-7, rtol=0, msg=f"{tiny.name}: {key} differs when read back")


def make(tiny, out, check):
    folder = out / tiny.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hf, base_path = make_base(tiny, folder)
    made = make_variants(tiny, hf, folder)
    token_ids = encode(hf, oracle.PROBES)
    base_probes = oracle.hidden_states(oracle.load_base(hf), token_ids)
    probes = {name: oracle.hidden_states(oracle.load_variant(hf, folder / name), token_ids) for name in made}
    variants = [{"name": n, "path": f"{tiny.name}/{n}", "kind": k, "zero": z} for n, (k, z) in made.items()]
    cases = []

    def case(suffix, base, deltas, ids, chosen, **tap):
        npz = f"golden{suffix}.npz"
        embeddings = oracle.write_golden(folder / npz, base, deltas, ids, tap.get("position", "last"), tap.get("pre", False))
        cases.append({"name": tiny.name + suffix, "family": tiny.family, "base": f"{tiny.name}/{base_path.name}",
                      "npz": f"{tiny.name}/{npz}", "representation": "activations", "position": tap.get("position", "last"),
                      "layer": "L-pre" if tap.get("pre") else "all",
                      "layers": base[0].shape[0] - 2, "probes": tap.get("probes"), "variants": chosen})
        return embeddings

    embeddings = case("", base_probes, probes, token_ids, variants)
    check_effects(tiny, made, embeddings, oracle.tap(base_probes, "last", False).mean(0))
    for extra in tiny.extra:
        if extra == "probes":
            few = {n: v for n, v in list(made.items())[:3]}
            texts = folder / "probes.txt"
            texts.write_text("\n".join(CUSTOM_PROBES) + "\n")
            ids = encode(hf, [t.replace("\\n", "\n") for t in CUSTOM_PROBES])
            deltas = {n: oracle.hidden_states(oracle.load_variant(hf, folder / n), ids) for n in few}
            case("_probes", oracle.hidden_states(oracle.load_base(hf), ids), deltas, ids,
                 [v for v in variants if v["name"] in few], probes=f"{tiny.name}/probes.txt")
        elif extra == "pre":
            case("_pre", base_probes, probes, token_ids, variants, pre=True)
        else:
            case("_" + extra, base_probes, probes, token_ids, variants, position=extra)
    refused = make_refused(tiny, hf, folder)
    if check:
        check_features(tiny, token_ids)
        if tiny.name in gguf_files.READABLE:
            check_gguf(tiny, hf, base_path)
    entry = {"stamp": stamp(tiny), "cases": cases,
             "refused": [row | {"base": f"{tiny.name}/{base_path.name}"} for row in refused]}
    (folder / "case.json").write_text(json.dumps(entry, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--only", action="append", choices=[t.name for t in MODELS], help="this model alone (repeatable)")
    parser.add_argument("--check", action="store_true", help="make everything anew and check that every feature matters")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    out = args.outdir / "models"
    index = {"cases": [], "refused": []}
    for tiny in MODELS:
        entry = out / tiny.name / "case.json"
        wanted = not args.only or tiny.name in args.only
        fresh = entry.exists() and json.loads(entry.read_text())["stamp"] == stamp(tiny)
        if wanted and (args.check or not fresh):
            start = time.monotonic()
            make(tiny, out, args.check)
            print(f"{tiny.name}: {time.monotonic() - start:.1f} s", flush=True)
        if entry.exists():
            made = json.loads(entry.read_text())
            index["cases"] += made["cases"]
            index["refused"] += made["refused"]
    (out / "index.json").write_text(json.dumps(index, indent=1))


if __name__ == "__main__":
    main()
