"""Owns the tokenizers made of scored or greedy pieces, and the files older than tokenizer.json: Unigram, WordPiece,
SentencePiece models alone, vocab.json with merges.txt, vocab.txt. make_tokenizer_goldens.py writes them."""

import io
import json
import pathlib
import random
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as sp_pb2
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram, WordPiece
from tokenizers.trainers import UnigramTrainer, WordPieceTrainer

from tokenizer_lines import LINES

SPACE = "\u2581"
BYTES = [f"<0x{b:02X}>" for b in range(256)]
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}


def random_lines(count=1500):
    """Lines of code points from everywhere, combining marks and odd spaces among them, and of cut-up difficult ones."""
    rng = random.Random(20261122)
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    common = [c for c in assigned if ord(c) < 0x3100]
    marks = [c for c in assigned if unicodedata.category(c) in ("Mn", "Mc", "Me")]
    odd = list(" \t\r\n\u00a0\u200b\u200d\u2028\u3000\ufeff\u00ad\u0000\u0085") + ["\r\n", "  ", "\u2581", "<extra_id_0>", "[MASK]", "</s>", "<0x41>"]
    known = [c for line in LINES for c in line]

    def part():
        kind = rng.randrange(8)
        if kind == 0:
            return rng.choice(assigned)
        if kind == 1:
            return rng.choice(common) + rng.choice(marks) * rng.randrange(3)
        if kind == 2:
            return rng.choice(known) + rng.choice(marks)
        if kind == 3:
            return rng.choice(odd)
        if kind == 4:
            return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(1, 12)))
        line = rng.choice(LINES)
        begin = rng.randrange(len(line) + 1)
        return line[begin:begin + rng.randrange(1, 15)]

    return ["".join(part() for _ in range(rng.randrange(1, 30))) for _ in range(count)]


def train_sentencepiece(model_type, **options):
    """A SentencePiece model of the lines, as bytes."""
    out = io.BytesIO()
    corpus = [line.replace("\n", " ").replace("\0", "") for line in LINES for _ in range(3)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=out, model_type=model_type, hard_vocab_limit=False, minloglevel=2,
        **{"vocab_size": 1400, "character_coverage": 0.98, **options})
    return out.getvalue()


def unigram_pieces(**options):
    """Pieces and scores that the trainer of `tokenizers` finds."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(LINES * 2, UnigramTrainer(vocab_size=1200, show_progress=False, unk_token="<unk>",
                                                            special_tokens=["<pad>", "</s>", "<unk>"], **options))
    model = json.loads(tokenizer.to_str())["model"]
    pieces = [tuple(p) for p in model["vocab"]]
    rare = [p for p, _ in pieces if len(p) == 1 and ord(p) > 0x2FFF and p != SPACE][::2]  # leave some unknown
    return [p for p in pieces if not any(c in p[0] for c in rare)]


def unigrams(goldens):
    pieces = unigram_pieces()
    charsmap = sp_pb2.ModelProto.FromString(train_sentencepiece("unigram")).normalizer_spec.precompiled_charsmap
    lower = sp_pb2.ModelProto.FromString(train_sentencepiece("unigram", normalization_rule_name="nmt_nfkc_cf")).normalizer_spec.precompiled_charsmap
    end = processors.TemplateProcessing(single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)])
    three = [AddedToken(t, special=True, normalized=False) for t in ("<pad>", "</s>", "<unk>")]

    def make(vocab, normalizer=None, pre_tokenizer=None, tokens=(), unk_id=2, byte_fallback=False):
        tokenizer = Tokenizer(Unigram(vocab, unk_id=unk_id, byte_fallback=byte_fallback))
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if pre_tokenizer is not None:
            tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.add_tokens(list(tokens))
        tokenizer.post_processor = end
        return tokenizer

    def folder(name, tokenizer, settings=FAST, model_type="llama", **more):
        goldens.folder(f"unigram-{name}", tokenizer, settings, {"model_type": model_type}, random=True, **more)

    for scheme in ("always", "first", "never"):
        for split in (True, False):
            folder(f"{scheme}-{'split' if split else 'whole'}", make(pieces, pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split), tokens=three))
    with_bytes = pieces + [(b, 0.0) for b in BYTES]
    folder("bytes", make(with_bytes, normalizers.Replace(" ", SPACE), byte_fallback=True))
    folder("bytes-with-holes", make([p for p in with_bytes if p[0] not in ("<0xE0>", "<0xF0>", "<0x0A>")], normalizers.Replace(" ", SPACE), byte_fallback=True))
    folder("bytes-unused", make(with_bytes, normalizers.Replace(" ", SPACE)))
    folder("raw", make(pieces))
    folder("unknown-in-text", make(pieces, pre_tokenizer=pre_tokenizers.Metaspace()))
    equal = [(t, -1.0 if i > 2 else 0.0) for i, (t, _) in enumerate(pieces)]
    folder("ties", make(equal, pre_tokenizer=pre_tokenizers.Metaspace()))
    positive = [(t, 3.0 - s / 10) for t, s in pieces]
    folder("positive", make(positive, pre_tokenizer=pre_tokenizers.Metaspace()))
    for name, rules in (("nmt-nfkc", charsmap), ("nmt-nfkc-cf", lower)):
        folder(name, make(pieces, normalizers.Precompiled(rules), pre_tokenizers.Metaspace()))
        folder(f"{name}-sequence", make(pieces, normalizers.Sequence([normalizers.Precompiled(rules), normalizers.Strip(left=False, right=True), normalizers.Replace(" ", SPACE)]), None, three))

    extra = [(f"<extra_id_{i}>", 0.0) for i in range(99, -1, -1)]
    t5 = make([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + extra, normalizers.Precompiled(charsmap),
              pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
              three + [AddedToken(t, special=True, normalized=False) for t, _ in extra])
    named = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    listed = {"extra_ids": 100, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)]}
    folder("t5", t5, {"tokenizer_class": "T5Tokenizer", **named, **listed}, "t5")
    folder("t5-fast", t5, {**FAST, **named, **listed}, "t5")
    folder("t5-no-settings", t5, None, "t5")
    folder("t5-no-list", t5, {"tokenizer_class": "T5TokenizerFast"}, "t5")
    folder("mt5", t5, {"tokenizer_class": "T5Tokenizer", **named, "additional_special_tokens": []}, "mt5")
    folder("t5-old-files", t5, {"tokenizer_class": "T5Tokenizer"}, "t5", files={"special_tokens_map.json": {**named, "additional_special_tokens": listed["additional_special_tokens"]}})
    folder("umt5", t5, {"tokenizer_class": "T5Tokenizer", **named}, "umt5")

    xlm = make([("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + [("<mask>", 0.0)], normalizers.Precompiled(charsmap),
               pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
               [AddedToken("<mask>", lstrip=True, special=True, normalized=False)], unk_id=3)
    mask = {"mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}
    folder("xlm-roberta", xlm, {"tokenizer_class": "XLMRobertaTokenizer", **mask}, "xlm-roberta")
    folder("xlm-roberta-no-settings", xlm, None, "xlm-roberta")

    own = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0), ("<s>", 0.0), ("</s>", 0.0)]
    camembert = make(own + pieces[3:] + [("<mask>", 0.0)], normalizers.Precompiled(charsmap),
                     pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
                     [AddedToken("<mask>", lstrip=True, special=True, normalized=False)], unk_id=3)
    name = {"tokenizer_class": "CamembertTokenizer"}
    for suffix, settings in (("", name), ("-fast", {"tokenizer_class": "CamembertTokenizerFast", **mask}), ("-no-settings", None),
                             ("-extra", {**name, "additional_special_tokens": ["<s>NOTUSED", "<more>"]}), ("-no-prefix", {**name, "add_prefix_space": False}),
                             ("-unknown", {**name, "unk_token": "the"}), ("-mask", {**name, "mask_token": "<other>", "eos_token": "<pad>"})):
        folder("camembert" + suffix, camembert, settings, "camembert")


def word_pieces(goldens):
    def train(normalizer, prefix="##", **options):
        tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.train_from_iterator(LINES * 2, WordPieceTrainer(vocab_size=1500, show_progress=False, continuing_subword_prefix=prefix,
                                                                  special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], **options))
        vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
        rare = set([t for t in vocab if len(t) == 1 and ord(t) > 0x2FFF][::2])
        vocab = {t: i for i, t in enumerate(t for t in sorted(vocab, key=vocab.get) if t not in rare)}
        return vocab

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    def make(vocab, normalizer, post_processor=None, pre_tokenizer=None, **options):
        tokenizer = Tokenizer(WordPiece(vocab, **{"unk_token": "[UNK]", **options}))
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.BertPreTokenizer()
        tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in names])
        tokenizer.post_processor = post_processor or processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])])
        return tokenizer

    def folder(name, tokenizer, settings=FAST, model_type="llama", **more):
        goldens.folder(f"wordpiece-{name}", tokenizer, settings, {"model_type": model_type}, random=True, **more)

    lowered = train(normalizers.BertNormalizer())
    cased = train(normalizers.BertNormalizer(lowercase=False))
    for clean in (True, False):
        for chinese in (True, False):
            for accents in (None, True, False):
                for lower in (True, False):
                    name = "-".join(["clean" if clean else "raw", "apart" if chinese else "together", f"accents-{accents}", "lower" if lower else "cased"])
                    folder(name, make(lowered if lower else cased, normalizers.BertNormalizer(clean, chinese, accents, lower)))
    plain = normalizers.BertNormalizer()
    folder("bert-processing", make(lowered, plain, processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))))
    folder("short-words", make(lowered, plain, max_input_chars_per_word=5))
    folder("other-prefix", make(train(plain, "@@"), plain, continuing_subword_prefix="@@"))
    folder("no-prefix", make(lowered, plain, continuing_subword_prefix=""))
    folder("whole-lines", make(lowered, plain, pre_tokenizer=pre_tokenizers.Split("\n", "isolated"), max_input_chars_per_word=100000))
    folder("untyped", make(lowered, plain), edit=lambda t: t["model"].pop("type"))
    for name, settings in (("bert", {}), ("bert-cased", {"do_lower_case": False}), ("bert-accents", {"do_lower_case": False, "strip_accents": True}),
                           ("bert-keep-accents", {"strip_accents": False}), ("bert-chinese", {"tokenize_chinese_chars": False}),
                           ("bert-no-cls", {"cls_token": None}), ("bert-unknown", {"unk_token": "[MASK]"})):
        folder(name, make(lowered, plain), {"tokenizer_class": "BertTokenizer", **settings}, "bert")
    for name, model_type in (("DistilBertTokenizer", "distilbert"), ("ElectraTokenizerFast", "electra"), ("MobileBertTokenizer", "mobilebert")):
        folder(name, make(lowered, plain), {"tokenizer_class": name, "do_lower_case": False}, model_type)
    folder("no-settings", make(lowered, plain), None, "bert")

    renamed = {"[PAD]": "<s>", "[UNK]": "<pad>", "[CLS]": "</s>", "[SEP]": "[UNK]", "[MASK]": "<mask>"}
    mpnet_vocab = {renamed.get(t, t): i for t, i in lowered.items()}
    mpnet = Tokenizer(WordPiece(mpnet_vocab, unk_token="[UNK]"))
    mpnet.normalizer, mpnet.pre_tokenizer = plain, pre_tokenizers.BertPreTokenizer()
    mpnet.add_special_tokens(["<s>", "<pad>", "</s>", AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    mpnet.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    name = {"tokenizer_class": "MPNetTokenizer"}
    decoder = {str(i): {"content": t, "lstrip": t == "<mask>", "rstrip": False, "single_word": False, "normalized": False, "special": True}
               for t, i in ((t, mpnet_vocab[t]) for t in ("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))}
    for suffix, settings in (("", name), ("-fast", {"tokenizer_class": "MPNetTokenizerFast", "do_lower_case": False}), ("-no-settings", None),
                             ("-decoder", {**name, "added_tokens_decoder": decoder}), ("-accents", {**name, "strip_accents": False}),
                             ("-unknown", {**name, "unk_token": "the", "mask_token": "NEW mask"}), ("-no-sep", {**name, "sep_token": None})):
        folder("mpnet" + suffix, mpnet, settings, "mpnet")
    goldens.files("vocab-txt-mpnet", {"vocab.txt": "\n".join(sorted(mpnet_vocab, key=mpnet_vocab.get)) + "\n"}, name, {"model_type": "mpnet"})

    lines = sorted(lowered, key=lowered.get)
    for name, settings, content in (("vocab-txt", {}, lines), ("vocab-txt-cased", {"do_lower_case": False, "tokenizer_class": "BertTokenizer"}, lines),
                                    ("vocab-txt-odd", {"tokenizer_class": "BertTokenizer"}, lines[:50] + ["", "the\t", "a ", "the"] + lines[50:] + ["\u00e9\r", "a"])):
        goldens.files(name, {"vocab.txt": "\n".join(content) + "\n"}, settings, {"model_type": "bert"})


def sentencepieces(goldens):
    models = {
        "bpe": train_sentencepiece("bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                                   user_defined_symbols=["<sep>", "naïve"], control_symbols=["<ctrl>"]),
        "bpe-nmt": train_sentencepiece("bpe", user_defined_symbols=["[INST]"]),
        "unigram": train_sentencepiece("unigram", user_defined_symbols=["<sep>", "naïve"], control_symbols=["<ctrl>"]),
        "unigram-bytes": train_sentencepiece("unigram", byte_fallback=True, normalization_rule_name="identity"),
        "t5": train_sentencepiece("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=False),
    }
    proto = sp_pb2.ModelProto.FromString(models["bpe"])
    proto.pieces[7].type = 5
    proto.normalizer_spec.add_dummy_prefix = False
    models["bpe-odd"] = proto.SerializeToString()
    llama = {"tokenizer_class": "LlamaTokenizer"}
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    decoder = {str(i): {"content": t, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
               for i, t in enumerate(("<unk>", "<s>", "</s>"))}
    for name, model, settings, model_type in (
            ("llama", "bpe", llama, "llama"), ("llama-bos", "bpe", {**llama, **named, "add_bos_token": True, "add_eos_token": False}, "llama"),
            ("llama-eos", "bpe", {**llama, "add_bos_token": True, "add_eos_token": True, "legacy": True}, "llama"),
            ("llama-no-prefix", "bpe", {**llama, "add_prefix_space": False, "legacy": False}, "llama"),
            ("llama-decoder", "bpe", {**llama, "added_tokens_decoder": decoder, "add_bos_token": True}, "llama"),
            ("llama-extra", "bpe", {**llama, "additional_special_tokens": ["<|im_end|>"], "pad_token": "<pad>"}, "llama"),
            ("llama-no-extra", "bpe", {**llama, "additional_special_tokens": []}, "llama"),
            ("llama-fast", "bpe-odd", {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True}, "llama"),
            ("llama-nmt", "bpe-nmt", llama, "llama"), ("llama-of-unigram", "unigram", llama, "llama"),
            ("none", "bpe", None, "llama"), ("none-bos", "bpe", {"add_bos_token": True}, "llama"), ("none-nmt", "bpe-nmt", {"add_eos_token": True}, "llama"),
            ("none-unigram", "unigram", {"add_bos_token": True}, "llama"), ("none-unigram-bytes", "unigram-bytes", None, "llama"),
            ("mistral", "bpe", {**llama, **named, "add_bos_token": True, "legacy": True}, "mistral"),
            ("phi3-renamed", "bpe", {**llama, "add_bos_token": True, "added_tokens_decoder": {**decoder, "0": {**decoder["0"], "content": "<unknown>"}}}, "phi3"),
            ("gemma", "bpe", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}, "gemma"),
            ("t5-named-tokenizer-model", "t5", None, "t5")):
        goldens.files(f"spm-{name}", {"tokenizer.model": models[model]}, settings, {"model_type": model_type})
    t5 = {"tokenizer_class": "T5Tokenizer"}
    for name, model, settings in (("t5", "t5", {**t5, "extra_ids": 100, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)]}), ("t5-bare", "t5", t5),
                                  ("t5-none", "t5", None), ("t5-few", "t5", {**t5, "extra_ids": 3}), ("t5-of-bpe", "bpe-nmt", t5), ("t5-no-rules", "unigram-bytes", t5)):
        goldens.files(f"spm-{name}", {"spiece.model": models[model]}, settings, {"model_type": "t5"})
    goldens.files("spm-t5-map", {"spiece.model": models["t5"], "special_tokens_map.json": {"eos_token": "</s>", "additional_special_tokens": ["<extra_id_0>", "<more>"]}},
                  t5, {"model_type": "t5"})
    for name, settings in (("xlm-roberta", {"tokenizer_class": "XLMRobertaTokenizer"}), ("xlm-roberta-none", None)):
        goldens.files(f"spm-{name}", {"sentencepiece.bpe.model": models["unigram"]}, settings, {"model_type": "xlm-roberta"})
    for name, settings in (("camembert", {"tokenizer_class": "CamembertTokenizer"}), ("camembert-none", None)):
        goldens.files(f"spm-{name}", {"sentencepiece.bpe.model": models["unigram"]}, settings, {"model_type": "camembert"})
    code = {"tokenizer_class": "CodeLlamaTokenizer"}
    for name, settings in (("codellama", code), ("codellama-eos", {**code, "add_bos_token": False, "add_eos_token": True}),
                           ("codellama-extra", {**code, "additional_special_tokens": ["<|im_end|>"], "fill_token": None})):
        goldens.files(f"spm-{name}", {"tokenizer.model": models["bpe"]}, settings, {"model_type": "llama"})


def vocab_and_merges(goldens, vocab, merges):
    """`vocab` and `merges` of a byte-level BPE."""
    files = {"vocab.json": vocab, "merges.txt": "#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n"}
    windows = {**files, "merges.txt": files["merges.txt"].replace("\n", "\r\n")}
    end = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    for name, settings, model_type, content in (
            ("gpt2", None, "gpt2", files), ("gpt2-class", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}, "llama", files),
            ("gpt2-bos", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, **end}, "opt", windows),
            ("qwen2", {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}, "qwen2", files),
            ("qwen3", {"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False}, "qwen3", files),
            ("roberta", {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False}, "roberta", files), ("roberta-none", None, "roberta", files),
            ("bart", {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True, "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}, "bart", files),
            ("neox", {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True, **end}, "gpt_neox", files),
            ("codegen", {"tokenizer_class": "CodeGenTokenizer"}, "codegen", files), ("starcoder2", None, "starcoder2", files),
            ("cohere", {"tokenizer_class": "CohereTokenizer", "add_bos_token": True}, "cohere", files)):
        goldens.files(f"merges-{name}", content, settings, {"model_type": model_type})
    tokenizer = Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
                                               "post_processor": None, "decoder": None,
                                               "model": {"type": "BPE", "vocab": vocab, "merges": [list(m) for m in merges]}}))
    for name, settings in (("json-roberta", {"tokenizer_class": "RobertaTokenizer"}), ("json-roberta-prefix", {"add_prefix_space": True, "cls_token": "<|endoftext|>"})):
        goldens.folder(name, tokenizer, settings, {"model_type": "roberta"}, random=True)


def write(goldens, vocab, merges):
    """Everything above; `vocab` and `merges` are a byte-level BPE's."""
    unigrams(goldens)
    word_pieces(goldens)
    sentencepieces(goldens)
    vocab_and_merges(goldens, vocab, merges)
