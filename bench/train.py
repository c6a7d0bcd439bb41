#!/usr/bin/env python3
"""`deltascape train` beside transformers + PEFT: tokens a second, peak memory, loss curves; on pinned cores, in turns.

train.py --program build/release/deltascape --base HF_DIR --data F.jsonl [--steps 20] [--precisions fp32,bf16]
Both start from one adapter and read the examples in the file's order: LoRA r=8, batch 4, accumulation 4. Padding counts
as no token. One JSON and one table; in fp32 every 10th step's loss has to agree within 1%, or the comparison fails.
"""
import argparse
import json
import shutil
import sys
from pathlib import Path

from pinned import HERE, cores, run_pinned

RATE = "1e-4"
AGREEMENT = 0.01
PEER = HERE / "peers" / "peft_train.py"


def peer(args, precision):
    """One run of the peer: its own figures and the process's."""
    out = args.work / f"peer-{precision}.json"
    options = ["--bf16"] if precision == "bf16" else []
    process = run_pinned([sys.executable, PEER, args.base, args.data, args.init, out, "--steps", args.steps,
                          "--examples", args.examples, "--learning-rate", RATE, *options], cores(args.threads))
    return json.loads(out.read_text()) | {"process": process}


def ours(args, precision, tokens):
    """The same of our program."""
    out, report = args.work / f"adapter-{precision}", args.work / f"report-{precision}.json"
    shutil.rmtree(out, ignore_errors=True)
    with open(report, "w", encoding="utf-8") as stdout:
        process = run_pinned([args.program, "train", "--base", args.base, "--data", args.data, "--out", out, "--init",
                              args.init, "--no-shuffle", "--max-steps", args.steps, "--max-examples", args.examples,
                              "--schedule", "constant", "--learning-rate", RATE, "--precision", precision, "--threads",
                              args.threads, "--restart", "--json", *args.options], cores(args.threads), stdout)
    log = [json.loads(line) for line in (out / "train_log.jsonl").read_text().splitlines()]
    return {"tokens": tokens, "seconds": json.loads(report.read_text())["seconds"],
            "losses": [line["loss"] for line in log], "process": process}


def speed(runs):
    return max(run["tokens"] / run["seconds"] for run in runs)


def peak(runs):
    return max(run["process"]["peak_bytes"] for run in runs)


def processor_seconds(runs):
    return min(run["process"]["cpu_seconds"] for run in runs)


def compare(args, precision):
    """Runs of both in turns, and how far apart the losses of every 10th step are."""
    runs = {"peer": [], "ours": []}
    for _ in range(args.repeat):
        runs["peer"].append(peer(args, precision))
        runs["ours"].append(ours(args, precision, runs["peer"][0]["tokens"]))
    pairs = list(zip(runs["ours"][0]["losses"], runs["peer"][0]["losses"], strict=True))
    return {"precision": precision, "runs": runs,
            "difference": max(abs(a - b) / b for a, b in (pairs[i] for i in range(0, len(pairs), 10))),
            "faster": speed(runs["ours"]) / speed(runs["peer"])}


def print_table(result):
    print("| precision | program | tokens/s | peak MB | processor s, whole process | faster by |\n|---|---|---|---|---|---|")
    for row in result["comparisons"]:
        for name, title in (("peer", "transformers + PEFT"), ("ours", "Deltascape")):
            runs = row["runs"][name]
            faster = f"{row['faster']:.2f}×" if name == "ours" else ""
            print(f"| {row['precision']} | {title} | {speed(runs):.0f} | {peak(runs) / 1e6:.0f} | "
                  f"{processor_seconds(runs):.0f} | {faster} |")
    for row in result["comparisons"]:
        print(f"{row['precision']}: losses of every 10th of {result['steps']} steps differ by {row['difference']:.1e} at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/release/deltascape"))
    parser.add_argument("--base", type=Path, required=True, help="a Hugging Face folder (peers/gguf_to_hf.py makes one)")
    parser.add_argument("--data", type=Path, required=True, help="JSONL of prompts and completions")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--options", type=str.split, default=[], help='more for our program, as "--recompute"')
    parser.add_argument("--work", type=Path, default=Path("build/bench/train"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/train.json"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    with open(args.data, encoding="utf-8") as lines:  # whole steps, so that both begin anew at the same place
        args.examples = min(16 * args.steps, sum(1 for line in lines if line.strip()) // 16 * 16)
    args.init = args.work / f"init-{args.base.resolve().name}"
    if not (args.init / "adapter_config.json").exists():
        run_pinned([sys.executable, PEER, args.base, args.data, args.init, "-", "--make-init"], cores(args.threads))
    result = {"base": args.base.resolve().name, "steps": args.steps, "threads": args.threads,
              "comparisons": [compare(args, precision) for precision in args.precisions.split(",")]}
    args.out.write_text(json.dumps(result, indent=1))
    print_table(result)
    for row in result["comparisons"]:
        if row["precision"] == "fp32" and row["difference"] > AGREEMENT:
            sys.exit("train: the losses differ")


if __name__ == "__main__":
    main()
