#!/usr/bin/env python3
"""A model larger than the memory it may use: `embed --memory 3GiB` beside the same run without the limit.

stream.py --base DIR (make_checkpoint.py makes one) [--memory 3GiB] [--variants 4] [--cold]
Adapters are random. Embeddings of both runs have to agree. --cold drops the base from the page cache before each run.
"""
import argparse
import json
import os
import sys
from pathlib import Path

from pinned import bench, cores, difference, embed, embeddings, random_adapters

AGREEMENT = {"fp32": 1e-4, "delta": 1e-3}  # two runs of one precision that differ in how the base is read


def drop_from_cache(base):
    """Only clean pages leave, so what was just written is written out first."""
    for path in base.iterdir():
        if path.suffix in (".safetensors", ".gguf", ".bin"):
            with open(path, "rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def parameters(base):
    """Of the safetensors in a folder, from their headers."""
    count = 0
    for path in base.glob("*.safetensors"):
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for extent in tensor["shape"]:
                    size *= extent
                count += size
    return count


def timed_run(args, adapters, name, options):
    if args.cold:
        drop_from_cache(args.base)
    out = args.work / f"stream-{name}.npz"
    run = embed(args.program, args.base, out, adapters, cores(args.threads), args.precision, *options)
    return run | {"name": name}, embeddings(out)


def print_table(result):
    giga = 1e-9
    print("| run | wall s | peak GB |\n|---|---|---|")
    for run in result["runs"]:
        print(f"| Deltascape, {run['name']} | {run['seconds']:.1f} | {run['peak_bytes'] * giga:.2f} |")
    for what, size in result["alternatives"].items():
        print(f"| {what} | | {size * giga:.1f} at least (computed) |")
    limits = result["bench"]["run"]
    print(f"\n{result['base']}, {result['bench']['work']['variants']} adapters, {result['bench']['work']['precision']}, "
          f"{result['threads']} cores, page cache {'dropped' if result['cold'] else 'as it was'}; with {result['memory']}: "
          f"{limits['seconds']:.1f} s, {limits['ratio']:.2f} of the limit of {limits['limit_seconds']:.1f} s "
          f"(products {limits['compute_limit_seconds']:.1f}, disk {limits['disk_limit_seconds']:.1f}).")
    print(f"Largest relative difference of an embedding between the two: {result['difference']:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/release/deltascape"))
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--memory", default="3GiB")
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--no-free-run", action="store_true", help="leave out the run without a limit")
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/stream.json"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    adapters = random_adapters(args.base, args.work / f"adapters-{args.base.resolve().name}", args.variants)
    if args.cold:
        drop_from_cache(args.base)
    report = bench(args.program, args.base, cores(args.threads), "--precision", args.precision, "--memory", args.memory, *adapters)
    limited, rows = timed_run(args, adapters, f"--memory {args.memory}", ["--memory", args.memory])
    runs, distance = [limited], 0.0
    if not args.no_free_run:
        free, free_rows = timed_run(args, adapters, "no limit", [])
        runs.append(free)
        distance = difference(rows, free_rows)
    count = parameters(args.base)
    result = {"base": args.base.resolve().name, "memory": args.memory, "threads": args.threads, "cold": args.cold, "runs": runs,
              "bench": report, "difference": distance,
              "alternatives": {"the authors' flow, transformers + PEFT: the base in float32": 4 * count,
                               "transformers + PEFT, the base in bfloat16": 2 * count}}
    args.out.write_text(json.dumps(result, indent=1))
    print_table(result)
    if distance > AGREEMENT.get(report["work"]["precision"], 1e-3):
        sys.exit("stream: the embeddings differ")


if __name__ == "__main__":
    main()
