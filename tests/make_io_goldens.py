"""Makes the goldens of tests/io with safetensors, torch, gguf and numpy as the oracles.

usage: make_io_goldens.py FOLDER  (writes FOLDER/io: files to read, and beside each FILE a FILE.json of what it holds)

FILE.json of a tensor file: [{"name", "dtype", "shape", "values"}], where FOLDER/io/values/VALUES.f32 and .f64 are the
oracle's values as raw floats and doubles. FILE.json of an npz: {"name": {"shape", "values", "kind", "half"}}.
"""
import json
import pathlib
import struct
import sys
import zipfile

import gguf
import numpy as np
import safetensors.torch
import torch

ST_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.int64: "I64", torch.int32: "I32",
    torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16",
    torch.uint8: "U8", torch.bool: "BOOL",
}
QUANTS = {  # where the half-precision scales lie in a block
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0],
}


class Folder:
    def __init__(self, path):
        self.path = path
        self.values = path / "values"
        self.values.mkdir(parents=True, exist_ok=True)
        self.count = 0

    def keep(self, name, dtype, shape, f32, f64):
        self.count += 1
        key = f"{self.count:04d}"
        np.ascontiguousarray(f32, dtype="<f4").tofile(self.values / f"{key}.f32")
        np.ascontiguousarray(f64, dtype="<f8").tofile(self.values / f"{key}.f64")
        return {"name": name, "dtype": dtype, "shape": list(shape), "values": key}

    def keep_torch(self, name, tensor):
        tensor = tensor.detach()
        if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64):
            f32, f64 = tensor.numpy().astype(np.float32), tensor.numpy().astype(np.float64)
        else:
            f32, f64 = tensor.to(torch.float32).numpy(), tensor.to(torch.float64).numpy()
        return self.keep(name, ST_NAMES[tensor.dtype], tensor.shape, f32, f64)

    def write_json(self, file, content):
        (self.path / f"{file}.json").write_text(json.dumps(content))


def every_dtype():
    """Every bit pattern of the types of 8 and 16 bits; numbers at the limits of the wider ones."""
    all16 = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
    all8 = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    rng = np.random.default_rng(1)
    f32 = np.concatenate([rng.normal(size=997) * 10.0 ** rng.integers(-40, 38, 997), [0.0, -0.0, 1e-45, 3.4e38]])
    f64 = np.concatenate([rng.normal(size=99) * 10.0 ** rng.integers(-300, 300, 99), [5e-324, 1.7e308]])
    ints = {torch.int64: 63, torch.int32: 31, torch.int16: 15, torch.int8: 7}
    out = {
        "f64": torch.from_numpy(f64), "f32": torch.from_numpy(f32.astype(np.float32)),
        "f16": all16.view(torch.float16).reshape(256, 256), "bf16": all16.view(torch.bfloat16).reshape(16, 4, 1024),
        "e4m3": all8.view(torch.float8_e4m3fn), "e5m2": all8.view(torch.float8_e5m2),
        "u8": all8, "u16": all16, "bool": torch.tensor([True, False, True]),
        "u32": torch.from_numpy(np.array([0, 1, 2**24 + 1, 2**32 - 1], dtype=np.uint32)),
        "u64": torch.from_numpy(np.array([0, 2**53 + 1, 2**63, 2**64 - 1], dtype=np.uint64)),
        "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 7, dtype=torch.float16),
    }
    for dtype, bits in ints.items():
        out[f"i{bits + 1}"] = torch.tensor([-(2**bits), -1, 0, 1, 2**bits - 1], dtype=dtype)
    return {name: tensor.clone() for name, tensor in out.items()}  # safetensors refuses shared memory


def make_safetensors(out):
    tensors = every_dtype()
    safetensors.torch.save_file(tensors, out.path / "all.safetensors", metadata={"format": "pt", "note": "ü"})
    out.write_json("all.safetensors", [out.keep_torch(n, t) for n, t in tensors.items()])
    safetensors.torch.save_file({}, out.path / "empty.safetensors")
    out.write_json("empty.safetensors", [])
    many = {f"layer.{i}.weight": torch.full((2,), float(i), dtype=torch.bfloat16) for i in range(20000)}
    safetensors.torch.save_file(many, out.path / "many.safetensors")

    folder = out.path / "sharded"
    folder.mkdir(exist_ok=True)
    shards = [
        ("model-00001-of-00002.safetensors", ["f64", "f16", "i64"]),
        ("model-00002-of-00002.safetensors", ["bf16", "u8"]),
    ]
    weight_map = {}
    for file, names in shards:
        safetensors.torch.save_file({n: tensors[n] for n in names}, folder / file, metadata={"format": "pt"})
        weight_map |= {n: file for n in names}
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    out.write_json("sharded/model.safetensors.index.json", [out.keep_torch(n, tensors[n]) for n in weight_map])


def blocks_of(name, rng, rows, per_row):
    """Random blocks whose scales are finite, with edge blocks at the front."""
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * per_row, size), dtype=np.uint8)
    special = np.array([0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504.0, -65504.0, -1.0], dtype=np.float16)
    for offset in QUANTS[name]:
        scale = rng.normal(size=len(blocks)).astype(np.float16) * np.float16(0.01)
        scale[: len(special)] = rng.permutation(special)
        blocks[:, offset : offset + 2] = scale.astype("<f2").view(np.uint8).reshape(-1, 2)
    blocks[8], blocks[9, 4:] = 0, 255
    for offset in QUANTS[name]:
        blocks[9, offset : offset + 2] = np.array([-0.37], dtype="<f2").view(np.uint8)
    return blocks.reshape(rows, per_row * size), kind


def make_gguf(out):
    rng = np.random.default_rng(2)
    kept = []
    writer = gguf.GGUFWriter(out.path / "all.gguf", "llama")
    writer.add_custom_alignment(64)
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
        high = 2 ** (int(name.lstrip("uint")) - 1) - 1
        getattr(writer, f"add_{name}")(f"t.{name}", high if name[0] == "u" else -high - 1)
    writer.add_float32("t.float32", 1e-5)
    writer.add_float64("t.float64", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.string", "grüße \N{SLIGHTLY SMILING FACE}")
    writer.add_array("t.strings", ["", "a", "▁b"])
    writer.add_array("t.integers", [1, -2, 3])
    writer.add_array("t.reals", [0.5, -1.25])
    writer.add_array("t.booleans", [True, False])
    for name in QUANTS:
        data, kind = blocks_of(name, rng, 8, 5)
        values = gguf.quants.dequantize(data, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        kept.append(out.keep(name, name, values.shape, values, values))
    for name, dtype in (("F32", "<f4"), ("F64", "<f8"), ("I8", "<i1"), ("I16", "<i2"), ("I32", "<i4"), ("I64", "<i8")):
        values = (rng.normal(size=(3, 5)) * 100).astype(dtype)
        writer.add_tensor(name, values)
        kept.append(out.keep(name, name, values.shape, values, values))
    halves = np.arange(65536, dtype="<u2").view("<f2").reshape(2, 4, 8192)
    writer.add_tensor("F16", halves)
    kept.append(out.keep("F16", "F16", halves.shape, halves, halves))
    brains = rng.integers(0, 0x7F80, (6, 32), dtype=np.uint16)
    values = gguf.quants.dequantize(brains.view(np.uint8), gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("BF16", brains.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    kept.append(out.keep("BF16", "BF16", values.shape, values, values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    out.write_json("all.gguf", kept)
    # Version 2 differs from 3 in nothing but its number.
    content = bytearray((out.path / "all.gguf").read_bytes())
    content[4:8] = struct.pack("<I", 2)
    (out.path / "v2.gguf").write_bytes(content)
    out.write_json("v2.gguf", kept)


def make_pickles(out):
    plain = every_dtype()
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    shared = torch.arange(12, dtype=torch.float64)
    views = {
        "transposed": base.permute(2, 0, 1), "sliced": base[1:, ::2, 3], "scalar": base[2, 3, 4], "row": base[1],
        "expanded": torch.tensor([1.0, 2.0]).expand(3, 2), "one": base[:, 1:2, :].transpose(0, 1),
        "tied_a": shared, "tied_b": shared[4:8], "nothing": base[:0],
    }
    linear = torch.nn.Linear(3, 2).half()
    cases = {
        "all.pt": (plain, plain, {}), "views.pt": (views, views, {}),
        "module.pt": (linear.state_dict(), linear.state_dict(), {}),
        "parameter.pt": ({"p": torch.nn.Parameter(base.clone())}, {"p": base}, {}),
        "leaves.pt": (
            {"w": base, "step": 3, "lr": 0.1, "name": "x", "none": None, "long": 2**80,
             "list": [1, (2, 3)], "size": base.shape, "type": torch.float16, "cfg": {"a": True}},
            {"w": base}, {}),
        "nested.pt": ({"epoch": 4, "state_dict": linear.state_dict()}, linear.state_dict(), {}),
        "protocol4.pt": (views, views, {"pickle_protocol": 4}), "protocol5.pt": (plain, plain, {"pickle_protocol": 5}),
        "legacy.pt": (views, views, {"_use_new_zipfile_serialization": False}),
        "legacy_module.bin": (linear.state_dict(), linear.state_dict(), {"_use_new_zipfile_serialization": False}),
        "empty.pt": ({}, {}, {}),
    }
    for file, (saved, expected, how) in cases.items():
        torch.save(saved, out.path / file, **how)
        loaded = torch.load(out.path / file, weights_only=False)
        assert loaded.keys() == saved.keys()
        out.write_json(file, [out.keep_torch(n, t) for n, t in expected.items()])
    # An archive that someone packed again, compressed.
    with zipfile.ZipFile(out.path / "all.pt") as source:
        with zipfile.ZipFile(out.path / "deflated.pt", "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in source.infolist():
                packed.writestr(entry.filename, source.read(entry))
    out.write_json("deflated.pt", json.loads((out.path / "all.pt.json").read_text()))
    torch.save({"m": torch.nn.Linear(2, 2)}, out.path / "whole_module.refused.pt")
    torch.save([base], out.path / "list.refused.pt")
    torch.save({"a": {"w": base}, "b": {"w": base}}, out.path / "two.refused.pt")
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, out.path / "bomb.refused.pt")
    torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, out.path / "complex.refused.pt")


def npz_arrays():
    rng = np.random.default_rng(3)
    return {
        "f2": rng.normal(size=(3, 4)).astype("<f2"),
        "f4": rng.normal(size=(2, 3, 4)).astype("<f4"), "f8": rng.normal(size=5),
        "big": rng.normal(size=4).astype(">f8"), "fortran": np.asfortranarray(rng.normal(size=(3, 4, 2)).astype("<f4")),
        "i1": np.array([-128, 127], "i1"), "i2": np.array([-5, 5], ">i2"), "i4": np.array([[1], [-2]], "<i4"),
        "i8": np.array([-(2**63), 2**63 - 1]), "u1": np.array([255], "u1"), "u2": np.array([65535], "u2"),
        "u4": np.array([2**32 - 1], "u4"), "u8": np.array([2**63 - 1], "u8"), "bool": np.array([True, False]),
        "texts": np.array(["", "a", "grüße", "\N{SLIGHTLY SMILING FACE}x"]), "text": np.array("alone"),
        "bytes": np.array([b"ab", b"c"]), "scalar": np.array(1.5), "empty": np.zeros((0, 3), "f4"),
        "no_texts": np.array([], "<U3"), "fortran_texts": np.asfortranarray(np.array([["a", "b"], ["c", "d"]])),
        "large": rng.normal(size=(300, 200)).astype("<f4"),
    }


def make_npz(out):
    arrays = npz_arrays()
    expected = {}
    for name, array in arrays.items():
        flat = array.ravel(order="C")
        kind = {"f": "f8" if array.itemsize == 8 else "f4", "U": "text", "S": "text"}.get(array.dtype.kind, "i8")
        values = [v.decode() if isinstance(v, bytes) else v for v in flat.tolist()]
        expected[name] = {"shape": list(array.shape), "kind": kind, "values": values, "half": array.dtype == np.float16}
    np.savez(out.path / "stored.npz", **arrays)
    np.savez_compressed(out.path / "deflated.npz", **arrays)
    with zipfile.ZipFile(out.path / "versions.npz", "w") as packed:
        for name, array in arrays.items():
            with packed.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array, version=(3, 0) if array.dtype.kind == "U" else (2, 0))
    np.savez(out.path / "none.npz")
    for file in ("stored.npz", "deflated.npz", "versions.npz"):
        out.write_json(file, expected)
    out.write_json("none.npz", {})
    np.savez(out.path / "object.refused.npz", a=np.array([{"x": 1}], dtype=object))
    np.savez(out.path / "structured.refused.npz", a=np.zeros(2, dtype=[("x", "f4"), ("y", "i4")]))
    np.savez(out.path / "complex.refused.npz", a=np.zeros(2, dtype="c8"))
    np.savez(out.path / "date.refused.npz", a=np.zeros(2, dtype="M8[s]"))
    np.savez(out.path / "unsigned.refused.npz", a=np.array([2**63], "u8"))


def main():
    out = Folder(pathlib.Path(sys.argv[1]) / "io")
    torch.manual_seed(0)
    make_safetensors(out)
    make_gguf(out)
    make_pickles(out)
    make_npz(out)


if __name__ == "__main__":
    main()
