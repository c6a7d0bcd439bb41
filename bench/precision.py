#!/usr/bin/env python3
"""How accurate each precision is: real adapters, and the same ones at a hundredth of their strength.

precision.py --base HF_DIR [--adapters ../shared/pool] [--reference F.npz]
Beside ours stands plain bfloat16, a model as transformers loads it (peers/strong_hf.py). The oracle is our own fp64;
--reference (embeddings [N, layers + 1, hidden] by transformers in float64, as ../shared/pool/golden.npz) says how good
the oracle is. Fails when `delta` misses what it promises.
"""
import argparse
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from pinned import HERE, embeddings

PRECISIONS = ("fp32", "delta")
PLAIN = "plain bf16"
PROMISED = {"error": 5e-3, "cosine": 0.9999}  # of delta


def weakened(adapters, folder, factor=100):
    """Copies of adapters whose lora_alpha is divided by `factor`."""
    for source in adapters:
        shutil.copytree(source, folder / source.name, dirs_exist_ok=True)
        config = json.loads((source / "adapter_config.json").read_text())
        config["lora_alpha"] /= factor
        (folder / source.name / "adapter_config.json").write_text(json.dumps(config, indent=2))
    return [folder / source.name for source in adapters]


def output(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"precision: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def embed(args, adapters, layer, precision):
    """(embeddings [N, hidden], relative norms by name)."""
    out = args.work / f"precision-{precision}.npz"
    command = [args.program, "embed", "--json", "--base", args.base, "--precision", precision, "--layer", layer, "--out", out,
               *adapters]
    stored = json.loads(output(command))["stored"]
    return embeddings(out), {row["name"]: row["relative_norm"] for row in stored}


def plain(args, adapters, layer):
    """What transformers and PEFT give in bfloat16: [N, hidden]."""
    out = args.work / "precision-plain.npz"
    layers = json.loads((args.base / "config.json").read_text())["num_hidden_layers"]
    row = [] if layer == "last" else ["--row", row_of(layer, layers)]
    output([sys.executable, HERE / "peers/strong_hf.py", "--dtype", "bfloat16", *row, args.base, out, *adapters])
    return embeddings(out)


def error_and_cosine(got, wanted):
    error = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
    return {"error": error, "cosine": float(got @ wanted / np.linalg.norm(got) / np.linalg.norm(wanted))}


def row_of(layer, layers):
    return layers if layer == "last" else math.floor(float(layer) * layers + 0.5)


def reference_rows(args, layer):
    if not args.reference:
        return None
    rows = embeddings(args.reference)  # [N, layers + 1, hidden]
    return rows[:, row_of(layer, rows.shape[1] - 1)]


def measure(args, adapters, layer, reference):
    """One row an adapter: its relative norm, and error and cosine of each precision against fp64."""
    oracle, norms = embed(args, adapters, layer, "fp64")
    runs = {precision: embed(args, adapters, layer, precision)[0] for precision in PRECISIONS}
    runs[PLAIN] = plain(args, adapters, layer)
    rows = []
    for i, name in enumerate(sorted(path.name for path in adapters)):
        row = {"adapter": name, "layer": layer, "relative_norm": norms[name]}
        if reference is not None:
            row["reference"] = error_and_cosine(oracle[i], reference[i])
        row |= {precision: error_and_cosine(run[i], oracle[i]) for precision, run in runs.items()}
        rows.append(row)
    return rows


def print_table(rows):
    columns = [name for name in ("reference", *PRECISIONS, PLAIN) if any(name in row for row in rows)]
    titles = {"reference": "fp64 to the reference"}
    print("| adapter | α | layer | ‖Δ‖/‖h‖ |" + "".join(f" {titles.get(name, name)} |" for name in columns))
    print("|" + "---|" * (4 + len(columns)))
    for row in rows:
        cells = [f"{row[name]['error']:.1e} ({row[name]['cosine']:.6f})" if name in row else "" for name in columns]
        print(f"| {row['adapter']} | {row['strength']} | {row['layer']} | {row['relative_norm']:.2g} | {' | '.join(cells)} |")
    print("\nRelative error (cosine) of the embedding against our fp64.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/release/deltascape"))
    parser.add_argument("--base", type=Path, default=Path("build/bench/SmolLM2-135M-Instruct"))
    parser.add_argument("--adapters", type=Path, default=Path("../shared/pool"))
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--layers", default="last,0.6667", help="as `embed --layer`: last or a fraction")
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/precision.json"))
    args = parser.parse_args()
    adapters = sorted(path.parent for path in args.adapters.glob("*/adapter_config.json"))
    if not adapters:
        sys.exit(f"precision: there are no adapters in {args.adapters}")
    args.work.mkdir(parents=True, exist_ok=True)
    weak = weakened(adapters, args.work / "weakened")
    rows = []
    for layer in args.layers.split(","):
        rows += [row | {"strength": "1"} for row in measure(args, adapters, layer, reference_rows(args, layer))]
        rows += [row | {"strength": "1/100"} for row in measure(args, weak, layer, None)]
    args.out.write_text(json.dumps(rows, indent=1))
    print_table(rows)
    bad = [row for row in rows if "delta" in row
           and not (row["delta"]["error"] <= PROMISED["error"] and row["delta"]["cosine"] >= PROMISED["cosine"])]
    if bad:
        sys.exit(f"precision: delta misses its promise for {', '.join(sorted({row['adapter'] for row in bad}))}")


if __name__ == "__main__":
    main()
