#!/usr/bin/env python3
"""Runs the pinned clang-tidy (.clang-tidy, tests/requirements.txt) over the rooms without LibTorch and the command line.

tidy.py BUILD [ROOM…]
BUILD is a configured build folder; named rooms are looked at whatever they include. Several files of a room go through
together, for parsing the headers they share is most of the work; where names within them collide, one by one. What was
clean is remembered in BUILD/tidy by its content, that of the rooms' headers, the checks and the version. Exit 1 when
there is a finding.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / ".venv/bin/clang-tidy"
ROOMS = ("core", "io", "hub", "text", "store", "landscape", "report", "cli")
TOGETHER = 8  # files
COLLIDES = re.compile(r"error: .*(redefinition|ambiguous|conflicts|does not match previous|clang-diagnostic-error)")


def flags(command):
    """What Clang has to know of GCC's command: include folders, definitions and the language."""
    words, out = iter(shlex.split(command)), []
    for word in words:
        if word in ("-isystem", "-I", "-D"):
            out += [word, next(words)]
        elif word == "-include":
            next(words)  # a precompiled header of GCC's
        elif word.startswith(("-I", "-D", "-std=")):
            out.append(word)
    return [*out, "-Wall", "-Wextra", "-Wno-missing-field-initializers"]


def batches(build, rooms):
    """(flags, files) of files that go together: of one room, with the same flags, neighbours in the alphabet apart."""
    groups = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = Path(entry["file"])
        if not file.is_relative_to(ROOT / "src"):
            continue
        room = file.relative_to(ROOT / "src").parts[0]
        if room in rooms:
            groups.setdefault((room, tuple(flags(entry["command"]))), set()).add(file)
    for (_, options), files in groups.items():
        files = sorted(files)
        count = -(-len(files) // TOGETHER)
        yield from ((options, files[i::count]) for i in range(count))


def headers():
    digest = hashlib.sha256(subprocess.run([PROGRAM, "--version"], capture_output=True, check=True).stdout)
    for path in [ROOT / ".clang-tidy", *sorted((ROOT / "include").rglob("*.h")),
                 *(h for room in ROOMS for h in sorted((ROOT / "src" / room).glob("*.h")))]:
        digest.update(path.read_bytes())
    return digest.digest()


def tidy(folder, options, files):
    """What clang-tidy says of the files as one translation unit; empty where it finds nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp", dir=folder) as joined:
        joined.write("".join(f'#include "{file}"\n' for file in files))
        joined.flush()
        source = [files[0]] if len(files) == 1 else [joined.name, "--checks=-bugprone-suspicious-include"]
        done = subprocess.run([PROGRAM, "--quiet", *source, "--", *options], capture_output=True, text=True, check=False)
    return done.stdout.strip() or (done.stderr.strip() if done.returncode else "")


def look(folder, options, files):
    said = tidy(folder, options, files)
    if len(files) > 1 and COLLIDES.search(said):
        said = "\n".join(filter(None, (tidy(folder, options, [file]) for file in files)))
    return said


def main():
    if not PROGRAM.exists():
        sys.exit(f"tidy: {PROGRAM} is missing: run scripts/python_env.sh")
    build, rooms = Path(sys.argv[1]).resolve(), sys.argv[2:] or ROOMS
    clean = build / "tidy"
    clean.mkdir(exist_ok=True)
    base, found = headers(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {}
        for options, files in batches(build, rooms):
            key = hashlib.sha256(base + repr(options).encode() + b"".join(f.read_bytes() for f in files)).hexdigest()
            if not (clean / key).exists():
                running[pool.submit(look, clean, options, files)] = clean / key
        for done in concurrent.futures.as_completed(running):
            said = done.result()
            if said:
                found += said.count(": error:") or 1
                print(said, flush=True)
            else:
                running[done].touch()
    print(f"clang-tidy: {found} findings" if found else "clang-tidy: clean")
    return found > 0


if __name__ == "__main__":
    sys.exit(main())
