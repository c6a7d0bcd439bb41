#!/usr/bin/env python3
"""Full disks and folders that may not be written: one clear line, exit 1, and nothing half-written in a result's place.

writing.py --program P
A limit on the size of files plays the full disk everywhere; where this process may mount, a small file system that is
full and one that is read-only are used too.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import formats as f  # noqa: E402

ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "OMP_WAIT_POLICY": "passive"}
OLD = b"what was here before"


class Suite:
    def __init__(self, program, folder, downloads):
        self.program, self.folder, self.cases, self.failed, self.downloads = program, folder, 0, 0, downloads
        f.make_base(folder / "base")
        self.pool = [str(f.make_adapter(folder / f"pool/v{i}",
                                        tensors=f.lora_tensors(seed=700 + 40 * i))) for i in range(8)]
        f.make_store(folder / "sound.db", [f"row{i}" for i in range(300)], dim=512)

    def run(self, command, limit=None, environment=None):
        def prepare():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return subprocess.run([self.program, *command], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              env={**ENVIRONMENT, **(environment or {})}, preexec_fn=prepare)

    def expect(self, name, command, says, check=lambda: None, **how):
        """The command fails with one line that has these words; `check` says what is wrong afterwards, or None."""
        self.cases += 1
        done = self.run(command, **how)
        lines = done.stderr.decode(errors="backslashreplace").splitlines()
        wrong = []
        if done.returncode != 1:
            wrong.append(f"exit {done.returncode}")
        if len(lines) != 1 or len(lines[0]) >= 400 or not lines[0].startswith("error: "):
            wrong.append("not one line of an error")
        wrong += [f"no word of {word!r}" for word in says if word not in "\n".join(lines)]
        wrong += [problem for problem in [check()] if problem]
        if wrong:
            self.failed += 1
            print(f"FAILED {name}: {'; '.join(wrong)}\n    {done.stderr.decode(errors='backslashreplace')[:1000]}")

    def embed(self, *targets):
        return ["embed", "--base", str(self.folder / "base"), *targets, *self.pool]


def old_is_kept(file):
    """A result that was there is there still, and nothing beside it."""
    def check():
        if file.read_bytes() != OLD:
            return f"{file.name} was replaced or half-written"
        rest = [p.name for p in file.parent.iterdir() if p.name.startswith(file.name) and p != file]
        return f"left behind: {rest}" if rest else None
    file.write_bytes(OLD)
    return check


def rows_are_whole(suite, store, most):
    """What a store holds after a failure can be listed and exported, and is not everything."""
    def check():
        listed = suite.run(["ls", "-q", "--store", str(store)])
        none_yet = any(words in listed.stderr for words in (b"there is no store", b"the file is empty",
                                                            b"it has no tables"))
        if listed.returncode != 0 and not none_yet:
            return f"ls: {listed.stderr.decode()[:300]}"
        count = len(listed.stdout.split())
        if count and suite.run(["export", "--store", str(store), "--out",
                                str(suite.folder / "check.json")]).returncode != 0:
            return "the rows that are there cannot be read"
        return "all rows are there: nothing was full" if count >= most else None
    return check


def limited(suite):
    out, page, exported = (suite.folder / name for name in ("out.npz", "map.html", "out.csv"))
    for limit in (0, 100, 1000):
        suite.expect(f"npz, files of {limit} bytes", suite.embed("--out", str(out)), ["out.npz", "File too large"],
                     old_is_kept(out),
                     limit=limit)
    suite.expect("map, small files", ["map", "--store", "sound.db", "--projection", "pca", "--out", str(page)],
                 ["map.html", "File too large"],
                 old_is_kept(page), limit=50000)
    for suffix in ("csv", "json", "npz"):
        exported = suite.folder / f"out.{suffix}"
        suite.expect(f"export to {suffix}, small files", ["export", "--store", "sound.db", "--out", str(exported)],
                     [exported.name, "File too large"], old_is_kept(exported), limit=50000)
    for limit in (4096, 20000, 60000):
        store = suite.folder / f"limited-{limit}.db"
        suite.expect(f"store, files of {limit} bytes", ["import", "--store", str(store), "sound.db"], [store.name],
                     rows_are_whole(suite, store, 300), limit=limit)


def unwritable(suite):
    # /proc takes no new files, whoever asks.
    for name, command, says in (
            ("npz", suite.embed("--out", "/proc/out.npz"), ["/proc/out.npz"]),
            ("store", suite.embed("--store", "/proc/s.db"), ["/proc/s.db", "writable"]),
            ("map", ["map", "--store", "sound.db", "--projection", "pca", "--out", "/proc/map.html"],
             ["/proc/map.html"]),
            ("export", ["export", "--store", "sound.db", "--out", "/proc/out.csv"], ["/proc/out.csv"]),
            ("import", ["import", "--store", "/proc/s.db", "sound.db"], ["/proc/s.db", "writable"])):
        suite.expect(f"{name} where nothing may be written", command, says)
    full = suite.folder / "full.npz"
    full.symlink_to("/dev/full")
    suite.expect("npz through a link to a full device", suite.embed("--out", str(full)), ["/dev/full"])


class Hub:
    """Plays the hub (tests/hub/play_hub.py) with one base, tiny/llama, and says where it is."""

    def __init__(self, suite):
        f.make_base(suite.folder / "hub/repositories/tiny/llama")
        self.process = subprocess.Popen([sys.executable, f.ROOT / "tests/hub/play_hub.py", suite.folder / "hub"],
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().split()[0]

    def __enter__(self):
        return lambda cache: {"HF_ENDPOINT": f"http://127.0.0.1:{self.port}", "HF_HUB_OFFLINE": "0",
                              "HF_HUB_CACHE": str(cache), "no_proxy": "*"}

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def cached(suite, small=None):
    """Downloads into a cache that is full (`small`: a full disk; else by a limit) or may not be written."""
    command = ["tokenize", "--base", "tiny/llama", "--file", str(suite.folder / "base/config.json")]

    def no_snapshot(cache):
        def check():
            done = [p for p in cache.rglob("snapshots/*/model.safetensors") if p.exists()]
            return f"a half file is a result: {done}" if done else None
        return check

    with Hub(suite) as hub:
        if small:
            suite.expect("a download onto a full disk", command, ["no room"], no_snapshot(small),
                         environment=hub(small))
            return
        suite.expect("a download where nothing may be written", command, ["/proc/cache"],
                     environment=hub("/proc/cache"))
        cache = suite.folder / "cache"
        suite.expect("a download, files of 20 kB", command, ["File too large"], no_snapshot(cache), limit=20000,
                     environment=hub(cache))
        suite.cases += 1
        again = suite.run(command, environment=hub(cache))
        if again.returncode != 0:
            suite.failed += 1
            print(f"FAILED a download is not completed where there is room again: {again.stderr.decode()[:300]}")


def mounted(suite):
    """Runs in a mount namespace of its own (see main)."""
    disk = suite.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=True)
    store = disk / "s.db"
    suite.expect("store on a full disk", ["import", "--store", str(store), "sound.db"], ["s.db", "disk"],
                 rows_are_whole(suite, store, 300))
    for end in ("", "-wal", "-shm"):
        Path(f"{store}{end}").unlink(missing_ok=True)
    out, page = disk / "out.npz", disk / "map.html"
    keep = old_is_kept(out)
    (disk / "filler").write_bytes(bytes(180 << 10))
    suite.expect("npz on a full disk", ["export", "--store", "sound.db", "--out", str(out)],
                 ["out.npz", "No space left"], keep)
    suite.expect("map on a full disk", ["map", "--store", "sound.db", "--projection", "pca", "--out", str(page)],
                 ["map.html", "No space left"],
                 lambda: "a map was left" if page.exists() else None)
    if suite.downloads:
        cached(suite, disk)
    (disk / "filler").unlink()
    f.make_store(disk / "kept.db", ["a", "b"])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    suite.expect("store on a read-only disk", suite.embed("--store", str(disk / "new.db")), ["new.db", "writable"])
    suite.expect("a kept store on a read-only disk", suite.embed("--store", str(disk / "kept.db")),
                 ["kept.db", "writable"])
    suite.expect("npz on a read-only disk", suite.embed("--out", str(out)), ["out.npz", "Read-only"])
    suite.expect("map on a read-only disk", ["map", "--store", "sound.db", "--projection", "pca", "--out", str(page)],
                 ["map.html", "Read-only"])
    suite.cases += 1
    if suite.run(["ls", "-q", "--store", str(disk / "kept.db")]).stdout.split() != [b"a", b"b"]:
        suite.failed += 1
        print("FAILED a store on a read-only disk cannot be read")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--no-downloads", action="store_true", help="the program was built without libcurl")
    arguments.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if not options.in_namespace:
        apart = ["unshare", "--mount", "--map-root-user", "--user"]
        may_mount = subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                                   capture_output=True).returncode == 0
        if may_mount:
            sys.exit(subprocess.run([*apart, sys.executable, "-B", __file__, *sys.argv[1:],
                                     "--in-namespace"]).returncode)
        print("SKIPPED the small and the read-only file system: this process may not mount")
    with tempfile.TemporaryDirectory() as above:
        suite = Suite(str(Path(options.program).resolve()), Path(above), not options.no_downloads)
        limited(suite)
        unwritable(suite)
        if options.in_namespace:
            mounted(suite)
            subprocess.run(["umount", Path(above) / "disk"], check=True)
        if suite.downloads:
            cached(suite)
        else:
            print("SKIPPED downloads: the program was built without libcurl")
    print(f"{suite.cases} cases, {suite.failed} failed")
    sys.exit(suite.failed > 0)


if __name__ == "__main__":
    main()
