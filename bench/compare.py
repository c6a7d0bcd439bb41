#!/usr/bin/env python3
"""Deltascape and its peers side by side: wall time and peak memory of whole processes, each pinned to its cores.

compare.py --program build/release/deltascape --base HF_DIR [--counts 1,16,64] [--out F.json]
Adapters are random (make_adapters.py) unless --adapters names a folder of them. Runs alternate between the programs,
the best of each is the figure. One JSON and one table; embeddings have to agree, or the comparison fails.
"""
import argparse
import json
import sys
from pathlib import Path

from pinned import HERE, Refused, bench, cores, difference, embed, embeddings, random_adapters, run_pinned

AGREEMENT = {"fp32": 1e-3, "delta": 1e-2, "fp64": 1e-3}  # relative error of an embedding
TITLES = {"authors_flow": "the authors' flow", "strong_hf": "transformers + PEFT, a strong user's"}


def title(name):
    return TITLES.get(name) or name.replace("deltascape", "Deltascape", 1).replace("-", ", ", 1)


def ours(args):
    """name -> (base, precision) of the ways to run our program that it does not refuse."""
    ways = {f"deltascape-{precision}": (args.base, precision) for precision in args.precisions.split(",")}
    if args.also_base:
        ways |= {f"{name}, {args.also_base.suffix[1:].upper()}": (args.also_base, way[1]) for name, way in ways.items()}
    for name, (base, precision) in list(ways.items()):
        try:
            embed(args.program, base, args.work / "try.npz", args.adapters[:1], cores(1), precision)
        except Refused as refusal:
            print(f"compare: without {name}: {refusal}", file=sys.stderr)
            del ways[name]
    if not ways:
        sys.exit("compare: our program refuses every precision")
    return ways


def compare(count, ways, args):
    """The runs of every program on `count` adapters, and how far each one's embeddings are from the first one's."""
    peers = args.peers.split(",") if args.peers and count <= args.peer_max else []
    runs = {name: [] for name in [*peers, *ways]}
    outs = {name: args.work / f"{name.replace(', ', '-')}-{count}.npz" for name in runs}
    for _ in range(args.repeat):
        for name, out in outs.items():
            if name in ways:
                base, precision = ways[name]
                runs[name].append(embed(args.program, base, out, args.adapters[:count], cores(1), precision))
            else:
                peer = HERE / "peers" / f"{name}.py"
                runs[name].append(run_pinned([sys.executable, peer, args.base, out, *args.adapters[:count]], cores(1)))
    first, *others = outs
    distance = {name: difference(embeddings(outs[name]), embeddings(outs[first])) for name in others}
    return {"count": count, "reference": first, "differences": distance, "runs": runs}


def best(runs):
    return min(run["seconds"] for run in runs)


def peak(runs):
    return max(run["peak_bytes"] for run in runs)


def scaling(ways, args):
    """Ours on 1, 2, … cores, at the largest count."""
    adapters = args.adapters[:max(args.counts)]
    rows = []
    for threads in args.threads:
        if len(cores(threads)) < threads:
            print(f"compare: no {threads} cores here", file=sys.stderr)
            continue
        for name, (base, precision) in ways.items():
            out = args.work / f"{name.replace(', ', '-')}-threads.npz"
            runs = [embed(args.program, base, out, adapters, cores(threads), precision) for _ in range(args.repeat)]
            rows.append({"program": name, "threads": threads, "count": len(adapters), "seconds": best(runs)})
    return rows


def memory(ways, args):
    """Peak memory of ours as N grows."""
    rows = []
    for name, (base, precision) in ways.items():
        for count in args.rss_counts:
            run = embed(args.program, base, args.work / "memory.npz", args.adapters[:count], cores(1), precision)
            rows.append({"program": name, "count": count, **run})
    return rows


def limits(ways, args):
    """`deltascape bench` of every way on one core and on two, N the largest count."""
    out = []
    for name, (base, precision) in ways.items():
        for threads in sorted({1, *args.threads}):
            models = args.adapters[:max(args.counts)]
            out.append({"program": name, "count": len(models), "threads": threads,
                        **bench(args.program, base, cores(threads), "--precision", precision, *models)})
    return out


def startup(args):
    """Best of five of what has to answer at once."""
    commands = {"--version": ["--version"], "inspect ADAPTER": ["inspect", args.adapters[0]]}
    return {name: best([run_pinned([args.program, *words], cores(1)) for _ in range(5)]) for name, words in commands.items()}


def print_table(result, ways):
    print("| N | program | wall s | peak MB |" + "".join(f" {title(name)} is faster by |" for name in ways))
    print("|" + "---|" * (4 + len(ways)))
    for row in result["comparisons"]:
        for name, runs in row["runs"].items():
            faster = ["" if way == name else f"{best(runs) / best(row['runs'][way]):.1f}×" for way in ways]
            print(f"| {row['count']} | {title(name)} | {best(runs):.1f} | {peak(runs) / 1e6:.0f} | {' | '.join(faster)} |")
    print()
    for row in result["comparisons"]:
        for name, distance in row["differences"].items():
            print(f"N = {row['count']}: {title(name)} differs from {title(row['reference'])} by {distance:.1e}")
    for row in result["limits"]:
        print(f"N = {row['count']}, {row['threads']} cores: {title(row['program'])} runs at {row['run']['ratio']:.2f} of its limit "
              f"({row['run']['seconds']:.2f} s, {row['machine']['fp32_flops'] / 1e9:.0f} and {row['machine']['bf16_flops'] / 1e9:.0f} GFLOP/s)")
    one = {row["program"]: row["seconds"] for row in result["scaling"] if row["threads"] == 1}
    for row in result["scaling"]:
        if row["threads"] > 1 and row["program"] in one:
            print(f"N = {row['count']}: {title(row['program'])} on {row['threads']} cores is {one[row['program']] / row['seconds']:.2f}× one core")
    for row in result["memory"]:
        print(f"N = {row['count']}: {title(row['program'])} peaks at {row['peak_bytes'] / 1e6:.0f} MB")
    for name, seconds in result["startup"].items():
        print(f"deltascape {name}: {seconds:.2f} s")


def numbers(text):
    return [int(part) for part in text.split(",") if part]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("build/release/deltascape"))
    parser.add_argument("--base", type=Path, required=True, help="a Hugging Face folder (peers/gguf_to_hf.py makes one)")
    parser.add_argument("--also-base", type=Path, help="the same model in another form, for our program alone: a GGUF")
    parser.add_argument("--adapters", type=Path, help="a folder of adapters")
    parser.add_argument("--counts", type=numbers, default=[1, 16, 64])
    parser.add_argument("--precisions", default="fp32,delta", help="of our program; one it refuses is left out")
    parser.add_argument("--peers", default="authors_flow,strong_hf", help="scripts of bench/peers; empty for none")
    parser.add_argument("--peer-max", type=int, default=64, help="run the peers up to this N")
    parser.add_argument("--threads", type=numbers, default=[], help="1,2: how ours scales, at the largest N")
    parser.add_argument("--rss-counts", type=numbers, default=[], help="64,256: how our memory grows")
    parser.add_argument("--no-limits", action="store_true", help="leave `deltascape bench` out")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/compare.json"))
    return parser.parse_args()


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    wanted = max([*args.counts, *args.rss_counts])
    if args.adapters:
        args.adapters = sorted(path for path in args.adapters.iterdir() if (path / "adapter_config.json").exists())
    else:
        args.adapters = random_adapters(args.base, args.work / f"adapters-{args.base.resolve().name}", wanted)
    if len(args.adapters) < wanted:
        sys.exit(f"compare: there are {len(args.adapters)} adapters, {wanted} are asked for")
    ways = ours(args)
    result = {"base": args.base.resolve().name, "startup": startup(args),
              "comparisons": [compare(count, ways, args) for count in args.counts],
              "limits": [] if args.no_limits else limits(ways, args), "scaling": scaling(ways, args),
              "memory": memory(ways, args)}
    args.out.write_text(json.dumps(result, indent=1))
    print_table(result, ways)
    for row in result["comparisons"]:
        for name, distance in row["differences"].items():
            if distance > AGREEMENT[ways[name][1] if name in ways else "fp32"]:
                sys.exit(f"compare: {name} disagrees with {row['reference']} at N = {row['count']}")


if __name__ == "__main__":
    main()
