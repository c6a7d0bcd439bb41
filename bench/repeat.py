#!/usr/bin/env python3
"""One `embed` many times beside a busy process, and in other orders, chunks, thread counts and companies: are the arrays
equal, bit for bit?

repeat.py --program build/release/deltascape --base HF_DIR [--runs 50] [--precisions delta,fp32]
The variants are of every kind that the engine executes in its own way (bench/make_mixture.py). One JSON and one table;
exit code 1 when a repeated run differs at all, or another arrangement by more than docs/design.md §6.3 allows: 1e-3 of
the embedding in delta, 1e-6 of the base's hidden state in fp32.
"""
import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from busy import busy
from pinned import HERE, cores, embed


def arrays(args, precision, models, on, *options):
    """Embeddings by name, float32, and the base's norm: all layers' last rows."""
    out = args.work / "repeat.npz"
    embed(args.program, args.base, out, models, on, precision, *options)
    with np.load(out, allow_pickle=False) as found:
        rows = json.loads(str(found["probe_info"]))["rows"]
        norms = [row["norm"] / row["relative_norm"] for row in rows if row["relative_norm"]]
        return dict(zip(map(str, found["model_names"]), found["embeddings"])), max(norms)


def compare(found, expected, base_norm):
    """How many variants are bit-equal, and the worst distance relative to the embedding and to the base."""
    distances = {name: float(np.linalg.norm((row - expected[name]).astype(np.float64))) for name, row in found.items()}
    worst = max(distances, key=distances.get)
    return {"variants": len(found), "equal": sum(np.array_equal(row, expected[name]) for name, row in found.items()),
            "of_embedding": max(d / float(np.linalg.norm(expected[name])) for name, d in distances.items()),
            "of_base": max(distances.values()) / base_norm, "worst": worst}


def arrangements(args, models, on):
    """Name -> (models, cores, options)."""
    shuffled = models[:]
    random.Random(5).shuffle(shuffled)
    one = cores(1)
    out = {"reversed": (models[::-1], on, ()), "shuffled": (shuffled, on, ()), "one thread": (models, one, ()),
           "reversed, one thread": (models[::-1], one, ())}
    for memory in ("150MiB", "300MiB"):
        out[f"--memory {memory}"] = (models, on, ("--memory", memory))
    out["half of them"] = (models[::2], on, ())
    out["the other half"] = (models[1::2], one, ())
    return out | {f"alone: {Path(model).name}": ([model], on, ()) for model in models}


def measure(args, precision, models, on):
    expected, base_norm = arrays(args, precision, models, on)
    repeated = []
    with busy(on, True):
        for _ in range(args.runs):
            repeated.append(compare(arrays(args, precision, models, on)[0], expected, base_norm))
    rows = {f"{args.runs} runs beside a busy process": {
        "variants": len(models), "equal": min((r["equal"] for r in repeated), default=len(models)),
        "of_embedding": max((r["of_embedding"] for r in repeated), default=0),
        "of_base": max((r["of_base"] for r in repeated), default=0)}}
    for name, (some, there, options) in arrangements(args, models, on).items():
        rows[name] = compare(arrays(args, precision, some, there, *options)[0], expected, base_norm)
    return rows


def fails(precision, name, row):
    if " runs " in name:
        return row["equal"] < row["variants"]
    return row["of_embedding"] > 1e-3 if precision == "delta" else row["of_base"] > 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--base", required=True)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--precisions", default="delta,fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/repeat.json"))
    args = parser.parse_args()
    folder = args.work / "mixture"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, HERE / "make_mixture.py", args.base, folder], check=True)
    models = sorted(str(path) for path in folder.iterdir() if path.is_dir())
    result = {p: measure(args, p, models, cores(args.threads)) for p in args.precisions.split(",")}
    args.out.write_text(json.dumps(result, indent=1))
    print("| precision | arrangement | bit-equal | of the embedding | of the base's state |\n|---|---|---|---|---|")
    for precision, rows in result.items():
        for name, row in rows.items():
            print(f"| {precision} | {name} | {row['equal']} of {row['variants']} | {row['of_embedding']:.1e} | "
                  f"{row['of_base']:.1e} |{' FAILS' if fails(precision, name, row) else ''}")
    return int(any(fails(p, name, row) for p, rows in result.items() for name, row in rows.items()))


if __name__ == "__main__":
    sys.exit(main())
