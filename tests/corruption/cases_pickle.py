"""torch.save files: pickles that would run code, in many ways of writing it; archives and streams that are wrong.

Python's own pickle runs every program of LIVE, and the file case.MARKER tells (run.py checks that it does).
"""
import struct

import formats as f
from case import MARKER, with_adapter

FILE = "adapter_model.bin"
SHELL = f"touch {MARKER}"
PYTHON = f"open({MARKER!r}, 'w')"


def binunicode(text):
    return f.p_text(text)


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


# name -> pickle, without PROTO: each runs SHELL or PYTHON.
LIVE = {
    "os.system by GLOBAL": b"cos\nsystem\n(" + binunicode(SHELL) + b"tR.",
    "posix.system by GLOBAL": b"cposix\nsystem\n" + binunicode(SHELL) + b"\x85R.",
    "os.system by STACK_GLOBAL": short("os") + short("system") + b"\x93" + short(SHELL) + b"\x85R.",
    "STACK_GLOBAL with names from the memo": short("os") + b"\x94" + short("system") + b"\x9400h\x00h\x01\x93" + short(SHELL) + b"\x85R.",
    "os.system by INST": b"(S'" + SHELL.encode() + b"'\nios\nsystem\n.",
    "os.system by OBJ": b"(cos\nsystem\n" + binunicode(SHELL) + b"o.",
    "builtins.eval": b"cbuiltins\neval\n" + binunicode(PYTHON) + b"\x85R.",
    "builtins.exec": b"cbuiltins\nexec\n" + binunicode(PYTHON) + b"\x85R.",
    "getattr by getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n" + binunicode("os") + b"\x85R" + binunicode("system") + b"tR" +
                          binunicode(SHELL) + b"\x85R.",
    "operator.methodcaller": b"coperator\nmethodcaller\n(" + binunicode("system") + binunicode(SHELL) + b"tR(cbuiltins\n__import__\n" +
                             binunicode("os") + b"\x85RtR.",
    "a qualified name (os.path.os.system)": b"\x80\x04" + short("os.path") + short("os.system") + b"\x93" + short(SHELL) + b"\x85R.",
    "functools.partial": b"cfunctools\npartial\n(cos\nsystem\n" + binunicode(SHELL) + b"tR)R.",
    "map and list": b"cbuiltins\nlist\n(cbuiltins\nmap\n(cos\nsystem\n](" + binunicode(SHELL) + b"etRtR.",
    "runpy": b"crunpy\n_run_code\n(" + binunicode(PYTHON) + b"}tR.",
    "BUILD into a module's state": b"cbuiltins\n__import__\n" + binunicode("os") + b"\x85R}(" + binunicode("x") +
                                   b"cos\nsystem\n" + binunicode(SHELL) + b"\x85RubN.",
    "timeit": b"ctimeit\ntimeit\n(" + binunicode(PYTHON) + binunicode("pass") + b"ctime\ntime\nK\x01tR.",
    "pty.spawn": b"cpty\nspawn\n(](" + b"".join(binunicode(w) for w in SHELL.split()) + b"etR.",
    "code hidden behind a good dict": b"}(" + binunicode("w") + b"cos\nsystem\n" + binunicode(SHELL) + b"\x85Ru.",
    "code as a key": b"}(cos\nsystem\n" + binunicode(SHELL) + b"\x85RNu.",
    "subprocess.call": b"csubprocess\ncall\n(](" + b"".join(binunicode(w) for w in SHELL.split()) + b"etR.",
}

# Programs that need something of the process that reads them (an extension registry, a class with __setstate__, a
# persistent_load): refused all the same.
OTHERS = {
    "NEWOBJ of a class": b"csubprocess\nPopen\n(" + binunicode(SHELL) + b"t\x81.",
    "NEWOBJ_EX of a class": b"csubprocess\nPopen\n(" + binunicode(SHELL) + b"t}\x92.",
    "BUILD with __setstate__": b"ctorch.nn\nModule\n)\x81}(" + binunicode("__setstate__") + b"cos\nsystem\nub.",
    "BUILD of __reduce__": b"ccollections\nOrderedDict\n)R}(" + binunicode("__reduce__") + b"cos\nsystem\nub.",
    "EXT1": b"\x82\x01(" + binunicode(SHELL) + b"tR.",
    "EXT2": b"\x83\x01\x01(" + binunicode(SHELL) + b"tR.",
    "EXT4": b"\x84\x01\x01\0\0(" + binunicode(SHELL) + b"tR.",
    "PERSID": b"Pos.system\n.",
    "BINPERSID of a call": b"(" + binunicode("storage") + b"cos\nsystem\n" + binunicode("0") + binunicode("cpu") + b"K\x04tQ.",
    "BINPERSID of a call's result": b"cos\nsystem\n" + binunicode(SHELL) + b"\x85RQ.",
    "torch.load inside": b"ctorch\nload\n(" + binunicode("other.bin") + b"tR.",
    "torch.hub.load": b"ctorch.hub\nload\n(" + binunicode("evil/evil") + binunicode("x") + b"tR.",
    "torch.jit": b"ctorch.jit\nload\n(" + binunicode("other.bin") + b"tR.",
    "torch.storage._load_from_bytes": b"ctorch.storage\n_load_from_bytes\n(B\x04\0\0\0abcdtR.",
    "torch._utils._rebuild_device_tensor_from_numpy": b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n(NNNNtR.",
    "a whole module": b"ctorch.nn.modules.linear\nLinear\n)\x81}b.",
    "numpy's reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR.",
    "_rebuild_tensor_v2 of a call": b"ctorch._utils\n_rebuild_tensor_v2\n(cos\nsystem\n" + binunicode(SHELL) + b"\x85RK\0))\x89ccollections\nOrderedDict\n)RtR.",
    "_rebuild_tensor_v2 with hooks": b"ctorch._utils\n_rebuild_tensor_v2\n(" + f.p_storage() + b"K\0(K\x02t(K\x01t\x89cos\nsystem\ntR.",
    "a global with a newline's tricks": b"ctorch._utils\n_rebuild_tensor_v2 \ncos\nsystem\n.",
    "collections.OrderedDict called on code": b"ccollections\nOrderedDict\n(cos\nsystem\ntR.",
}

# Programs that are wrong, or ask for much.
BROKEN = {
    "no STOP": b"}",
    "nothing but STOP": b".",
    "STOP with an empty dict's key missing": b"}(" + binunicode("a") + b"u.",
    "an unknown opcode": b"\xff.",
    "a text of 4 GB": b"X\xff\xff\xff\xff.",
    "a text of 2^63": b"\x8d\0\0\0\0\0\0\0\x80.",
    "bytes of 2^64 - 1": b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
    "an integer of 2^31 - 1 digits": b"\x8b\xff\xff\xff\x7f.",
    "a text in broken UTF-8": b"X\x02\0\0\0\xff\xfe.",
    "a memo that is not there": b"h\x05.",
    "a memo at 2^32 - 1": b"]r\xff\xff\xff\xff0j\xfe\xff\xff\xff.",
    "a tuple without a mark": b"t.",
    "a hundred thousand marks": b"(" * 100000 + b"t.",
    "a list in itself": b"]q\0h\0ah\0.",
    "lists 1000000 deep": b"]" * 1000000 + b"a" * 999999 + b".",
    "tuples that double (a billion laughs)": b")" + b"2\x86" * 40 + b".",
    "a frame beyond the file": b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.",
    "a dict whose key is a dict": b"}(}Nu.",
    "a number": b"K\x05.",
}


def archive(name, says, code, storages=None, **more):
    return with_adapter(f"pickle: {name}", [FILE, *says], files={FILE: f.torch_zip(code, storages, **more)})


def plain(name, says, content):
    return with_adapter(f"pickle: {name}", [FILE, *says], files={FILE: content})


def cases():
    for name, code in {**LIVE, **OTHERS, **BROKEN}.items():
        yield plain(name, [], f.zip_of({"archive/data.pkl": b"\x80\x04" + code, "archive/data/0": f.floats(4)}))
    for name in ("os.system by GLOBAL", "os.system by INST", "builtins.eval"):
        yield plain(f"{name}, in the older stream", [],
                    f.LEGACY_MAGIC + f.pickled(b"M\xe9\x03") + f.pickled(b"}") + b"\x80\x02" + LIVE[name])
        yield plain(f"{name}, in protocol 0 alone", [], LIVE[name])
    yield plain("code in the older stream's first pickle", [], b"\x80\x02" + LIVE["os.system by GLOBAL"])
    yield plain("code in a second pickle of the archive", [], f.zip_of({
        "archive/data.pkl": f.pickled(b"}"), "evil/data.pkl": b"\x80\x02" + LIVE["os.system by GLOBAL"]}))
    yield plain("an archive in the archive", [],
                f.zip_of({"archive/data.pkl": f.zip_of({"data.pkl": LIVE["os.system by GLOBAL"]})}))
    yield plain("TorchScript's code beside the pickle", [], f.zip_of({
        "archive/data.pkl": b"\x80\x02c__torch__\nModule\n)\x81}b.", "archive/code/__torch__.py": PYTHON.encode()}))

    name, good = f.lora_name(0, "q_proj", "A"), f.floats(4)
    one = lambda **kind: f.p_dict([(name, f.p_tensor(**kind))])  # noqa: E731
    yield archive("a storage is missing", ["data/0"], one())
    yield archive("a storage that is too small", [name], one(), {"0": good[:8]})
    yield archive("a view beyond its storage", [name], one(offset=2), {"0": good})
    yield archive("an offset of 2^62", [name], one(offset=2**62), {"0": good})
    yield archive("a negative offset", [], one(offset=-1), {"0": good})
    yield archive("a negative size", ["shape"], one(shape=(-2, 2)), {"0": good})
    yield archive("a negative stride", [], one(strides=(-2, 1)), {"0": good})
    yield archive("a size of 2^62", [name], one(shape=(2**62, 4)), {"0": good})
    yield archive("a stride of 2^62", [name], one(strides=(2**62, 2**62)), {"0": good})
    yield archive("strides of 0 that make 4 TB of 4 numbers", [name], one(shape=(2**20, 2**20), strides=(0, 0)),
                  {"0": good})
    yield archive("more strides than sizes", [], one(strides=(2, 1, 1)), {"0": good})
    yield archive("a storage of 2^60 numbers", [name], one(count=2**60), {"0": good})
    yield archive("a storage of an unknown type", ["ComplexStorage"], one(kind="ComplexStorage"), {"0": good})
    yield archive("a storage above the archive", [], one(key="../../../etc/passwd"), {"0": good})
    yield archive("a tensor named by a number", [], b"}K\x05" + f.p_tensor() + b"s", {"0": good})
    yield archive("two dicts of tensors", [],
                  f.p_dict([("a", f.p_dict([("w", f.p_tensor())])), ("b", f.p_dict([("w", f.p_tensor())]))]),
                  {"0": good})
    yield archive("saved on a big-endian machine", ["big-endian"], one(), {"0": good},
                  extra={"archive/byteorder": b"big"})
    whole = f.torch_zip(one(), {"0": good})
    yield plain("a zip without a pickle", ["data.pkl"], f.zip_of({"a.txt": b"text"}))
    yield plain("a zip cut off", [], whole[:-30])
    yield plain("a zip cut in the middle", [], whole[:len(whole) // 2])
    yield plain("a zip whose content has changed", [], whole.replace(good, bytes(16)))
    yield plain("an empty file", [], b"")
    yield plain("a text", [], b"no pickle, but a text")
    yield plain("safetensors under the wrong name", [], f.safetensors(f.lora_tensors()))
    bomb = lambda: f.zip_of({"archive/data.pkl": f.pickled(one(count=2**26, shape=(2**13, 2**13), strides=(2**13, 1))),
                     "archive/data/0": bytes(2**28)}, compress=True)  # noqa: E731
    yield plain("a zip bomb of 256 MiB", [], bomb)
    yield plain("a zip bomb as the pickle", ["data.pkl"],
                lambda: f.zip_of({"archive/data.pkl": b"\x80\x02" + b"]0" * 2**25 + b"}."}, compress=True))
    claimed = bytearray(whole)
    at = whole.rindex(b"PK\1\2")
    struct.pack_into("<I", claimed, at + 24, 2**31)
    yield plain("a zip entry that claims 2 GiB", [], bytes(claimed))
    stream = f.torch_legacy(one())
    yield plain("the older stream cut off", [], stream[:-3])
    yield plain("the older stream with 2^61 numbers", [], stream[:-24] + struct.pack("<Q", 2**61) + good)
    yield plain("the older stream with a storage nobody uses", [], f.torch_legacy(one(), ("9",)))
    yield archive("an adapter of half a module", [name], one(), {"0": good})
