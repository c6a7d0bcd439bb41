#!/usr/bin/env python3
"""Greedy decoding with a cache, ours beside transformers': new tokens a second on one core, by batch size.

generate.py --program build/release/deltascape --base HF_DIR --data F.jsonl [--batches 1,8,32] [--tokens 64] [--out F.json]
Ours is `deltascape eval --metric exact`, the peer's bench/peers/hf_generate.py; both read the same prompts. What is counted
is the difference between a run of all tokens and one of a single token, so that start-up and prompts are in neither.
An answer ends where its text does, for both. Runs alternate, the best of each is the figure.
"""
import argparse
import json
import sys
from pathlib import Path

from pinned import HERE, cores, run_pinned


def ours(args, batch, tokens, precision, said):
    command = [args.program, "eval", "--base", args.base, "--data", args.data, "--metric", "exact", "--tokens", tokens,
               "--batch", batch, "--limit", batch, "--threads", 1, "--precision", precision, "--predictions", said, "-q"]
    return run_pinned([str(c) for c in command], cores(1))["seconds"]


def peer(args, batch, tokens, dtype, said):
    command = [sys.executable, HERE / "peers/hf_generate.py", args.base, args.data, batch, tokens, dtype, said]
    run_pinned([str(c) for c in command], cores(1))
    return json.loads(Path(said).read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--precisions", default="fp32,bf16", help="fp32, bf16 or both; answers are compared in the first")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/bench/generate.json"))
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows, first = [], args.precisions.split(",")[0]
    for batch in map(int, args.batches.split(",")):
        best = {}
        for _ in range(args.repeat):
            for precision in args.precisions.split(","):
                said = args.out.parent / f"said-{precision}.jsonl"
                whole = ours(args, batch, args.tokens, precision, said)
                start = ours(args, batch, 1, precision, args.out.parent / "said-one.jsonl")
                dtype = {"fp32": "float32", "bf16": "bfloat16"}[precision]
                result = peer(args, batch, args.tokens, dtype, args.out.parent / f"peer-{precision}.json")
                for name, rate in (("deltascape", result["produced"] / (whole - start)), ("transformers", result["tokens_a_second"])):
                    best[f"{name} {precision}"] = max(best.get(f"{name} {precision}", 0), rate)
        mine = [json.loads(line)["said"] for line in (args.out.parent / f"said-{first}.jsonl").read_text().splitlines()]
        theirs = json.loads((args.out.parent / f"peer-{first}.json").read_text())["said"]
        same = sum(a.strip() == b.strip() for a, b in zip(mine, theirs))
        rows.append({"batch": batch, "tokens": args.tokens, "same_answers": same, "tokens_a_second": best})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    args.out.write_text(json.dumps(rows, indent=1))
    names = list(rows[0]["tokens_a_second"])
    print("| sequences | " + " | ".join(names) + " | same answers |\n|" + "---|" * (len(names) + 2))
    for row in rows:
        print(f"| {row['batch']} | " + " | ".join(f"{row['tokens_a_second'][n]:.0f}" for n in names) +
              f" | {row['same_answers']} of {row['batch']} |")


if __name__ == "__main__":
    main()
