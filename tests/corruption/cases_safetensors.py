"""safetensors: a base in one file, and in shards with an index."""
import json
import struct

import formats as f
from case import with_adapter, with_base

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def raw(name, says, header, data=bytes(8), length=None):
    return with_base(f"safetensors: {name}", [FILE, *says], tensors=f.safetensors_raw(header, data, length))


def without(name):
    return {key: value for key, value in f.llama_tensors().items() if key != name}


def indexed(name, says, index, shards=None):
    files = {FILE: None, INDEX: index, **(shards or {})}
    return with_base(f"shards: {name}", says, files=files)


def cases():
    q = "model.layers.0.self_attn.q_proj.weight"
    whole = f.safetensors(f.llama_tensors())
    yield with_base("safetensors: an empty file", [FILE], tensors=b"")
    yield with_base("safetensors: five bytes", [FILE], tensors=whole[:5])
    yield with_base("safetensors: cut in its header", [FILE, "header"], tensors=whole[:200])
    yield with_base("safetensors: cut in its data", [FILE], tensors=whole[:-1])
    yield with_base("safetensors: a byte too many", [FILE], tensors=whole + b"\0")
    yield with_base("safetensors: a text", [FILE], tensors=b"This is no tensor file at all, but a text of some length.")
    yield with_base("safetensors: a page in HTML", [FILE], tensors=b"<!DOCTYPE html><html><body>404</body></html>")
    yield with_base("safetensors: the pointer of git LFS", [FILE],
                    tensors=b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")
    for length in (0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 8):
        yield raw(f"a header of {length} bytes", ["header"] if length > 1 else [], {"a": entry()}, length=length)
    yield raw("a header that is no JSON", [], b"{'a': 1}")
    yield raw("a header that is a list", [], b"[]")
    yield raw("a header that is a number", [], b"1e999999999")
    yield raw("a header with a NUL", [], b'{"a\0": 1}')
    yield raw("a header in broken UTF-8", [], b'{"\xff\xfe": 1}')
    yield raw("a header nested 100000 deep", [], b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}")
    yield raw("a header nested in objects", [], b'{"a":' * 50000 + b"1" + b"}" * 50000)
    yield raw("a tensor twice", ["a"],
              b'{"a":' + json.dumps(entry()).encode() + b',"a":' + json.dumps(entry()).encode() + b"}")
    yield raw("a tensor that is a number", ["a"], {"a": 1})
    yield raw("a tensor that is null", ["a"], {"a": None})
    yield raw("no dtype", ["a"], {"a": {"shape": [2], "data_offsets": [0, 8]}})
    yield raw("an unknown dtype", ["a", "Q9"], {"a": entry("Q9")})
    yield raw("a dtype that is a number", ["a"], {"a": entry(5)})
    yield raw("no shape", ["a"], {"a": {"dtype": "F32", "data_offsets": [0, 8]}})
    yield raw("a negative dimension", ["a"], {"a": entry(shape=(-2,))})
    yield raw("a fractional dimension", ["a"], {"a": entry(shape=(2.5,))})
    yield raw("a dimension of 2^63", ["a"], {"a": entry(shape=(2**63,))})
    yield raw("a product of 2^64", ["a"], {"a": entry(shape=(2**32, 2**32))})
    yield raw("a product of 2^128", ["a"], {"a": entry(shape=(2**62, 2**62, 16))})
    yield raw("a shape of 100000 dimensions", ["a"], {"a": entry(shape=[1] * 100000)})
    yield raw("a shape that is a text", ["a"], {"a": {**entry(), "shape": "2"}})
    yield raw("no offsets", ["a"], {"a": {"dtype": "F32", "shape": [2]}})
    yield raw("one offset", ["a"], {"a": entry(offsets=(0,))})
    yield raw("offsets beyond the file", ["a"], {"a": entry(offsets=(0, 2**40))})
    yield raw("offsets backwards", ["a"], {"a": entry(offsets=(8, 0))})
    yield raw("negative offsets", ["a"], {"a": entry(offsets=(-8, 0))})
    yield raw("offsets of another size than the shape", ["a"], {"a": entry(offsets=(0, 4))})
    yield raw("tensors that overlap", [], {"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12))
    yield raw("a hole between tensors", [], {"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20))
    yield raw("metadata that are a list", ["__metadata__"], {"__metadata__": [1], "a": entry()})
    yield raw("metadata of numbers", ["__metadata__"], {"__metadata__": {"x": 1}, "a": entry()})
    yield raw("a name of 100 kB", [], {"n" * 100000: entry(shape=(3,))})
    yield raw("a name of control characters", [], {"a\n\x1b[31mred\r": entry(shape=(3,))})
    yield with_base("safetensors: a weight is missing", [q], tensors=without(q))
    yield with_base("safetensors: a weight of another shape", [q], tensors={**f.llama_tensors(), q: f.f32([16, 8])})
    yield with_base("safetensors: a weight of another rank", [q], tensors={**f.llama_tensors(), q: f.f32([256])})
    yield with_base("safetensors: no rows", ["embed_tokens"],
                    tensors={**f.llama_tensors(), "model.embed_tokens.weight": ("F32", [0, 16], b"")})
    for number, bits in {"NaN": 0x7fc00000, "Inf": 0x7f800000}.items():
        dtype, shape, data = f.f32([16, 16])
        bad = {**f.llama_tensors(), q: (dtype, shape, data[:40] + struct.pack("<I", bits) + data[44:])}
        yield with_base(f"safetensors: {number} in a weight", [q], tensors=bad)

    half = {"s1.safetensors": whole}
    tensors = list(f.llama_tensors())
    yield indexed("no weight_map", [INDEX, "weight_map"], {"metadata": {}})
    yield indexed("a weight_map that is a list", [INDEX, "weight_map"], {"weight_map": []})
    yield indexed("a shard that is a number", [INDEX, tensors[0]], {"weight_map": {tensors[0]: 3}})
    yield indexed("a shard that is missing", ["none.safetensors"], {"weight_map": {tensors[0]: "none.safetensors"}})
    yield indexed("a tensor that is not in its shard", [INDEX, "not.there"],
                  {"weight_map": {"not.there": "s1.safetensors"}}, half)
    yield indexed("a shard above the folder", [".."], {"weight_map": {tensors[0]: "../sound/base/model.safetensors"}})
    yield indexed("a shard above the folder, later", [".."],
                  {"weight_map": {tensors[0]: "x/../../sound/base/model.safetensors"}})
    yield indexed("an absolute shard", ["/etc/passwd"], {"weight_map": {tensors[0]: "/etc/passwd"}})
    yield indexed("a shard named by nothing", [], {"weight_map": {tensors[0]: ""}})
    yield indexed("a shard named by a NUL", [], {"weight_map": {tensors[0]: "s1.safetensors\0.txt"}})
    yield indexed("a shard that is the folder", ["base"], {"weight_map": {tensors[0]: "."}})
    yield indexed("a shard that is a device", ["/dev/zero"], {"weight_map": {tensors[0]: "/dev/zero"}})
    yield indexed("a shard that is the index", [INDEX], {"weight_map": {tensors[0]: INDEX}})
    yield indexed("a shard with a name of 10 kB", [], {"weight_map": {tensors[0]: "s" * 10000}})
    yield indexed("a broken index", [INDEX, "JSON"], '{"weight_map": {')
    yield indexed("an index with a key twice", [INDEX, "twice"], '{"weight_map": {"a": "s", "a": "t"}}')
    yield indexed("a shard cut off", ["s1.safetensors"], {"weight_map": {name: "s1.safetensors" for name in tensors}},
                  {"s1.safetensors": whole[:-4]})
    yield with_adapter("safetensors: an adapter cut off", ["adapter_model.safetensors"],
                       tensors=f.safetensors(f.lora_tensors())[:-2])
