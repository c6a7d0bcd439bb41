#!/usr/bin/env python3
"""How the program's threads wait (src/cli/waiting.cpp), as the OpenMP run-time itself reports what it was told.

waiting.py PROGRAM: the program sets it when nobody has, keeps what somebody has set, and is else the process it was:
arguments, name, working directory, standard input, exit code.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

OWN = "1000"


def run(program, *arguments, settings=None, **options):
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    return subprocess.run([program, *arguments], env=environment | (settings or {}), text=True, capture_output=True,
                          timeout=60, check=False, **options)


def spins(program, **settings):
    """What the run-time says it spins."""
    told = run(program, "--version", settings={"OMP_DISPLAY_ENV": "verbose"} | settings)
    found = re.search(r"GOMP_SPINCOUNT *= *'(\d+)'", told.stderr)
    return found.group(1) if found else f"nothing in: {told.stderr}"


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


def main():
    program = Path(sys.argv[1]).resolve()
    expect("nothing set", spins(program), OWN)
    expect("a user's count", spins(program, GOMP_SPINCOUNT="77"), "77")
    expect("a user's policy", spins(program, OMP_WAIT_POLICY="passive"), "0")
    expect("an empty variable is set too", spins(program, GOMP_SPINCOUNT="") == OWN, False)

    words = run(program, "", "a b", "*")
    expect("arguments as they were", ("unknown command or option ''" in words.stderr, words.returncode), (True, 2))
    expect("no environment", subprocess.run([program, "--version"], env={}, check=False).returncode, 0)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deltascape").symlink_to(program)
        expect("by a relative path", run("./deltascape", "--version", cwd=folder).returncode, 0)
        expect("from the search path", run("deltascape", "--version", settings={"PATH": folder}).returncode, 0)
        piped = run(program, "ls", "--store", "/dev/stdin", input="not a store")
        expect("an error's exit code", piped.returncode, 1)
    with subprocess.Popen([program, "bench", "--base", "/dev/fd/0/none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        _, errors = process.communicate()
        expect("the same process", (process.returncode, b"error" in errors.lower()), (1, True))
    print("threads wait as they are told to")


if __name__ == "__main__":
    main()
