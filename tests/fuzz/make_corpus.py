#!/usr/bin/env python3
"""Writes what the fuzz targets start from: OUT/TARGET/ with small sound files, and OUT/TARGET.dict.

make_corpus.py OUT
The words of a dictionary are the texts in the reader's own sources, and the marks of its format.
"""
import json
import re
import sqlite3
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "corruption"))
import formats as f  # noqa: E402


def safetensors():
    yield f.safetensors({"a": f.f32([2, 3])})
    yield f.safetensors({"a": f.f32([2]), "b": ("BF16", [2, 2], bytes(8)), "c": ("F16", [1], b"\0\x3c")},
                        {"format": "pt"})
    yield f.safetensors({d: (d, [1], bytes(n)) for d, n in
                         {"F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1,
                          "F8_E5M2": 1}.items()})
    yield f.safetensors({"empty": ("F32", [0, 4], b""), "scalar": ("F32", [], bytes(4))})


def index():
    yield json.dumps({"metadata": {"total_size": 12}, "weight_map": {"a": "s", "b": "s"}}).encode()
    yield json.dumps({"weight_map": {"a": "s"}}).encode()
    yield json.dumps({"weight_map": {"a": "./s", "b": "../s", "c": "model-00001-of-00002.safetensors"}}).encode()


def gguf():
    small = {"general.architecture": (f.STRING, "llama"), "llama.block_count": (f.U32, 1)}
    yield f.gguf_llama()
    yield f.gguf_of(small, [])
    blocks = {0: (32, 128), 1: (32, 64), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
              11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 30: (32, 64), 28: (32, 256)}
    for kind, (elements, size) in blocks.items():
        yield f.gguf_of({}, [(f"t{kind}", (elements,), kind,
                              bytes(range(48, 48 + 10)) * (size // 10) + bytes(size % 10))])
    yield f.gguf_of({f"k{k}": (k, 1) for k in (f.U8, f.I8, f.U16, f.I16, f.U32, f.I32, f.F32, f.BOOL, f.U64, f.I64,
                                               f.F64)}, [],
                    version=2)
    for model in ("gpt2", "bert", "t5"):
        words = ["<s>", *f.byte_characters(), "He", "ll"]
        yield f.gguf_of({**small, "tokenizer.ggml.model": (f.STRING, model),
                         "tokenizer.ggml.pre": (f.STRING, "llama-bpe"),
                         "tokenizer.ggml.tokens": (f.ARRAY, (f.STRING, words)),
                         "tokenizer.ggml.token_type": (f.ARRAY, (f.I32, [3] + [1] * (len(words) - 1))),
                         "tokenizer.ggml.merges": (f.ARRAY, (f.STRING, ["H e", "l l"])),
                         "tokenizer.ggml.bos_token_id": (f.U32, 0)}, [])


def pickle():
    two = f.p_dict([("w", f.p_tensor()), ("transposed", f.p_tensor(strides=(1, 2)))])
    yield f.pickled(two)
    yield f.torch_zip(two, {"0": f.floats(4)})
    yield f.torch_zip(two, {"0": f.floats(4)}, compress=True)
    yield f.torch_legacy(two)
    yield f.torch_legacy(f.p_dict([("state_dict", f.p_dict([("w", f.p_tensor(kind="HalfStorage", count=8))])),
                                   ("epoch", f.p_int(-3))]))
    parameter = f.p_global("torch._utils", "_rebuild_parameter") + f.p_tuple([f.p_tensor(), b"\x88", b")"]) + b"R"
    yield f.pickled(f.p_global("collections", "OrderedDict") + b")R(" + f.p_text("w") + parameter + b"uq\x00h\x00.")
    yield b"\x80\x04\x95\x20\0\0\0\0\0\0\0" + b"}\x94(\x8c\x01a\x94\x8c\x05torch\x8c\x04load\x93e\x85\x86\x87\x90u."


TOKENIZER_PARTS = {
    "normalizer": [None, {"type": "NFC"}, {"type": "Sequence", "normalizers": [
        {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "Prepend", "prepend": "\u2581"}]},
        {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
         "lowercase": True}],
    "pre_tokenizer": [None, {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
                      {"type": "BertPreTokenizer"},
                      {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
                      {"type": "Sequence", "pretokenizers": [
                          {"type": "Split", "pattern": {"Regex": "\\p{L}+|\\p{N}{1,3}|[^\\s]+|\\s+(?!\\S)"},
                           "behavior": "Isolated", "invert": False},
                          {"type": "Digits", "individual_digits": True},
                                                             {"type": "Punctuation", "behavior": "Isolated"},
                          {"type": "Whitespace"}, {"type": "WhitespaceSplit"}]}],
    "post_processor": [None, {"type": "TemplateProcessing", "single": [
        {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]},
        {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}],
    "model": [{"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "H": 2, "e": 3, "l": 4, "o": 5, "He": 6, "ll": 7},
               "merges": ["H e", "l l"], "unk_token": "<s>", "fuse_unk": True, "byte_fallback": False},
              {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "H": 2, "##e": 3, "He": 4}, "merges": [["H", "##e"]],
               "ignore_merges": True,
               "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>", "byte_fallback": True},
              {"type": "WordPiece", "vocab": {"<s>": 0, "</s>": 1, "Hello": 2, "##o": 3, "w": 4}, "unk_token": "<s>",
               "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
              {"type": "Unigram", "unk_id": 0,
               "vocab": [["<s>", 0], ["</s>", -1.5], ["\u2581H", -2], ["e", -3e0], ["l", -2.25]],
               "byte_fallback": False}]}


def tokenizer():
    added = [{"id": 0, "content": "<s>", "special": True, "normalized": False, "single_word": False, "lstrip": True,
              "rstrip": True}]
    for part, choices in TOKENIZER_PARTS.items():
        for choice in choices:
            whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
            whole.update({name: others[0] for name, others in TOKENIZER_PARTS.items()})
            yield json.dumps({**whole, part: choice}).encode()
    yield json.dumps(f.byte_tokenizer()).encode()


def sentencepiece():
    for kind in (0, 1, 2, 3, 4):
        for model in (1, 2):
            yield bytes([kind]) + f.sentencepiece(f.SP_PIECES, model)
    trainer = f.pb_int(35, 1) + f.pb_int(40, 0) + f.pb_int(41, 1) + f.pb_int(42, 2) + f.pb_bytes(45, "<unk>")
    yield b"\0" + f.sentencepiece(f.SP_PIECES, 2, trainer, f.pb_bytes(1, "identity"))
    yield b"\4" + f.sentencepiece(f.SP_PIECES, 1, trainer, f.pb_bytes(2, b"\4\0\0\0\0\0\0\0abc\0"))


def vocabulary():
    letters = {c: i for i, c in enumerate(f.byte_characters())}
    yield json.dumps({**letters, "He": 256,
                      "ll": 257}).encode() + b"\0#version: 0.2\nH e\nl l\n\0" + b'{"tokenizer_class": "GPT2Tokenizer"}'
    yield b'{"H": 0, "e": 1, "He": 2, "<|endoftext|>": 3}\0H e\r\n\0{"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": true}'
    yield b'[UNK]\n[CLS]\n[SEP]\nhello\n##lo\nw\xc3\xb6\n\0\0{"tokenizer_class": "BertTokenizer", "do_lower_case": true}'
    yield b'{"<s>": 0, "H": 1}\0\0{"tokenizer_class": "RobertaTokenizer", "unk_token": {"content": "<s>", "lstrip": true}, "added_tokens_decoder": {"0": {"content": "<s>"}}}'
    yield b'{"<s>": 0}\0\0{"tokenizer_class": "CohereTokenizer", "add_bos_token": true, "bos_token": "<s>", "truncation_side": "left"}'


def families():
    return re.findall(r'\.model_type = "(\w+)"', (f.ROOT / "src/model/families.cpp").read_text())


# Every key that some family reads, at a value that many can take.
SUPERSET = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "n_inner": 32, "d_model": 16, "d_ff": 32,
            "d_kv": 8,
            "num_layers": 2, "num_heads": 2, "ffn_dim": 32, "layer_norm_eps": 1e-5, "layer_norm_epsilon": 1e-5,
            "layer_norm_epsilon ": 0,
            "rotary_pct": 0.5, "partial_rotary_factor": 0.5, "sliding_window": 8, "num_local_experts": 4,
            "num_experts": 4,
            "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "kv_lora_rank": 4,
            "q_lora_rank": 4,
            "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "alibi": True,
            "new_decoder_architecture": False,
            "multi_query": True, "parallel_attn": True, "word_embed_proj_dim": 16}


def config():
    for family in families():
        yield json.dumps(f.llama_config(model_type=family)).encode()
        yield json.dumps({**f.llama_config(model_type=family, head_dim=...), **SUPERSET}).encode()
    for kind in ("linear", "dynamic", "llama3", "yarn", "longrope"):
        scaling = {"rope_type": kind, "factor": 2.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "rope_theta": 500000.0}
        yield json.dumps(f.llama_config(rope_scaling=scaling)).encode()
        yield json.dumps(f.llama_config(rope_parameters=scaling)).encode()
    yield json.dumps({"model_type": "gemma3",
                      "text_config": f.llama_config(model_type="gemma3_text", sliding_window_pattern=2)}).encode()


def adapter_config():
    text = (f.ROOT / "src/adapter/peft_config.cpp").read_text()
    for kind in sorted(set(re.findall(r'\{"([A-Z0-9_]+)",', text)) | {"LORA", "PREFIX_TUNING"}):
        yield json.dumps(f.lora_config(peft_type=kind)).encode()
    yield json.dumps(f.lora_config(rank_pattern={"q_proj": 4, "layers\\.(0|11)\\..*": 3},
                                   alpha_pattern={"model.layers.0": 0.5},
                                   use_rslora=True, trainable_token_indices={"embed_tokens": [1, 2]},
                                   init_lora_weights="pissa")).encode()
    yield json.dumps({"peft_type": "TRAINABLE_TOKENS", "token_indices": [0, 3]}).encode()


def npz():
    yield f.embeddings_npz(["a", "b"])
    yield f.embeddings_npz(["a"], compress=True)
    yield f.embeddings_npz(["a"], change={"embeddings.npy": f.npy("<f8", (1, 2, 2), bytes(32), True)})
    info = {"format": "deltascape", "version": 1, "probe_count": 5, "comparable": {"base": "b", "layer": "last"},
            "rows": [{"label": "law", "norm": 1.5}]}
    yield f.embeddings_npz(["a"], change={"probe_info.npy": f.npy_texts([json.dumps(info)], ())})
    for kind, size in {"<f2": 2, "<i8": 8, "|u1": 1, "|b1": 1, "<u8": 8, "|S3": 3, ">f4": 4}.items():
        yield f.zip_of({"x.npy": f.npy(kind, (2,), bytes(2 * size))})


def store():
    with tempfile.TemporaryDirectory() as folder:
        for i, names in enumerate((["a"], ["math/a", "law/b", "c"], [])):
            file = Path(folder) / f"{i}.db"
            f.make_store(file, names)
            yield file.read_bytes()
        old = Path(folder) / "old.db"
        text = (f.ROOT / "tests/store/schema_1_store.h").read_text()
        with sqlite3.connect(old) as db:
            db.executescript(re.search(r'R"sql\((.*?)\)sql"', text, re.S)[1])
        db.close()
        yield old.read_bytes()


# target -> (its seeds, the sources whose texts are words of its format, further words)
TARGETS = {
    "safetensors": (safetensors, ["io/safetensors", "io/tensor_file"],
                    ["[0,4]", "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x7f"]),
    "index": (index, ["io/sharded"], ["../", "./", "/"]),
    "gguf": (gguf, ["io/gguf", "io/gguf_values", "model/spec_gguf", "model/families", "text/gguf_tokenizer",
                    "text/gguf_pre_tokenizer"],
             ["GGUF", *[f"\\x{k:02x}\\x00\\x00\\x00" for k in range(14)]]),
    "pickle": (pickle, ["io/torch_pickle", "io/unpickler", "io/unpickler_torch"],
               ["PK\\x03\\x04", "PK\\x01\\x02", "PK\\x05\\x06", "PK\\x06\\x06", "PK\\x06\\x07", "\\x80\\x02}",
                "ctorch._utils\\x0a", "\\x8a\\x0a",
                "FloatStorage", "BFloat16Storage", "HalfStorage", "LongStorage"]),
    "tokenizer": (tokenizer, ["text/tokenizer_file", "text/tokenizer_spec", "text/normalizer", "text/pre_tokenizer",
                              "text/post_processor",
                              "text/added_tokens", "text/component"],
                  ["\\\\p{L}", "(?!", "(?i:", "{1,3}", "[^", "\\\\u2581", "<0x41>"]),
    "sentencepiece": (sentencepiece, ["text/sentencepiece_file", "text/plain_files"],
                      ["\\x0a", "\\x12", "\\x1a", "\\x15\\x00\\x00\\x80\\x3f", "\\xe2\\x96\\x81"]),
    "vocabulary": (vocabulary, ["text/plain_files", "text/special_tokens", "text/auto_class", "text/tokenizer_class"],
                   ["\\x00", "#version", "\\x0a", "##"]),
    "config": (config, ["model/spec_hf", "model/spec_hf_parts", "model/families"],
               ["1e308", "-1", "9223372036854775807", "null", "true"]),
    "adapter_config": (adapter_config, ["adapter/peft_config", "adapter/keys"],
                       ["(?:", ".*", "1e308", "-1", "9223372036854775807", "null"]),
    "npz": (npz, ["io/npz", "io/npy_header", "io/npy_read", "store/npz_read", "store/npz_write",
             "store/record_json"],
            ["PK\\x01\\x02", "PK\\x05\\x06", "\\x93NUMPY", "<U1", "|O", ">f8", "True", "False", "(2,)"]),
    "store": (store, ["store/schema", "store/schema_1", "store/reader", "store/rows"],
              ["SQLite format 3\\x00", "CREATE TABLE", "CREATE VIEW", "CREATE TRIGGER", "CREATE INDEX"]),
}


def words(sources, more):
    found = set(more)
    for source in sources:
        text = (f.ROOT / f"src/{source}.cpp").read_text()
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r"#include.*", "", text)):
            found.update(w for w in literal.split() if re.fullmatch(r"[\w.<|>/-]{2,40}", w))
    return sorted(found)


def main():
    out = Path(sys.argv[1])
    for name, (seeds, sources, more) in TARGETS.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(seeds()):
            (out / name / f"seed-{i:03}").write_bytes(content)
        (out / f"{name}.dict").write_text("".join(f'"{word}"\n' for word in words(sources, more)))


if __name__ == "__main__":
    main()
