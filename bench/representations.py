#!/usr/bin/env python3
"""How well each representation tells the domains of a pool apart: silhouette by label with its 95 % interval over
variants, the share whose nearest neighbour has their label, and seconds to measure all.

representations.py --program P --base BASE [--pool demo/pool] [--encoder MODEL] [--only NAME …]
The pool's folders are called DOMAIN-NUMBER, as `make demo` makes them.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("activations", "logits", "meaning", "outputs", "flattened,form=factors", "flattened,form=delta", "salient",
         "canonical")


def output(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"representations: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def measured(args, name, models, folder):
    store = folder / f"{re.sub('[^a-z]', '-', name)}.db"
    how = ["--store", store, "--representation", name]
    extra = ["--continuations", folder / "continuations.jsonl"] if name == "meaning" else []
    extra += ["--encoder", args.encoder] if name == "outputs" and args.encoder else []
    start = time.monotonic()
    output([args.program, "embed", "--base", args.base, "-q", *how, *extra, *models])
    seconds = time.monotonic() - start
    found = json.loads(output([args.program, "cluster", "--json", *how]))
    return {"representation": name, "silhouette": found["silhouette"], "low": found["low"], "high": found["high"],
            "nearest": found["agreement"]["nearest"], "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--pool", type=Path, default=Path("demo/pool"))
    parser.add_argument("--encoder", help="a sentence encoder in a folder; else the program's own default")
    parser.add_argument("--only", nargs="+", default=NAMES, metavar="NAME")
    args = parser.parse_args()
    models = [f"{p.name.rsplit('-', 1)[0]}={p}" for p in sorted(args.pool.iterdir()) if p.is_dir()]
    if not models:
        sys.exit(f"representations: no models in {args.pool}; `make demo` makes a pool")
    print("| representation | silhouette | 95 % | nearest of its domain | seconds |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            row = measured(args, name, models, Path(folder))
            print(f"| {name} | {row['silhouette']:.2f} | {row['low']:.2f} to {row['high']:.2f} | {row['nearest']:.2f} | "
                  f"{row['seconds']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
