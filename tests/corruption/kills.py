#!/usr/bin/env python3
"""Kills `deltascape embed` and `deltascape import` with SIGKILL at random moments.

kills.py --program P [--count 24] [--seed N]
After every kill: the store opens, SQLite finds it whole, every row a reader had seen before is still there, every row
equals that of an undisturbed run, and the program itself lists them. Every few kills the same command runs to its end
on what was left, and the store then holds what an undisturbed run stores.
"""
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import formats as f  # noqa: E402
import killing  # noqa: E402
from killing import Failure  # noqa: E402

ADAPTERS, ROWS, EVERY = 150, 8000, 6  # rows enough for several batches of an import


def floats(blob):
    return struct.unpack(f"<{len(blob) // 4}f", blob)


def rows_of(store):
    """name -> (hash, mean, per_probe); {} where there is no store, or none with tables, yet."""
    if not store.exists() or store.stat().st_size == 0:
        return {}
    db = sqlite3.connect(store, timeout=30)
    try:
        verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise Failure(f"integrity_check: {verdict}")
        if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'variant'").fetchone()[0]:
            return {}
        return {name: (digest, floats(mean), floats(probes)) for name, digest, mean, probes in
                db.execute("SELECT name, content_hash, mean, per_probe FROM variant v JOIN measurement m ON "
                           "m.variant = v.id JOIN vector n ON n.measurement = m.id JOIN detail d "
                           "ON d.measurement = m.id")}
    finally:
        db.close()


def names_in(store):
    """What another reader sees at this moment; never in the way of the writer."""
    try:
        db = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=0)
        try:
            return {name for name, in db.execute("SELECT name FROM variant")}
        finally:
            db.close()
    except sqlite3.Error:
        return set()


def same(a, b):
    """The same content, and numbers within what company and order may change (docs/design.md §6.3)."""
    scale = max(map(abs, b[2]), default=0.0) or 1.0
    return a[0] == b[0] and len(a[1]) == len(b[1]) and len(a[2]) == len(b[2]) and \
        all(abs(x - y) <= 1e-3 * scale for x, y in zip((*a[1], *a[2]), (*b[1], *b[2])))


def check(rows, expected, seen):
    for name in seen - rows.keys():
        raise Failure(f"{name} had been stored and is gone")
    for name, row in rows.items():
        if name not in expected:
            raise Failure(f"{name} is nobody's name")
        if not same(row, expected[name]):
            raise Failure(f"{name} is not what an undisturbed run stores")


def complete(command, store):
    killing.to_the_end(command)
    return rows_of(store)


class Trial:
    """One verb that writes the store at `store`: how long it takes, and what it stores undisturbed."""

    def __init__(self, program, command, store, count):
        self.program, self.command, self.store, self.count = program, command, store, count
        began = time.time()
        self.expected = complete(command, store)
        self.seconds = time.time() - began
        if len(self.expected) != count:
            raise Failure(f"{len(self.expected)} rows of {count} in an undisturbed run")
        self.remove()
        self.partial = 0

    def remove(self):
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.store}{end}").unlink(missing_ok=True)

    def kill(self, chance):
        """One kill: anywhere in the run, or, mostly, while rows are being written."""
        process = killing.start(self.command)
        anywhere = chance.random() < 0.25
        wait = chance.uniform(0, self.seconds) if anywhere else 0
        enough = 0 if anywhere else chance.randrange(1, self.count)
        began, seen = time.time(), set()
        while process.poll() is None:
            seen = names_in(self.store) or seen
            if (time.time() - began >= wait) if anywhere else len(seen) >= enough:
                break
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.005))
        process.kill()
        process.communicate()
        rows = rows_of(self.store)
        check(rows, self.expected, seen)
        self.partial += 0 < len(rows) < self.count
        if rows:
            listed = subprocess.run([self.program, "ls", "-q", "--store", self.store], env=killing.ENVIRONMENT,
                                    capture_output=True)
            if listed.returncode != 0 or set(listed.stdout.decode().split()) != rows.keys():
                raise Failure(f"ls: exit {listed.returncode}: {listed.stderr.decode()[:400]}")

    def finish(self):
        rows = complete(self.command, self.store)
        if rows.keys() != self.expected.keys():
            raise Failure("a rerun does not complete the store")
        check(rows, self.expected, set())
        self.remove()


def trials(folder, program):
    f.make_base(folder / "base")
    for i in range(ADAPTERS):
        f.make_adapter(folder / f"pool/v{i}", tensors=f.lora_tensors(seed=1000 + 40 * i))
    f.make_store(folder / "source.db", [f"row{i}" for i in range(ROWS)], dim=8)
    pool = [str(folder / f"pool/v{i}") for i in range(ADAPTERS)]
    embed = [program, "embed", "--base", str(folder / "base"), "--precision", "fp32", "--store",
             str(folder / "embed.db"), *pool]
    take = [program, "import", "--store", str(folder / "import.db"), str(folder / "source.db")]
    return {"embed": Trial(program, embed, folder / "embed.db", ADAPTERS),
            "import": Trial(program, take, folder / "import.db", ROWS)}


def work(options, program, folder, chance):
    verbs = trials(folder, program)
    for n in range(options.count):
        trial = verbs["embed" if n % 2 == 0 else "import"]
        trial.kill(chance)
        if n % EVERY >= EVERY - 2:
            trial.finish()
    return {verb: trial.partial for verb, trial in verbs.items()}


if __name__ == "__main__":
    count, partial = killing.main(work)
    if count >= 20 and min(partial.values()) == 0:
        sys.exit("no kill fell between the first row and the last: nothing was shown")
