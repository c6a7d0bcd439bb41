"""Writes small files of the formats that deltascape reads, sound or not: byte by byte, with Python's standard library.

A writer takes its parts as they shall stand in the file, so that a caller can make any of them wrong.
"""
import io
import json
import re
import sqlite3
import struct
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


# ---- safetensors (github.com/huggingface/safetensors, format) ----

def safetensors_raw(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def safetensors(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return safetensors_raw(header, data)


def floats(count, seed=1, scale=0.1):
    """`count` little-endian f32, the same for the same seed."""
    state, out = seed * 2654435761 % 2**32, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out.append(scale * (state / 2**31 - 1))
    return struct.pack(f"<{count}f", *out)


def f32(shape, seed=1, scale=0.1):
    count = 1
    for n in shape:
        count *= n
    return "F32", list(shape), floats(count, seed, scale)


# ---- GGUF (ggml docs/gguf.md) ----

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", I64: "<q",
        F64: "<d"}


def gguf_string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_string(value)
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(gguf_value(inner, item) for item in items)
    return struct.pack(PACK[kind], value)


def gguf_entry(key, kind, value):
    return gguf_string(key) + struct.pack("<I", kind) + gguf_value(kind, value)


def gguf_tensor(name, ne, kind, offset):
    """`ne`: innermost first, as the file has it; `kind`: ggml's number of the type."""
    return gguf_string(name) + struct.pack("<I", len(ne)) + b"".join(struct.pack("<Q", n) for n in ne) + \
        struct.pack("<IQ", kind, offset)


def gguf_raw(entries, tensors, data=b"", version=3, magic=b"GGUF", counts=None, alignment=32):
    """`entries`, `tensors`: as bytes, one each."""
    tensor_count, entry_count = counts or (len(tensors), len(entries))
    head = magic + struct.pack("<IQQ", version, tensor_count, entry_count) + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


# ---- zip, torch.save, npz ----

def zip_of(entries, compress=False):
    """entries: name -> bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content,
                             compress_type=archive.compression)
    return out.getvalue()


def p_text(text):
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def p_int(number):
    if 0 <= number < 256:
        return b"K" + bytes([number])
    if -2**31 <= number < 2**31:
        return b"J" + struct.pack("<i", number)
    raw = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def p_tuple(items):
    return b"(" + b"".join(items) + b"t"


def p_global(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


def p_storage(key="0", count=4, kind="FloatStorage"):
    return p_tuple([p_text("storage"), p_global("torch", kind), p_text(key), p_text("cpu"), p_int(count)]) + b"Q"


def p_tensor(key="0", count=4, shape=(2, 2), strides=(2, 1), offset=0, kind="FloatStorage"):
    arguments = [p_storage(key, count, kind), p_int(offset), p_tuple([p_int(n) for n in shape]),
                 p_tuple([p_int(n) for n in strides]), b"\x89",
                 p_global("collections", "OrderedDict") + b")R"]
    return p_global("torch._utils", "_rebuild_tensor_v2") + p_tuple(arguments) + b"R"


def p_dict(items):
    """items: [(name, code of the value)]."""
    return b"}(" + b"".join(p_text(name) + code for name, code in items) + b"u"


def pickled(code):
    return b"\x80\x02" + code + b"."


def torch_zip(code, storages=None, compress=False, extra=None):
    entries = {"archive/data.pkl": pickled(code), "archive/byteorder": b"little"}
    for key, content in (storages or {}).items():
        entries[f"archive/data/{key}"] = content
    entries["archive/version"] = b"3\n"
    entries.update(extra or {})
    return zip_of(entries, compress)


LEGACY_MAGIC = pickled(p_int(0x1950a86a20f9469cfc6c))


def torch_legacy(code, keys=("0",), storages=(floats(4),)):
    out = LEGACY_MAGIC + pickled(b"M\xe9\x03") + pickled(p_dict([("little_endian", b"\x88")])) + pickled(code)
    out += pickled(b"](" + b"".join(p_text(key) for key in keys) + b"e")
    for content in storages:
        out += struct.pack("<Q", len(content) // 4) + content
    return out


def npy_raw(header, data=b"", version=1):
    raw = header if isinstance(header, bytes) else header.encode()
    size = struct.pack("<H" if version == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes([version, 0]) + size + raw + data


def npy(descr, shape, data, fortran=False):
    text = "(" + "".join(f"{n}, " for n in shape) + ")"
    return npy_raw(f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {text}, }}\n", data)


def npy_texts(texts, shape=None):
    width = max([1] + [len(t) for t in texts])
    data = b"".join(t.encode("utf-32-le").ljust(4 * width, b"\0") for t in texts)
    return npy(f"<U{width}", (len(texts),) if shape is None else shape, data)


def embeddings_npz(names, dim=4, change=None, compress=False):
    arrays = {"embeddings.npy": npy("<f4", (len(names), dim), floats(len(names) * dim)),
              "model_names.npy": npy_texts(names),
              "base_model.npy": npy_texts(["base"], ()),
              "probe_info.npy": npy_texts(['{"probes": 5}'], ())}
    arrays.update(change or {})
    return zip_of({name: content for name, content in arrays.items() if content is not None}, compress)


# ---- the store: its tables as src/store/schema.cpp makes them ----

def store_sql():
    text = (ROOT / "src/store/schema.cpp").read_text()
    tables = re.search(r'kTables = R"\((.*?)\)"', text, re.S)[1]
    application = int(re.search(r"kApplicationId = (0x\w+)", text)[1], 16)
    schema = int(re.search(r"kSchema = (\d+)", text)[1])
    return f"{tables}\nPRAGMA application_id = {application};\nPRAGMA user_version = {schema};"


def insert(db, table, row):
    columns = [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
    missing = [c for c in columns if c not in row]
    assert not missing, f"make_store knows no value for {missing}"
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
               [row[c] for c in columns])


def make_store(file, names, dim=4, probes=5):
    """A store with a variant for each name, all in one space; returns nothing, closes the file."""
    with sqlite3.connect(file) as db:
        db.executescript(store_sql())
        insert(db, "space", {"id": 1, "hash": "space-hash", "representation": "activations", "base": "base-hash",
                             "base_name": "base", "tokenizer": "tokenizer-hash",
                             "parameters": '{"layer":"last","position":"last","probes":"probes-hash"}'})
        for i, name in enumerate(names, 1):
            row = {"id": i, "name": name, "label": "law", "path": f"/pool/{name}", "content_hash": f"hash-{name}",
                   "variant": i, "measurement": i, "space": 1, "kind": "vector", "base_name": None,
                   "program_version": "1", "device": "cpu", "precision": "fp32", "created": "2026-01-01T00:00:00Z",
                   "probe_count": probes, "dim": dim, "layers": 1, "norm": 1.0, "relative_norm": 0.1, "spread": 0.1,
                   "numeric_error": 0.0, "no_effect": 0, "mean": floats(dim, i), "per_probe": floats(dim * probes, i),
                   "standard_error": floats(dim, i)}
            for table in ("variant", "measurement", "vector", "detail"):
                insert(db, table, row)
    db.close()


# ---- SentencePiece (sentencepiece_model.proto) ----

def varint(number):
    out = b""
    number &= 2**64 - 1
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def pb_bytes(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def pb_int(field, number):
    return varint(field << 3) + varint(number)


def pb_piece(text, score=0.0, kind=1):
    return pb_bytes(1, pb_bytes(1, text) + varint(2 << 3 | 5) + struct.pack("<f", score) + pb_int(3, kind))


def sentencepiece(pieces, kind=1, trainer=b"", normaliser=b""):
    """pieces: [(text, score, type)]; kind 1 Unigram, 2 BPE."""
    return b"".join(pb_piece(*piece) for piece in pieces) + pb_bytes(2, pb_int(3, kind) + trainer) + \
        (pb_bytes(3, normaliser) if normaliser else b"")


SP_PIECES = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("\u2581", -1, 1), ("H", -2, 1), ("e", -2, 1),
             ("l", -2, 1), ("o", -2, 1), ("ll", -3, 1), ("ello", -4, 1), ("\u2581Hello", -5, 1), ("<mine>", 0, 4)]


# ---- a whole small model ----

def byte_characters():
    """The 256 characters by which byte-level BPE writes bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out = {b: chr(b) for b in plain}
    for n, b in enumerate(b for b in range(256) if b not in plain):
        out[b] = chr(256 + n)
    return [out[b] for b in range(256)]


def byte_tokenizer():
    vocabulary = {c: i for i, c in enumerate(byte_characters())}
    vocabulary["<s>"] = 256
    return {"version": "1.0", "added_tokens": [{"id": 256, "content": "<s>", "single_word": False, "lstrip": False,
                                               "rstrip": False, "normalized": False, "special": True}],
            "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                                                  "use_regex": True},
            "post_processor": None, "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}


HIDDEN, HEADS, WIDTH, LAYERS, VOCABULARY = 16, 2, 32, 2, 257


def llama_config(**change):
    out = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN,
           "intermediate_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
           "num_key_value_heads": HEADS, "head_dim": HIDDEN // HEADS, "vocab_size": VOCABULARY,
           "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 512, "hidden_act": "silu",
           "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32"}
    out.update(change)
    return {key: value for key, value in out.items() if value is not ...}


def llama_tensors():
    out = {"model.embed_tokens.weight": f32([VOCABULARY, HIDDEN], 1, 1), "model.norm.weight": f32([HIDDEN], 2, 1)}
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        for n, part in enumerate("qkvo"):
            out[f"{at}self_attn.{part}_proj.weight"] = f32([HIDDEN, HIDDEN], 10 * i + n + 3)
        for n, (part, shape) in enumerate({"gate": [WIDTH, HIDDEN], "up": [WIDTH, HIDDEN],
                                           "down": [HIDDEN, WIDTH]}.items()):
            out[f"{at}mlp.{part}_proj.weight"] = f32(shape, 10 * i + n + 7)
        for part in ("input_layernorm", "post_attention_layernorm"):
            out[f"{at}{part}.weight"] = f32([HIDDEN], 10 * i + 12, 1)
    return out


def write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):  # large: made when it is needed
        content = content()
    if isinstance(content, (dict, list)):
        content = json.dumps(content)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def make_base(folder, config=None, tensors=None, tokenizer=None):
    write(folder / "config.json", llama_config() if config is None else config)
    write(folder / "model.safetensors", safetensors(llama_tensors() if tensors is None else tensors))
    write(folder / "tokenizer.json", byte_tokenizer() if tokenizer is None else tokenizer)
    return folder


def lora_config(**change):
    out = {"peft_type": "LORA", "base_model_name_or_path": "base", "r": 2, "lora_alpha": 4, "lora_dropout": 0.0,
           "bias": "none", "fan_in_fan_out": False, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM",
           "use_rslora": False, "use_dora": False, "rank_pattern": {}, "alpha_pattern": {}, "modules_to_save": None,
           "init_lora_weights": True}
    out.update(change)
    return {key: value for key, value in out.items() if value is not ...}


def lora_name(layer, module, part):
    return f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_{part}.weight"


def lora_tensors(rank=2, seed=50):
    out = {}
    for layer in range(LAYERS):
        for n, module in enumerate(("q_proj", "v_proj")):
            out[lora_name(layer, module, "A")] = f32([rank, HIDDEN], seed + 4 * layer + n, 0.5)
            out[lora_name(layer, module, "B")] = f32([HIDDEN, rank], seed + 4 * layer + n + 2, 0.5)
    return out


def make_adapter(folder, config=None, tensors=None):
    write(folder / "adapter_config.json", lora_config() if config is None else config)
    if tensors is not False:
        write(folder / "adapter_model.safetensors", safetensors(lora_tensors() if tensors is None else tensors))
    return folder


def gguf_llama_entries(change=None):
    """key -> (kind, value) of a small llama; `change` sets keys, ... takes one out."""
    words = ["<unk>", "<s>", "</s>", *[f"<0x{b:02X}>" for b in range(256)], "\u2581", "H", "e", "l", "o", "ll"]
    kinds = [2, 3, 3, *[6] * 256, *[1] * 6]
    out = {"general.architecture": (STRING, "llama"), "general.name": (STRING, "tiny"),
           "general.alignment": (U32, 32), "llama.context_length": (U32, 128),
           "llama.embedding_length": (U32, HIDDEN), "llama.block_count": (U32, LAYERS),
           "llama.feed_forward_length": (U32, WIDTH), "llama.attention.head_count": (U32, HEADS),
           "llama.attention.head_count_kv": (U32, HEADS),
           "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5), "llama.rope.freq_base": (F32, 10000.0),
           "llama.rope.dimension_count": (U32, HIDDEN // HEADS), "llama.vocab_size": (U32, len(words)),
           "tokenizer.ggml.model": (STRING, "llama"), "tokenizer.ggml.tokens": (ARRAY, (STRING, words)),
           "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * len(words))),
           "tokenizer.ggml.token_type": (ARRAY, (I32, kinds)), "tokenizer.ggml.bos_token_id": (U32, 1),
           "tokenizer.ggml.eos_token_id": (U32, 2), "tokenizer.ggml.unknown_token_id": (U32, 0),
           "tokenizer.ggml.add_bos_token": (BOOL, True)}
    out.update(change or {})
    return {key: value for key, value in out.items() if value is not ...}


def gguf_llama_tensors(vocabulary=265):
    """[(name, ne, type, bytes)]"""
    out = [("token_embd.weight", (HIDDEN, vocabulary), 0, floats(HIDDEN * vocabulary, 1, 1)),
           ("output_norm.weight", (HIDDEN,), 0, floats(HIDDEN, 2, 1))]
    for i in range(LAYERS):
        for n, (part, ne) in enumerate({"attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN, HIDDEN),
                                        "attn_v": (HIDDEN, HIDDEN), "attn_output": (HIDDEN, HIDDEN),
                                        "ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH),
                                        "ffn_down": (WIDTH, HIDDEN), "attn_norm": (HIDDEN,),
                                        "ffn_norm": (HIDDEN,)}.items()):
            count = ne[0] * (ne[1] if len(ne) > 1 else 1)
            out.append((f"blk.{i}.{part}.weight", ne, 0, floats(count, 20 * i + n + 3)))
    return out


def gguf_of(entries, tensors, alignment=32, **raw):
    """entries: key -> (kind, value); tensors: [(name, ne, type, bytes)]."""
    data, listed = b"", []
    for name, ne, kind, content in tensors:
        listed.append(gguf_tensor(name, ne, kind, len(data)))
        data += content + bytes(-len(content) % alignment)
    return gguf_raw([gguf_entry(key, *value) for key, value in entries.items()], listed, data, alignment=alignment,
                    **raw)


def gguf_llama(change=None, **raw):
    return gguf_of(gguf_llama_entries(change), gguf_llama_tensors(), **raw)
