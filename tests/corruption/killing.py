"""What the two scripts that kill the program share: their options, and how a run is started and judged."""
import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

SILENT = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}


class Failure(Exception):
    pass


def start(command):
    return subprocess.Popen(command, env=ENVIRONMENT, **SILENT)


def to_the_end(command):
    """What it says on stdout."""
    done = subprocess.run(command, env=ENVIRONMENT, **{**SILENT, "stdout": subprocess.PIPE})
    if done.returncode != 0:
        raise Failure(f"{command[1]}, run to the end: exit {done.returncode}: {done.stderr.decode()[:400]}")
    return done.stdout.decode()


def main(work, *more):
    """work(options, program, folder, chance) kills --count times and returns, by kind of run, how many kills showed
    something."""
    arguments = argparse.ArgumentParser()
    for name in ("--program", *more):
        arguments.add_argument(name, required=True)
    arguments.add_argument("--count", type=int, default=24)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            shown = work(options, str(Path(options.program).resolve()), Path(folder), random.Random(options.seed))
        except Failure as failure:
            sys.exit(f"seed {options.seed}: {failure}")
    print(f"{options.count} kills (seed {options.seed}); that fell into the middle: {shown}")
    return options.count, shown
