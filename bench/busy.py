#!/usr/bin/env python3
"""Training and embedding alone and beside one busy process, on two cores, in turns.

busy.py --program build/release/deltascape --base BASE --data F.jsonl [--repeat 3] [--waits own,GOMP_SPINCOUNT=300000]
Each of --waits is how threads wait: `own` (what the program sets itself) or a variable that is set for it; 300000 is what
the OpenMP run-time does when nobody sets anything. The busy process is a loop on the same cores that never waits. One
JSON and one table; no run is judged.
"""
import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from pinned import cores, embed, random_adapters, run_pinned


@contextlib.contextmanager
def busy(on, wanted):
    """A process that never waits, on the same cores."""
    loop = None
    if wanted:
        loop = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                preexec_fn=lambda: os.sched_setaffinity(0, on))
    try:
        yield
    finally:
        if loop:
            loop.kill()
            loop.wait()


@contextlib.contextmanager
def waiting(how):
    """The environment in which threads wait so."""
    before = dict(os.environ)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    if how != "own":
        name, value = how.split("=")
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def train(args, on):
    """Tokens a second of one training."""
    out, report = args.work / "adapter", args.work / "report.json"
    shutil.rmtree(out, ignore_errors=True)
    with open(report, "w", encoding="utf-8") as stdout:
        run_pinned([args.program, "train", "--base", args.base, "--data", args.data, "--out", out, "--max-steps",
                    args.steps, "--max-examples", 64, "--threads", len(on), "--restart", "--json"], on, stdout)
    said = json.loads(report.read_text())
    return said["tokens"] / said["seconds"]


def embedding(args, on, adapters, precision):
    """Adapters a second of one `embed`, start-up included."""
    return len(adapters) / embed(args.program, args.base, args.work / "busy.npz", adapters, on, precision)["seconds"]


def measure(args, on):
    adapters = random_adapters(args.base, args.work / "adapters", args.variants)
    works = {"train": lambda: train(args, on)}
    for precision in args.precisions.split(","):
        works[f"embed, {precision}"] = lambda precision=precision: embedding(args, on, adapters, precision)
    works = {name: work for name, work in works.items() if args.only in name}
    speeds = {}
    for _ in range(args.repeat):
        for name, work in works.items():
            for how in args.waits.split(","):
                for beside in (False, True):
                    with waiting(how), busy(on, beside):
                        speeds.setdefault((name, how, beside), []).append(work())
    return [{"work": name, "wait": how, "alone": speeds[name, how, False], "beside": speeds[name, how, True]}
            for name in works for how in args.waits.split(",")]


def spread(values):
    return f"{statistics.median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def print_table(rows):
    print("| work | threads wait | alone | beside a busy process | beside / alone | alone / the first line's |")
    print("|---|---|---|---|---|---|")
    first = {}
    for row in rows:
        alone, beside = statistics.median(row["alone"]), statistics.median(row["beside"])
        unit = "tokens/s" if row["work"] == "train" else "adapters/s"
        print(f"| {row['work']}, {unit} | {row['wait']} | {spread(row['alone'])} | {spread(row['beside'])} | "
              f"{beside / alone:.2f} | {alone / first.setdefault(row['work'], alone):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--base", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--waits", default="own,GOMP_SPINCOUNT=300000")
    parser.add_argument("--precisions", default="fp32,delta")
    parser.add_argument("--only", default="", help="works whose name holds this")
    parser.add_argument("--variants", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/busy.json"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = measure(args, cores(args.threads))
    args.out.write_text(json.dumps({"threads": args.threads, "rows": rows}, indent=1))
    print_table(rows)


if __name__ == "__main__":
    main()
