#!/usr/bin/env python3
"""Deltascape and its peers side by side: wall time and peak memory of whole processes, each on one pinned core.

compare.py --program build/release/deltascape --base HF_DIR [--counts 1,8,16] [--repeat 2] [--work DIR] [--out F.json]
The adapters are random ones (make_adapters.py) unless --adapters DIR names a folder of them. Runs alternate between
the programs, the best of each is the figure. Results have to agree, or the comparison says so and fails.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
AGREEMENT = 1e-3  # relative error of an embedding between two fp32 programs


def run_pinned(command, core):
    """Wall seconds and peak resident bytes of a process that has one core for itself."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
                                "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"compare: {command[0]} failed with {process.returncode}:\n{errors.decode()[-2000:]}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


def programs(args):
    peers = HERE / "peers"
    ours = [args.program, "embed", "--precision", "fp32", "--threads", "1", "--base", args.base, "--out"]
    return {"authors_flow": [sys.executable, peers / "authors_flow.py", args.base],
            "strong_hf": [sys.executable, peers / "strong_hf.py", args.base], "deltascape": ours}


def embeddings(path):
    with np.load(path, allow_pickle=False) as arrays:
        order = np.argsort([os.path.basename(str(name)) for name in arrays["model_names"]])
        return arrays["embeddings"][order].astype(np.float64)


def disagreement(results):
    """Largest relative distance of any program's embedding from the first program's."""
    first = results[0]
    size = np.linalg.norm(first, axis=1)
    return max(float((np.linalg.norm(other - first, axis=1) / size).max()) for other in results[1:])


def compare(count, adapters, args):
    runs = {name: [] for name in programs(args)}
    for _ in range(args.repeat):
        for name, command in programs(args).items():
            out = args.work / f"{name}-{count}.npz"
            out.unlink(missing_ok=True)
            store = ["--store", args.work / f"{name}-{count}.db"] if name == "deltascape" else []
            for old in args.work.glob(f"{name}-{count}.db*"):
                old.unlink()
            runs[name].append(run_pinned([*command, out, *store, *adapters[:count]], args.core))
    worst = disagreement([embeddings(args.work / f"{name}-{count}.npz") for name in runs])
    return {"count": count, "disagreement": worst, "runs": runs}


def print_table(rows):
    print(f"{'N':>4} {'program':<14} {'seconds':>8} {'cpu s':>8} {'peak MB':>8} {'ours is faster by':>18}")
    for row in rows:
        best = {name: min(run["seconds"] for run in runs) for name, runs in row["runs"].items()}
        for name, runs in row["runs"].items():
            cpu = min(run["cpu_seconds"] for run in runs)
            peak = max(run["peak_bytes"] for run in runs) / 1e6
            print(f"{row['count']:>4} {name:<14} {best[name]:>8.2f} {cpu:>8.2f} {peak:>8.0f} {best[name] / best['deltascape']:>17.2f}x")
        print(f"     largest relative difference of an embedding: {row['disagreement']:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/release/deltascape"))
    parser.add_argument("--base", type=Path, required=True, help="a Hugging Face folder (peers/gguf_to_hf.py makes one)")
    parser.add_argument("--adapters", type=Path, help="a folder of adapters")
    parser.add_argument("--counts", default="1,8,16")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/compare.json"))
    args = parser.parse_args()
    counts = [int(count) for count in args.counts.split(",")]
    args.work.mkdir(parents=True, exist_ok=True)
    folder = args.adapters or args.work / "adapters"
    if not args.adapters:
        subprocess.run([sys.executable, HERE / "make_adapters.py", args.base, folder, str(max(counts))], check=True)
    adapters = sorted(path for path in folder.iterdir() if (path / "adapter_config.json").exists())
    if len(adapters) < max(counts):
        sys.exit(f"compare: {folder} holds {len(adapters)} adapters, {max(counts)} are asked for")
    rows = [compare(count, adapters, args) for count in counts]
    args.out.write_text(json.dumps({"base": args.base.name, "core": args.core, "comparisons": rows}, indent=1))
    print_table(rows)
    if max(row["disagreement"] for row in rows) > AGREEMENT:
        sys.exit("compare: the programs disagree")


if __name__ == "__main__":
    main()
