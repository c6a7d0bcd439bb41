#!/usr/bin/env python3
"""Makes docs/coverage.md from what the tests compared with their oracles, or checks that it says the same.

coverage.py RESULTS DOCUMENT [--check]
RESULTS is the folder of lines that represent_test and text_test wrote (DELTASCAPE_COVERAGE; tests/coverage_log.h). --check
compares the claims alone: measured numbers, which other machines see differently, stand in brackets.
"""
import argparse
import json
import re
import struct
import sys
from collections import defaultdict
from pathlib import Path

COMMAND = "tests/coverage/coverage.py build/release/coverage docs/coverage.md"
# The first columns. Then come the kinds of adapters whose tensors are modules', in the order of the program's table
# (src/adapter/kinds.cpp, of which represent_test writes kinds.jsonl), and all others in alphabetical order.
FIRST = ["full finetune", "full, rows added", "LoRA", "rsLoRA", "patterns", "DoRA", "biases", "modules_to_save", "trained rows",
         "LoRA on embeddings", "PiSSA", "OLoRA"]
# Made from packages that not every checkout has: no claim rests on them.
OPTIONAL_TOKENIZERS = ("gguf-gemma3", "gemma3-270m-hf")


def read(path):
    if not path.exists():
        sys.exit(f"coverage: {path} is not there: run the tests first (ctest, or make test)")
    return [json.loads(line) for line in path.read_text().splitlines()]


def tensor_names(folder):
    file = folder / "adapter_model.safetensors"
    if not file.exists():
        return []
    with open(file, "rb") as f:
        return json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))


def lora_kinds(config, folder):
    """What an adapter has beside two factors; each is a computation of its own."""
    start = str(config.get("init_lora_weights")).lower()
    features = {
        "rsLoRA": config.get("use_rslora"),
        "DoRA": config.get("use_dora"),
        "patterns": config.get("rank_pattern") or config.get("alpha_pattern"),
        "biases": config.get("bias", "none") != "none" or config.get("lora_bias"),
        "modules_to_save": config.get("modules_to_save"),
        "trained rows": config.get("trainable_token_indices"),
        "LoRA on embeddings": any("lora_embedding" in name for name in tensor_names(folder)),
        "PiSSA": start == "pissa",
        "OLoRA": start == "olora",
    }
    return [kind for kind, there in features.items() if there] or ["LoRA"]


def kinds_of(variant, base, titles):
    """The columns that a variant counts in."""
    if not variant.exists():
        sys.exit(f"coverage: {variant} is no more: run the tests again")
    if (variant / "adapter_config.json").exists():
        config = json.loads((variant / "adapter_config.json").read_text())
        kind = config["peft_type"]
        return lora_kinds(config, variant) if kind == "LORA" else [titles.get(kind, kind)]
    if variant.suffix == ".gguf":
        return ["GGUF adapter"]
    sizes = [json.loads((folder / "config.json").read_text()).get("vocab_size") if (folder / "config.json").exists() else None
             for folder in (variant, base)]
    return ["full, rows added" if None not in sizes and sizes[0] != sizes[1] else "full finetune"]


def file_form(base, dtype):
    """How a base lies on disk: "BF16", "F32 in shards", "F32 in a pickle", "GGUF Q8_0"."""
    if base.suffix == ".gguf":
        return "GGUF " + dtype.split("+")[0]
    if any(base.glob("*.index.json")):
        return dtype + " in shards"
    return dtype + (" in a pickle" if (base / "pytorch_model.bin").exists() else "")


def coarse(ratio):
    """Measured, so coarse and in brackets."""
    if ratio is None:
        return "not finite"
    return next((f"[≤ {bound}]" for bound in (0.1, 0.25, 0.5, 1, 2, 4) if ratio <= bound), "[> 4]")


def table(titles, rows):
    line = lambda cells: "| " + " | ".join(cells) + " |"
    return "\n".join([line(titles), line(["---"] * len(titles)), *map(line, rows)])


def worst_by(rows, key):
    """key(row) -> the largest error over tolerance; None where one was no number."""
    out = {}
    for row in rows:
        for k in key(row):
            ratio = row["ratio"]
            out[k] = None if ratio is None or out.get(k, 0) is None else max(out.get(k, 0), ratio)
    return out


def parity_section(rows, refusals, table_of_kinds):
    titles = {kind["peft"]: kind["title"] for kind in table_of_kinds}
    for row in rows:
        row["kinds"] = kinds_of(Path(row["variant"]), Path(row["base"]), titles)
        row["form"] = file_form(Path(row["base"]), row["dtype"])
    exact = [row for row in rows if row["precision"] == "fp32"]
    worst = worst_by(exact, lambda row: [(row["family"], kind) for kind in row["kinds"]])
    refused = {(row["family"], kind) for row in refusals if "family" in row for kind in kinds_of(Path(row["variant"]), Path(), titles)}

    families = sorted({family for family, _ in [*worst, *refused]})
    there = {kind for _, kind in [*worst, *refused]}
    ordered = [*FIRST, *(k["title"] for k in table_of_kinds if k["of_modules"] and k["title"] not in FIRST)]
    kinds = [k for k in ordered if k in there] + sorted(there - set(ordered))

    def cell(pair):
        if pair in worst:
            return "exact" if worst[pair] is not None and worst[pair] <= 1 else "FAILS"
        return "refused" if pair in refused else ""

    yield "## Family × adapter\n"
    largest = worst_by(exact, lambda row: row["kinds"])
    yield table(["family", *kinds], [*([f, *(cell((f, k)) for k in kinds)] for f in families),
                                     ["error over tolerance", *(coarse(largest[k]) if k in largest else "" for k in kinds)]])
    yield "\n## Precision and files of the base\n"
    yield ("Largest error over tolerance, in brackets, of all that ran on the family: over all layers in `fp32` and `fp64`, of the "
           "last layer in `delta`, where the tolerance is that of models of common width (these are 64 wide). Mixtures of "
           "experts, encoder-decoders and virtual tokens run in `fp32` where `delta` is asked for.\n")
    by_precision = worst_by(rows, lambda row: [(row["family"], row["precision"])])
    forms = defaultdict(set)
    for row in exact:
        forms[row["family"]].add(row["form"])
    precisions = ["fp32", "fp64", "delta"]
    yield table(["family", *precisions, "forms of the base"],
                [[f, *((coarse(by_precision[f, p]) if (f, p) in by_precision else "") for p in precisions), ", ".join(sorted(forms[f]))]
                 for f in families])
    files = sorted({file.suffix for row in exact for file in Path(row["variant"]).glob("adapter_model.*")}
                   | {Path(row["variant"]).suffix for row in exact if row["variant"].endswith(".gguf")})
    yield f"\nFiles of adapters: {', '.join(files)}."


def refusal_section(rows, table_of_kinds):
    titles = {kind["peft"]: kind["title"] for kind in table_of_kinds}
    yield "\n## Refused by name\n"
    yield "What `embed` and `inspect` say of an adapter that is not computed exactly.\n"
    said = set()
    for row in rows:
        folder = Path(row["variant"])
        kind = json.loads((folder / "adapter_config.json").read_text())["peft_type"]
        reason = re.split(r"/adapter_model\.(?:safetensors|bin): |adapter_config\.json: ", row["reason"])[-1]
        reason = re.sub(r"layers\.\d+\.", "layers.N.", reason)
        said.add((titles.get(kind, kind), reason))
    yield table(["kind", "reason"], sorted(map(list, said)))


def tokenizer_kind(path):
    path = Path(path)
    if path.suffix == ".gguf":
        return "GGUF vocabulary"
    if (path / "tokenizer.json").exists():
        model = json.loads((path / "tokenizer.json").read_text())["model"]
        kind = model.get("type") or "untyped"
        if kind == "BPE":
            kind = "BPE with SentencePiece's bytes" if model.get("byte_fallback") else "BPE"
        return f"tokenizer.json: {kind}"
    for names, kind in (({"vocab.json", "merges.txt"}, "vocab.json and merges.txt alone"), ({"vocab.txt"}, "vocab.txt alone"),
                        ({"tokenizer.model"}, "tokenizer.model alone"), ({"spiece.model"}, "spiece.model alone"),
                        ({"sentencepiece.bpe.model"}, "sentencepiece.bpe.model alone")):
        if all((path / name).exists() for name in names):
            return kind
    return "other"


def tokenizer_section(rows):
    rows = [row for row in rows if row["name"] not in OPTIONAL_TOKENIZERS]
    groups = defaultdict(list)
    for row in rows:
        groups[tokenizer_kind(row["path"])].append(row)
    yield "\n## Tokenizers\n"
    yield ("Every token id of every line equals that of Hugging Face's tokenizers (of SentencePiece and llama.cpp for GGUF). "
           "Some are compared on random lines too.\n")
    yield table(["kind", "tokenizers", "difficult lines each", "random lines", "ids"],
                [[kind, str(len(group)), str(min(r["lines"] for r in group)), str(sum(r["random"] for r in group)),
                  "FAIL" if any(r["wrong"] for r in group) else "equal"] for kind, group in sorted(groups.items())])


def document(results):
    refusals, kinds = read(results / "refusals.jsonl"), read(results / "kinds.jsonl")
    parts = [
        "# What the tests have compared\n",
        f"Written by `{COMMAND}` from what `make test` ran; the test `coverage` fails when it says something else.\n",
        "A cell says *exact* where tests ran that adapter on a tiny model of that family and every layer's result was within "
        "the tolerances of [HACKING.md](HACKING.md#tolerances) of transformers and PEFT in float64, in `fp32`; how near the tolerance they came stands in the last line. The reason for a *refused* one stands below. An empty cell was not run. An adapter "
        "counts in every column that it has something of.\n",
        *parity_section(read(results / "parity.jsonl"), refusals, kinds),
        *refusal_section(refusals, kinds),
        *tokenizer_section(read(results / "tokenizers.jsonl")),
    ]
    return "\n".join(parts) + "\n"


def claims(text):
    """The document without what is measured."""
    return re.sub(r"\[[≤>] [0-9.]+\]", "[]", text).splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("document", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the document claims something else")
    args = parser.parse_args()
    made = document(args.results)
    if not args.check:
        args.document.write_text(made)
        return
    old = claims(args.document.read_text()) if args.document.exists() else []
    new = claims(made)
    if old == new:
        return
    here = [line for line in new if line not in old]
    there = [line for line in old if line not in new]
    print(f"{args.document} is out of date. Refresh it: {COMMAND}")
    for line in [*("+ " + x for x in here[:5]), *("- " + x for x in there[:5])]:
        print("  " + line[:200])
    sys.exit(1)


if __name__ == "__main__":
    main()
