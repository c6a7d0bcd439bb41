"""Paths that are no plain files, or lead elsewhere; lists of models, labels and probes."""
import os
import socket

import formats as f
from case import ADAPTER, BASE, Case, embed, with_file

INDEX = "model.safetensors.index.json"


def loop(path):
    path.symlink_to(path.name)


def two_links(path):
    path.symlink_to(path.name + "-2")
    (path.parent / (path.name + "-2")).symlink_to(path.name)


def bound(path):
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        s.bind(os.path.relpath(path, here) if len(str(path)) > 100 else str(path))


ODD = {"a symlink to itself": loop, "symlinks in a circle": two_links, "a FIFO": lambda p: os.mkfifo(p),
       "a socket": bound,
       "a link to /dev/zero": lambda p: p.symlink_to("/dev/zero"),
       "a link to /dev/full": lambda p: p.symlink_to("/dev/full"),
       "a link to nothing": lambda p: p.symlink_to("nowhere"), "a folder": lambda p: p.mkdir()}


def odd_files():
    """Every file of a base and of an adapter, replaced by what is no file."""
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        for what, put in ODD.items():
            if (file, what) == ("tokenizer.json", "a link to nothing"):
                continue  # as good as none: the older files are looked for
            def make(folder, file=file, put=put):
                f.make_base(folder / "base")
                (folder / "base" / file).unlink()
                put(folder / "base" / file)
            yield Case(f"path: a base's {file} is {what}", make, embed(ADAPTER, base="base"), ["base"],
                       absent=("out.npz",))
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        for what, put in ODD.items():
            def make(folder, file=file, put=put):
                f.make_adapter(folder / "bad")
                (folder / "bad" / file).unlink()
                put(folder / "bad" / file)
            yield Case(f"path: an adapter's {file} is {what}", make, embed("bad"), ["bad"], absent=("out.npz",))
    for what, put in ODD.items():
        if what == "a folder":
            continue
        yield Case(f"path: a model is {what}", lambda folder, put=put: put(folder / "bad"), embed("bad"), ["bad"],
                   absent=("out.npz",))
        yield Case(f"path: a base is {what}", lambda folder, put=put: put(folder / "bad"), embed(ADAPTER, base="bad"),
                   ["bad"])
        yield Case(f"path: a store is {what}", lambda folder, put=put: put(folder / "s.db"), ["ls", "--store", "s.db"],
                   ["s.db"])
        yield Case(f"path: a list is {what}", lambda folder, put=put: put(folder / "l.txt"), embed("@l.txt"), ["l.txt"])
        yield Case(f"path: an npz is {what}", lambda folder, put=put: put(folder / "e.npz"),
                   ["import", "--store", "s.db", "e.npz"], ["e.npz"])
        yield Case(f"path: probes are {what}", lambda folder, put=put: put(folder / "p.txt"),
                   embed(ADAPTER, more=("--probes", "p.txt")), ["p.txt"])


def linked_shards():
    whole = f.safetensors(f.llama_tensors())
    shard, secret = "shard.safetensors", "secret.safetensors"
    index = {"weight_map": {name: shard for name in f.llama_tensors()}}

    def base_with(put):
        def make(folder):
            f.make_base(folder / "base")
            (folder / "base/model.safetensors").unlink()
            f.write(folder / secret, whole)
            f.write(folder / "base" / INDEX, index)
            put(folder / "base")
        return make

    def through_folder(base):
        (base / "out").symlink_to("..")
        f.write(base / INDEX, {"weight_map": {name: f"out/{secret}" for name in f.llama_tensors()}})

    for what, put in {"a link out of the folder": lambda b: (b / shard).symlink_to(f"../{secret}"),
                      "an absolute link": lambda b: (b / shard).symlink_to(b.parent / secret),
                      "a link to a link out": lambda b: ((b / "two").symlink_to(f"../{secret}"),
                                                         (b / shard).symlink_to("two")),
                      "behind a linked folder": through_folder,
                      "a link to itself": lambda b: loop(b / shard),
                      "a FIFO": lambda b: os.mkfifo(b / shard),
                      "a link to a device": lambda b: (b / shard).symlink_to("/dev/zero")}.items():
        yield Case(f"path: a shard is {what}", base_with(put), embed(ADAPTER, base="base"), ["base"],
                   absent=("out.npz",))


def lists():
    def many(folder):
        for i in range(20):
            f.write(folder / f"{i}.txt", f"@{i + 1}.txt\n")
    yield Case("list: twenty lists deep", many, embed("@0.txt"), [".txt"], exit=2)
    yield with_file("list: a list that names itself", "l.txt", "@l.txt\n", embed("@l.txt"), ["l.txt"], exit=2)
    yield with_file("list: a list that names itself twice", "l.txt", "@l.txt\n@l.txt\n" * 8, embed("@l.txt"),
                    ["l.txt"], exit=2)
    yield with_file("list: of a model that is not there", "l.txt", "no/such/folder\n", embed("@l.txt"),
                    ["no/such/folder"])
    yield Case("list: of binary data", lambda folder: f.write(folder / "l.txt", bytes(range(1, 10)) + b"\xff\xfe"),
               embed("@l.txt"), ["\\x"])


def labels():
    def run(*more):
        return embed(ADAPTER, more=more)
    yield with_file("labels: three fields", "l.csv", "a,b,c\n", run("--labels", "l.csv"), ["l.csv", "row 1"])
    yield with_file("labels: a quote that stays open", "l.csv", 'a,"b\n', run("--labels", "l.csv"), ["l.csv", "quote"])
    yield with_file("labels: two labels", "l.csv", "a,b\na,c\n", run("--labels", "l.csv"), ["l.csv", "row 2"])
    yield with_file("labels: binary data", "l.csv", bytes(range(256)), run("--labels", "l.csv"), ["l.csv"])
    yield Case("labels: an expression that is none", lambda folder: None, run("--label-regex", "(("), ["(("], exit=2)
    yield Case("labels: a missing file", lambda folder: None, run("--labels", "none.csv"), ["none.csv"])


def probes():
    def run(file):
        return embed(ADAPTER, more=("--probes", file))
    for name, file, content, says in (
            ("an empty text", "p.txt", b"", []), ("blank lines", "p.txt", b"\n \n\t\n", []),
            ("no JSON", "p.json", b"{", ["JSON"]), ("a list", "p.json", b"[]", []),
            ("no probes", "p.json", b"{}", ["probes"]),
            ("probes that are a text", "p.json", b'{"probes": "x"}', ["probes"]),
            ("a probe that is a number", "p.json", b'{"probes": [5]}', ["probes"]),
            ("a template with a field of its own", "p.json", b'{"templates": ["{evil}"]}', ["templates"]),
            ("nested deep", "p.json", b"[" * 100000, ["nesting"]),
            ("a line that is no JSON", "p.jsonl", b'{"text": "a"}\nx\n', ["2"]),
            ("a line without a text", "p.jsonl", b'{"text": "a"}\n{"t": 1}\n', ["2", "text"]),
            ("a line nested deep", "p.jsonl", b"[" * 100000, ["nesting"]),
            ("65 MiB", "p.txt", lambda: b"a" * (65 << 20), ["large"])):
        yield with_file(f"probes: {name}", file, content, run(file), [file, *says], absent=("out.npz",))
    yield with_file("probes: another kind of file", "p.exe", b"a", run("p.exe"), ["p.exe"], exit=2)


def outputs():
    yield Case("output: a folder that is not there", lambda folder: None,
               ["embed", "--base", BASE, "--out", "no/out.npz", ADAPTER], ["no"])
    yield Case("output: a store in a folder that is not there", lambda folder: None,
               ["embed", "--base", BASE, "--store", "no/s.db", ADAPTER], ["no/s.db"])
    yield Case("output: a full device as npz", lambda folder: (folder / "full.npz").symlink_to("/dev/full"),
               ["embed", "--base", BASE, "--out", "full.npz", ADAPTER], ["/dev/full"])
    yield Case("output: a device of another kind", lambda folder: None,
               ["embed", "--base", BASE, "--out", "/dev/full", ADAPTER], ["/dev/full"],
               exit=2)


def cases():
    yield from odd_files()
    yield from linked_shards()
    yield from lists()
    yield from labels()
    yield from probes()
    yield from outputs()
