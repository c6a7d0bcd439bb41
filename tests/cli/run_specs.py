#!/usr/bin/env python3
"""Runs the command-line specs: text files of a command, its output, its errors and its exit code.

run_specs.py --program P --make-store P --goldens DIR SPECS [--only WORD]
A spec runs in a fresh folder. Blocks are separated by blank lines, '#' starts a comment:

  file NAME          makes a file of the '>' lines below it (\\n, \\t, \\xNN escapes with `file NAME escaped`)
  dir NAME           makes a folder
  store NAME         makes a store; each '>' line is a record (make_store.cpp)
  goldens NAME       copies goldens/models/NAME to ./NAME
  copy A B           copies a file or folder that is there (quoted as in a shell)
  corrupt NAME SIZE  cuts a file off after SIZE bytes
  hub                plays a hub on loopback (tests/hub/play_hub.py) with hub/repositories/ORG/NAME; runs find it there
  run ARGUMENTS      runs the program (quoted as in a shell, or a JSON list), then checks:
    env NAME=VALUE   for this run
    terminal         stdout and stderr are one pseudo-terminal (checked as stdout)
    exit N           0 unless said
    stdout           exactly the '>' lines below it; `stdout empty`; `stdout ~ RE`; `stdout !~ RE`
    stderr           the same, and `stderr lines N`
    json PATH = J    value at a path such as neighbours.0.name; PATH '.' is the document
    json PATH ~ X E  a number within E of X
    keys PATH = a b  exactly these keys, in any order
    saved NAME ~ RE  a file was written and holds a match; `saved NAME` alone: it is there; `saved NAME absent`
"""
import argparse
import concurrent.futures
import fcntl
import json
import math
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path


class Failure(Exception):
    pass


def blocks(text):
    """[(line number, [lines])]: what blank lines separate, comments left out."""
    out, current = [], []
    for number, line in enumerate(text.splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            current.append((number, line))
        elif current:
            out.append(current)
            current = []
    return out


def directives(block):
    """[(line number, directive, ['>' lines below it])]"""
    out = []
    for number, line in block:
        if line.lstrip().startswith(">") and out:
            out[-1][2].append(re.sub(r"^\s*> ?", "", line))
        else:
            out.append((number, line.strip(), []))
    return out


def run_on_terminal(command, env, folder):
    """Exit code and everything written to a pseudo-terminal of 100 columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower, env=env,
                               cwd=folder)
    os.close(follower)
    seen = b""
    while True:
        ready, _, _ = select.select([leader], [], [], 120)
        try:
            chunk = os.read(leader, 65536) if ready else b""
        except OSError:
            chunk = b""
        if not chunk:
            break
        seen += chunk
    os.close(leader)
    return process.wait(), seen.decode(errors="replace").replace("\r\n", "\n"), ""


class Spec:
    def __init__(self, file, args):
        self.file, self.args = file, args
        self.folder = Path(tempfile.mkdtemp(prefix="deltascape-spec-"))
        self.runs = 0
        self.hub, self.endpoint = None, {}

    def arguments(self, text):
        """argv of a run: a JSON list, or words as a shell splits them."""
        return json.loads(text) if text.startswith("[") else shlex.split(text)

    def set_up(self, word, rest, lines):
        if word == "file":
            name = rest.removesuffix(" escaped")
            data = "".join(line + "\n" for line in lines).encode()
            if name != rest:
                data = "".join(lines).encode().decode("unicode_escape").encode("latin-1")
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)
        elif word == "dir":
            (self.folder / rest).mkdir(parents=True)
        elif word == "store":
            subprocess.run([self.args.make_store, rest], cwd=self.folder, input="\n".join(lines), text=True, check=True)
        elif word == "goldens":
            source = self.args.goldens / "models" / rest
            if not source.is_dir():
                raise Failure(f"no {source}: make it with tests/make_goldens.py {self.args.goldens}")
            shutil.copytree(source, self.folder / rest)
        elif word == "copy":
            source, target = (self.folder / name for name in shlex.split(rest))
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        elif word == "corrupt":
            name, size = rest.rsplit(" ", 1)
            os.truncate(self.folder / name, int(size))
        elif word == "hub":
            script = Path(__file__).resolve().parent.parent / "hub" / "play_hub.py"
            self.hub = subprocess.Popen([sys.executable, script, self.folder / "hub"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
            port = self.hub.stdout.readline().split()[0]
            self.endpoint = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HUB_OFFLINE": "0"}
        else:
            raise Failure(f"unknown directive '{word}'")

    def run(self, text, terminal, env):
        self.runs += 1
        whole = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        whole |= {"HF_HUB_CACHE": str(self.folder / "hf-cache"), "HF_HUB_OFFLINE": "1", "no_proxy": "*",
                  "TERM": "xterm", "LC_ALL": "C.UTF-8", "DELTASCAPE_PROGRESS": "0"} | self.endpoint | env
        command = [self.args.program, *self.arguments(text)]
        if terminal:
            return run_on_terminal(command, whole, self.folder)
        done = subprocess.run(command, env=whole, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def check_text(self, what, rest, lines, text):
        if rest.startswith("~"):
            if not re.search(rest[1:].strip(), text, re.M):
                raise Failure(f"{what} does not match {rest[1:].strip()}")
        elif rest.startswith("!~"):
            if re.search(rest[2:].strip(), text, re.M):
                raise Failure(f"{what} matches {rest[2:].strip()}")
        elif rest.startswith("lines"):
            if text.count("\n") != int(rest.split()[1]):
                raise Failure(f"{what} has {text.count(chr(10))} lines")
        else:
            wanted = "".join(line + "\n" for line in lines)
            if text != wanted:
                raise Failure(f"{what} is not\n{wanted}")

    def at(self, document, path):
        for step in [] if path == "." else path.split("."):
            try:
                document = document[int(step)] if isinstance(document, list) else document[step]
            except (KeyError, IndexError, ValueError):
                raise Failure(f"the JSON has no {path}") from None
        return document

    def check_json(self, word, rest, text):
        try:
            document = json.loads(text, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
        except ValueError as e:
            raise Failure(f"stdout is no JSON document: {e}") from None
        path, kind, wanted = rest.split(" ", 2)
        value = self.at(document, path)
        if word == "keys":
            if sorted(value) != sorted(wanted.split()):
                raise Failure(f"keys of {path} are {sorted(value)}")
        elif kind == "~":
            centre, error = map(float, wanted.split())
            if not isinstance(value, (int, float)) or not math.isclose(value, centre, abs_tol=error, rel_tol=0):
                raise Failure(f"{path} is {value}")
        elif value != json.loads(wanted):
            raise Failure(f"{path} is {json.dumps(value, ensure_ascii=False)}")

    def check_saved(self, rest):
        name, _, pattern = rest.partition(" ~ ")
        if name.endswith(" absent"):
            if (self.folder / name[:-7]).exists():
                raise Failure(f"{name[:-7]} was written")
            return
        file = self.folder / name
        if not file.exists():
            raise Failure(f"{name} was not written")
        if pattern and not re.search(pattern, file.read_bytes().decode(errors="replace"), re.M):
            raise Failure(f"{name} does not match {pattern}")

    def play(self, block):
        steps = directives(block)
        number, first, lines = steps[0]
        word, _, rest = first.partition(" ")
        if word != "run":
            for number, line, lines in steps:
                word, _, rest = line.partition(" ")
                self.set_up(word, rest, lines)
            return
        checks = [(n, *line.partition(" ")[::2], below) for n, line, below in steps[1:]]
        env = dict(r.split("=", 1) for _, w, r, _ in checks if w == "env")
        code, out, err = self.run(rest, any(w == "terminal" for _, w, _, _ in checks), env)
        wanted = next((int(r) for _, w, r, _ in checks if w == "exit"), 0)
        failures = [] if code == wanted else [f"line {number}: exit {code}, not {wanted}"]
        for at, word, rest, below in checks:
            try:
                if word in ("stdout", "stderr"):
                    self.check_text(word, rest, below, out if word == "stdout" else err)
                elif word in ("json", "keys"):
                    self.check_json(word, rest, out)
                elif word == "saved":
                    self.check_saved(rest)
                elif word not in ("env", "exit", "terminal"):
                    raise Failure(f"unknown check '{word}'")
            except Failure as e:
                failures.append(f"line {at}: {e}")
        if failures:
            raise Failure("\n  ".join([first, *failures]) + f"\n  stdout: {out!r}\n  stderr: {err!r}")

    def all(self):
        """What failed, one text a block; a failed set-up ends the spec."""
        failures = []
        for block in blocks(self.file.read_text()):
            try:
                self.play(block)
            except (Failure, subprocess.SubprocessError, OSError) as e:
                failures.append(f"{self.file.name}:{block[0][0]}: {e}")
                if not block[0][1].startswith("run"):
                    break
        if self.hub:
            self.hub.communicate()  # its input ends, and so does it
        shutil.rmtree(self.folder, ignore_errors=True)
        return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--make-store", required=True, type=Path)
    parser.add_argument("--goldens", required=True, type=Path)
    parser.add_argument("--only", default="", help="specs whose name holds this")
    parser.add_argument("--skip", default="", help="this spec is left out")
    parser.add_argument("specs", type=Path)
    args = parser.parse_args()
    for name in ("program", "make_store", "goldens"):
        setattr(args, name, getattr(args, name).resolve())
    files = sorted(f for f in args.specs.glob("*.test") if args.only in f.name and f.stem != args.skip)
    specs = [Spec(file, args) for file in files]
    if args.skip:
        print(f"SKIPPED {args.skip}.test: the program was built without what it needs")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for failures in pool.map(Spec.all, specs):
            failed += len(failures)
            print("\n".join(failures), end="\n" if failures else "", flush=True)
    runs = sum(spec.runs for spec in specs)
    print(f"{len(files)} specs, {runs} runs, {failed} failed")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
