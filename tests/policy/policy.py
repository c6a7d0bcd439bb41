"""Owns how a policy test runs: on the tree, and (--self-test) on a copy of it with one violation planted at a time."""
import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

# Never the project's own text: builds, environments, what a run makes.
SKIPPED = {".git", ".venv", ".cache", "build", "demo", "node_modules", "__pycache__"}


def files(root, folders, suffixes):
    """Every file of `root`'s folders with one of the suffixes, sorted."""
    for folder in folders:
        for path, names, found in os.walk(root / folder):
            names[:] = sorted(n for n in names if n not in SKIPPED)
            yield from (Path(path) / f for f in sorted(found) if Path(f).suffix in suffixes)


def run(check, plants):
    """check(root) -> list of lines, one a violation. plants: (what, {file: text to add}, words one line has to hold)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    problems = self_test(check, plants, args.root) if args.self_test else check(args.root)
    print("\n".join(problems) or "nothing found")
    sys.exit(bool(problems))


def self_test(check, plants, root):
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=lambda _, names: SKIPPED & set(names), symlinks=True)
        before = check(copy)
        for what, additions, words in plants:
            with planted(copy, additions):
                found = [line for line in check(copy) if line not in before]
            if not any(all(word in line for word in words) for line in found):
                problems.append(f"{what}, planted in {list(additions)}, was not found; found instead: {found}")
    return problems


@contextlib.contextmanager
def planted(tree, additions):
    """The tree with text added to files, for as long as this lasts."""
    was = {}
    for file, text in additions.items():
        path = tree / file
        path.parent.mkdir(parents=True, exist_ok=True)
        was[path] = path.read_bytes() if path.exists() else None
        with path.open("a") as target:
            target.write(text)
    yield
    for path, content in was.items():
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
