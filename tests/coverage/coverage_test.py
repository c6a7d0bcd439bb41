#!/usr/bin/env python3
"""coverage.py on made-up results: what a document claims changes with what ran, and not with how near it came."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).with_name("coverage.py")


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def results(folder, ratio=0.02, kind="LORA", wrong=0, options=None):
    adapter, base = folder / "adapter", folder / "base"
    for made in (adapter, base):
        made.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": kind} | (options or {})))
    row = {"family": "llama", "base": str(base), "dtype": "F32", "variant": str(adapter), "ran": "fp32", "ratio": ratio}
    lines(folder / "parity.jsonl", [row | {"precision": p} for p in ("fp32", "fp64", "delta")])
    refusal = {"variant": str(adapter), "reason": f"{adapter}: adapter_config.json: not computed"}
    lines(folder / "refusals.jsonl", [refusal, refusal | {"family": "llama"}, refusal | {"family": "phi"}])
    table = {"LORA": "LoRA", "IA3": "(IA)³"}
    lines(folder / "kinds.jsonl", [{"peft": peft, "title": title, "of_modules": True} for peft, title in table.items()])
    lines(folder / "tokenizers.jsonl", [{"name": "t", "path": "t.gguf", "lines": 300, "random": 0, "wrong": wrong}])


def run(folder, *options):
    return subprocess.run([sys.executable, SCRIPT, folder, folder / "coverage.md", *options], capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert run(folder, "--check").returncode == 1, "no results"
        results(folder)
        assert run(folder, "--check").returncode == 1, "no document"
        assert run(folder).returncode == 0
        text = (folder / "coverage.md").read_text()
        for part in ("| llama | exact |", "| phi | refused |", "[≤ 0.1]", "not computed", "| GGUF vocabulary | 1 | 300 | 0 | equal |"):
            assert part in text, part
        assert run(folder, "--check").returncode == 0
        results(folder, ratio=0.4)
        assert run(folder, "--check").returncode == 0, "a measured number is no claim"
        for change in ({"ratio": 1.5}, {"ratio": None}, {"kind": "IA3"}, {"options": {"use_dora": True}}, {"wrong": 1}):
            results(folder, **change)
            stale = run(folder, "--check")
            assert stale.returncode == 1 and "Refresh it: tests/coverage/coverage.py" in stale.stdout, (change, stale)
    print("nothing found")


if __name__ == "__main__":
    main()
