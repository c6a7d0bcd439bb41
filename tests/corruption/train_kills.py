#!/usr/bin/env python3
"""Kills `deltascape train` with SIGKILL at random moments, and lets it go on until it ends.

train_kills.py --program P --base DIR [--count 24] [--seed N]
After every kill the output is either not there or the whole of it, to the byte what an undisturbed run writes; what a
run goes on from is never half a state; and in the end nothing of the work is left. Every method and both losses take turns.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import killing  # noqa: E402
from killing import Failure  # noqa: E402

ROWS = 40
RUNS = {"lora": ["--method", "lora", "--dropout", "0.1"], "ia3": ["--method", "ia3"], "prefix": ["--method", "prefix"],
        "full": ["--method", "full"], "dpo": ["--loss", "dpo"]}


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


class Run:
    """One way to train: how long it takes, and what it writes undisturbed."""

    def __init__(self, program, base, above, name):
        self.name, self.out = name, above / name
        fields = ("chosen", "rejected") if name == "dpo" else ("completion",)
        data = above / f"{name}.jsonl"
        data.write_text("".join(json.dumps({"prompt": f"Count to {i}", **{f: f" {f} {i * 7}." for f in fields}}) + "\n"
                                for i in range(ROWS)))
        self.command = [program, "train", "--base", base, "--data", str(data), "--out", str(self.out), "--batch", "2",
                        "--accumulation", "1", "--checkpoint-seconds", "0", "--threads", "1", "--json", *RUNS[name]]
        began = time.time()
        killing.to_the_end(self.command)
        self.seconds = time.time() - began
        self.expected = contents(self.out)
        self.remove()
        self.resumed = 0

    def remove(self):
        for path in self.out.iterdir():
            path.unlink()
        self.out.rmdir()

    def check(self):
        if contents(self.out) != self.expected:
            raise Failure(f"{self.name}: the output is not what an undisturbed run writes")

    def kill(self, chance):
        """One kill: anywhere in the run, or, mostly, once there is a state to go on from."""
        process = killing.start(self.command)
        state = Path(f"{self.out}.training") / "state.safetensors"
        anywhere = chance.random() < 0.25
        while not anywhere and not state.exists() and process.poll() is None:
            time.sleep(0.002)
        try:
            process.communicate(timeout=chance.uniform(0, self.seconds * (1 if anywhere else 0.3)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        if self.out.exists():
            self.check()
            self.remove()

    def finish(self):
        self.resumed += json.loads(killing.to_the_end(self.command))["resumed_at"] > 0
        self.check()
        if Path(f"{self.out}.training").exists():
            raise Failure(f"{self.name}: the work is left behind")
        self.remove()


def work(options, program, folder, chance):
    runs = [Run(program, options.base, folder, name) for name in RUNS]
    kills = 0
    while kills < options.count:
        run = runs[kills % len(runs)] if options.count < 2 * len(runs) else chance.choice(runs)
        for _ in range(min(chance.randrange(1, 4), options.count - kills)):  # again and again before it ends
            run.kill(chance)
            kills += 1
        run.finish()
    return {run.name: run.resumed for run in runs}


if __name__ == "__main__":
    count, resumed = killing.main(work, "--base")
    if count >= 20 and sum(resumed.values()) == 0:
        sys.exit("no run went on from a state: nothing was shown")
