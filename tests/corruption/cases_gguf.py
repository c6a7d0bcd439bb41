"""GGUF: its structure, its metadata, the model's numbers and the vocabulary in it."""
import struct

import formats as f
from case import ADAPTER, Case, embed

FILE = "m.gguf"


def whole(name, says, content):
    return Case(f"gguf: {name}", lambda folder: f.write(folder / FILE, content), embed(ADAPTER, base=FILE),
                [FILE, *says],
                absent=("out.npz",))


def key(name, says, kind, value, field=None):
    """A key with another value; the line names the key."""
    return whole(name, says, f.gguf_llama({field: (kind, value)}))


def tensors(name, says, change):
    """`change`: tensor name -> (ne, type, bytes), or None to take it away."""
    out = []
    for tensor in f.gguf_llama_tensors():
        new = change.get(tensor[0], tensor[1:])
        if new is not None:
            out.append((tensor[0], *new))
    return whole(name, says, f.gguf_of(f.gguf_llama_entries(), out))


def cases():
    good = f.gguf_llama()
    entry = f.gguf_entry
    yield whole("an empty file", [], b"")
    yield whole("a text", [], b"GGUF is not the beginning of a text; " * 4)
    yield whole("another magic", [], f.gguf_llama(magic=b"GGML"))
    yield whole("big-endian", [], f.gguf_llama(magic=b"FUGG"))
    for version in (0, 1, 4, 2**32 - 1):
        yield whole(f"version {version}", [str(version)], f.gguf_llama(version=version))
    for size in (4, 8, 20, 100, 2000, len(good) // 2, len(good) - 1):
        yield whole(f"cut off after {size} bytes", [], good[:size])
    yield whole("2^64 - 1 tensors", [], f.gguf_llama(counts=(2**64 - 1, 21)))
    yield whole("2^40 keys", [], f.gguf_llama(counts=(20, 2**40)))
    yield whole("a key of 2^63 bytes", [], f.gguf_raw([struct.pack("<Q", 2**63) + b"abc"], []))
    yield whole("a key twice", ["general.name"], f.gguf_raw([entry("general.name", f.STRING, "a")] * 2, []))
    yield whole("a kind that is not there", ["k"],
                f.gguf_raw([f.gguf_string("k") + struct.pack("<I", 99) + bytes(8)], []))
    yield whole("an array of 2^62 numbers", ["k"],
                f.gguf_raw([f.gguf_string("k") + struct.pack("<IIQ", f.ARRAY, f.U32, 2**62)], []))
    yield whole("an array of 2^61 texts", ["k"],
                f.gguf_raw([f.gguf_string("k") + struct.pack("<IIQ", f.ARRAY, f.STRING, 2**61)], []))
    nested = f.gguf_string("k") + struct.pack("<I", f.ARRAY) + struct.pack("<IQ", f.ARRAY, 1) * 100000
    yield whole("arrays nested 100000 deep", ["k"], f.gguf_raw([nested], []))
    yield whole("a text of 2^64 - 1 bytes", ["string"],
                f.gguf_raw([f.gguf_string("k") + struct.pack("<IQ", f.STRING, 2**64 - 1)], []))
    yield whole("a bool of 7", ["k"], f.gguf_raw([f.gguf_string("k") + struct.pack("<IB", f.BOOL, 7)], []))
    yield whole("no architecture", ["general.architecture"], f.gguf_llama({"general.architecture": ...}))
    yield key("an unknown architecture", ["general.architecture", "zeus"], f.STRING, "zeus", "general.architecture")
    yield key("an architecture that is a number", ["general.architecture"], f.U32, 5, "general.architecture")
    for alignment in (0, 3, 2**31):
        yield key(f"an alignment of {alignment}", ["general.alignment"], f.U32, alignment, "general.alignment")
    for field in ("embedding_length", "block_count", "feed_forward_length", "attention.head_count"):
        yield key(f"{field} of 0", [f"llama.{field}"], f.U32, 0, f"llama.{field}")
        yield key(f"{field} as a text", [f"llama.{field}"], f.STRING, "many", f"llama.{field}")
    yield key("2^32 - 1 layers", ["llama.block_count"], f.U32, 2**32 - 1, "llama.block_count")
    yield key("10000 layers", ["blk.2."], f.U32, 10000, "llama.block_count")
    yield key("three heads in two groups", ["head_count"], f.U32, 3, "llama.attention.head_count")
    yield key("groups of heads by layer that differ", ["head_count_kv"], f.ARRAY, (f.U32, [1, 2]),
              "llama.attention.head_count_kv")
    yield key("groups of heads for no layer", ["head_count_kv"], f.ARRAY, (f.U32, []), "llama.attention.head_count_kv")
    yield key("tokens that see those behind them", ["attention.causal"], f.BOOL, False, "llama.attention.causal")
    yield key("a temperature by position", ["temperature_scale"], f.F32, 0.1, "llama.attention.temperature_scale")
    yield key("heads of 2^40 features", [], f.U64, 2**40, "llama.attention.key_length")
    yield key("rotary features of 2^33", ["rope.dimension_count"], f.U64, 2**33, "llama.rope.dimension_count")
    yield key("an unknown scaling", ["rope.scaling.type"], f.STRING, "magic", "llama.rope.scaling.type")
    yield key("a vocabulary of another kind", ["tokenizer.ggml.model"], f.STRING, "magic", "tokenizer.ggml.model")
    yield key("no tokens", ["tokenizer.ggml.tokens"], f.ARRAY, (f.STRING, []), "tokenizer.ggml.tokens")
    yield key("tokens that are numbers", ["tokenizer.ggml.tokens"], f.ARRAY, (f.U32, [1, 2]), "tokenizer.ggml.tokens")
    yield key("scores for other tokens", ["tokenizer.ggml.scores"], f.ARRAY, (f.F32, [0.0] * 3),
              "tokenizer.ggml.scores")
    yield key("scores of NaN", ["tokenizer.ggml.scores"], f.ARRAY, (f.F32, [float("nan")] * 265),
              "tokenizer.ggml.scores")
    yield key("types for other tokens", ["tokenizer.ggml.token_type"], f.ARRAY, (f.I32, [1]),
              "tokenizer.ggml.token_type")
    yield key("a first token that is not there", ["bos_token_id"], f.U32, 2**31, "tokenizer.ggml.bos_token_id")
    yield whole("no vocabulary", ["tokenizer.ggml.model"], f.gguf_llama({"tokenizer.ggml.model": ...}))

    q, embed_ = "blk.0.attn_q.weight", "token_embd.weight"
    yield tensors("no embedding", [embed_], {embed_: None})
    yield tensors("a weight is missing", [q], {q: None})
    yield tensors("a weight of another shape", [q], {q: ((16, 8), 0, bytes(512))})
    yield tensors("a weight of no dimension", [], {q: ((), 0, bytes(4))})
    yield tensors("a weight of nine dimensions", [], {q: ((1,) * 9, 0, bytes(4))})
    yield tensors("a weight of 2^63 rows", [q], {q: ((16, 2**63), 0, bytes(64))})
    yield tensors("a weight whose product overflows", [q], {q: ((2**33, 2**33), 0, bytes(64))})
    yield tensors("a weight of an unknown type", [q], {q: ((16, 16), 77, bytes(1024))})
    yield tensors("a weight of a type that was removed", [q], {q: ((16, 16), 4, bytes(1024))})
    yield tensors("blocks that do not fill a row", [q], {q: ((16, 16), 8, bytes(1024))})
    yield tensors("NaN in a weight", [q], {q: ((16, 16), 0, struct.pack("<f", float("nan")) + f.floats(255))})
    yield tensors("Inf in an embedding", [embed_],
                  {embed_: ((16, 265), 0, f.floats(16 * 265 - 1) + struct.pack("<f", float("inf")))})
    listed = [f.gguf_tensor("t", (4,), 0, 2**63)]
    yield whole("a tensor that begins at 2^63", ["t"], f.gguf_raw([], listed, bytes(64)))
    yield whole("a tensor at an odd place", ["t"], f.gguf_raw([], [f.gguf_tensor("t", (4,), 0, 5)], bytes(64)))
    yield whole("a tensor twice", ["t"], f.gguf_raw([], [f.gguf_tensor("t", (4,), 0, 0)] * 2, bytes(64)))
    yield whole("a tensor named by a NUL", [], f.gguf_raw([], [f.gguf_tensor("\0", (4,), 0, 0)], bytes(64)))
