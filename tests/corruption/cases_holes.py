"""Small files that claim gigabytes: holes, bombs, and texts that take many times their size once read."""
import struct

import formats as f
from case import ADAPTER, BASE, Case, embed, with_adapter, with_base, with_file

GIB = 1 << 30


def sparse(name, file, head, command, says, tail=b"", size=3 * GIB, **more):
    """`head`, holes, `tail`: a file of `size` bytes that takes some kilobytes of the disk."""
    def make(folder):
        path = f.write(folder / file, head)
        with open(path, "r+b") as out:
            out.truncate(size)
            out.seek(size - len(tail))
            out.write(tail)

    return Case(f"holes: {name}", make, command, [file.split("/")[-1], *says], **more)


def gguf(name, says, head):
    return sparse(name, "m.gguf", head, embed(ADAPTER, base="m.gguf"), says, absent=("out.npz",))


def npz_of_holes():
    """A stored entry of three gigabytes of zeros, at whose end the archive's directory lies."""
    array = f.npy("<f4", (3 * GIB // 16, 4), b"")
    size, name = len(array) + 3 * GIB, b"embeddings.npy"
    local = struct.pack("<IHHHHHIIIHH", 0x04034b50, 20, 0, 0, 0, 0, 0, size, size, len(name), 0) + name
    central = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 20, 20, 0, 0, 0, 0, 0, size, size, len(name), 0, 0, 0, 0, 0,
                          0) + name
    begin = len(local) + size
    end = struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 1, 1, len(central), begin, 0)
    return local + array, central + end, begin + len(central) + len(end)


def cases():
    head = lambda keys, tensors=0: b"GGUF" + struct.pack("<IQQ", 3, tensors, keys)  # noqa: E731
    key = f.gguf_string("k")
    yield gguf("a GGUF's text of 3 GB", ["k"], head(1) + key + struct.pack("<IQ", f.STRING, 3 * GIB - 100))
    yield gguf("a GGUF's list of 3e9 bytes", ["k"], head(1) + key + struct.pack("<IIQ", f.ARRAY, f.U8, 3 * 10**9))
    yield gguf("a GGUF's list of 3e8 texts", ["k"], head(1) + key + struct.pack("<IIQ", f.ARRAY, f.STRING, 3 * 10**8))
    yield gguf("a GGUF's 1e8 tensors", ["tensors"], head(0, 10**8))
    yield gguf("a GGUF tensor's name of 3 GB", ["name"], head(0, 1) + struct.pack("<Q", 3 * GIB - 100))
    train = ["train", "--base", BASE, "--data", "d.jsonl", "--out", "out"]
    yield sparse("examples", "d.jsonl", b'{"prompt": "', train, ["line 1"], absent=("out",))
    yield sparse("examples in a list", "d.jsonl", b'[{"prompt": "', train, ["line 1"], absent=("out",))
    yield sparse("a safetensors header", "bad/adapter_model.safetensors", struct.pack("<Q", 99_999_999) + b"{",
                 embed("bad"), [], absent=("out.npz",))
    begin, end, size = npz_of_holes()
    yield sparse("an npz", "e.npz", begin, ["import", "--store", "s.db", "e.npz"], ["embeddings"], tail=end, size=size)
    lists = lambda: "[" + "[]," * 20_000_000 + "0]"  # noqa: E731
    objects = lambda: "[" + '{"a":0},' * 7_000_000 + "0]"  # noqa: E731
    for name, text in (("lists", lists), ("objects", objects)):
        yield with_base(f"holes: a config.json of {name}", ["memory"], files={"config.json": text})
        yield with_base(f"holes: a tokenizer.json of {name}", ["memory"], files={"tokenizer.json": text})
        yield with_adapter(f"holes: an adapter_config.json of {name}", ["memory"], files={"adapter_config.json": text})
    yield with_base("holes: merges in a tokenizer.json", ["memory"],
                    files={"tokenizer.json": lambda: '{"model": {"type": "BPE", "vocab": {}, "merges": [' +
                                                     '"a b",' * 12_000_000 + '"a b"]}}'})
    for name, code in (("lists that are dropped", b"]0"), ("a memo", b"]\x940"), ("dicts", b"}0"), ("tuples", b")0")):
        yield with_adapter(f"holes: a pickle of {name}", ["memory"],
                           files={"adapter_model.bin": lambda code=code: f.zip_of(
                               {"archive/data.pkl": b"\x80\x02" + code * 2**24 + b"}."})})
    yield with_file("holes: labels", "l.csv", lambda: b"".join(b"%d,b\n" % i for i in range(4_000_000)),
                    embed(ADAPTER, more=("--labels", "l.csv")), ["l.csv"])
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    page = "<!DOCTYPE html>\n<html><body>Entry not found</body></html>"
    for what, says, content in (("the pointer of git LFS", "git lfs pull", pointer), ("a web page", "web page", page)):
        for file in ("config.json", "tokenizer.json"):
            yield with_base(f"stand-in: {what} as a base's {file}", [file, says], files={file: content})
        yield with_base(f"stand-in: {what} as a base's model.safetensors", [says], files={"model.safetensors": content})
        for file in ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"):
            yield with_adapter(f"stand-in: {what} as an adapter's {file}", [file, says], files={file: content})
        yield with_file(f"stand-in: {what} as a GGUF", "m.gguf", content, embed(ADAPTER, base="m.gguf"),
                        ["m.gguf", says])
        yield with_file(f"stand-in: {what} as examples", "d.jsonl", content, train, ["d.jsonl", says])
