"""Tokenizers: tokenizer.json, tokenizer_config.json, SentencePiece models and vocabularies in files of their own."""
import json

import formats as f
from case import with_base

FILE = "tokenizer.json"
TEXT = "text.txt"


def tokenized(case):
    """The same files, read by `tokenize`."""
    make = case.make

    def with_text(folder):
        make(folder)
        f.write(folder / TEXT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab " * 50 + "\n")

    case.make, case.command = with_text, ["tokenize", "--base", "base", "--file", TEXT]
    return case


def changed(name, says, **change):
    return tokenized(with_base(f"tokenizer: {name}", [FILE, *says], tokenizer={**f.byte_tokenizer(), **change}))


def raw(name, says, content):
    return tokenized(with_base(f"tokenizer: {name}", [FILE, *says], files={FILE: content}))


def model(name, says, **change):
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
    bpe.update(change)
    return changed(name, says, model={key: value for key, value in bpe.items() if value is not ...})


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def piece(name, says, content, **settings):
    return tokenized(with_base(f"sentencepiece: {name}", says, files={
        FILE: None, "tokenizer.model": content,
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", **settings}}))


def files(name, says, settings=None, **content):
    named = {file.replace("__", "."): value for file, value in content.items()}
    return tokenized(with_base(f"vocabulary: {name}", says,
                               files={FILE: None,
                                      "tokenizer_config.json": settings or {"tokenizer_class": "GPT2Tokenizer"},
                                      **named}))


def cases():
    yield raw("an empty file", [], b"")
    yield raw("no JSON", ["JSON"], b"{model:}")
    yield raw("a list", [], [])
    yield raw("cut off", ["JSON"], json.dumps(f.byte_tokenizer())[:500])
    yield raw("nested 1000000 deep", ["nesting"], '{"normalizer":' + "[" * 1000000)
    yield raw("nested in objects", ["nesting"], '{"a":' * 300000)
    yield raw("a key twice", ["twice"], '{"model": {}, "model": {}}')
    yield raw("broken UTF-8", [], b'{"model": {"type": "BPE", "vocab": {"\xff": 0}, "merges": []}}')
    yield raw("without a model", ["model"], {"version": "1.0"})
    yield changed("a model that is a text", ["model"], model="BPE")
    yield model("an unknown model", ["Magic"], type="Magic")
    yield model("no vocab", ["vocab"], vocab=...)
    yield model("an empty vocab", ["vocab"], vocab={})
    yield model("a vocab of texts", ["vocab"], vocab={"a": "0"})
    yield model("a negative id", ["vocab"], vocab={"a": -1})
    yield model("an id of 2^40", ["vocab"], vocab={"a": 2**40})
    yield model("a fractional id", ["vocab"], vocab={"a": 0.5})
    yield model("an object in vocab", ["vocab"], vocab={"a": {}})
    yield model("no merges", ["merges"], merges=...)
    yield model("a merge of unknown tokens", ["merge"], merges=["x y"])
    yield model("a merge of one token", ["merge"], merges=["ab"])
    yield model("a merge of three", ["merge"], merges=[["a", "b", "ab"]])
    yield model("a merge that is a number", ["merges"], merges=[5])
    yield model("dropout", ["dropout"], dropout=0.1)
    yield model("an unknown token that is not there", ["[UNK]"], unk_token="[UNK]")
    yield model("a flag that is a number", ["fuse_unk"], fuse_unk=3)
    yield model("a Unigram without pieces", ["vocab"], type="Unigram", vocab=[], merges=...)
    yield model("a Unigram's score that is a text", ["vocab"], type="Unigram", vocab=[["a", "x"]], merges=...)
    yield model("a Unigram's unknown that is not there", ["unk_id"], type="Unigram", vocab=[["a", 0]], unk_id=7,
                merges=...)
    yield raw("a Unigram's score of 1e999", [], '{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 1e999]]}}')
    yield changed("an unknown normalizer", ["normalizer", "Magic"], normalizer={"type": "Magic"})
    yield changed("a normalizer that is a number", ["normalizer"], normalizer=5)
    yield changed("a normalizer without its field", ["normalizer"], normalizer={"type": "Prepend"})
    yield changed("a charsmap that is no base64", ["normalizer"],
                  normalizer={"type": "Precompiled", "precompiled_charsmap": "*"})
    yield changed("a charsmap that is too short", ["normalizer"],
                  normalizer={"type": "Precompiled", "precompiled_charsmap": "AAA="})
    yield changed("a charsmap with a trie beyond it", ["normalizer"],
                  normalizer={"type": "Precompiled", "precompiled_charsmap": "/////wAA"})
    yield changed("an unknown pre-tokenizer", ["pre_tokenizer", "Magic"], pre_tokenizer={"type": "Magic"})
    yield changed("a pattern that is no expression", ["pre_tokenizer"], pre_tokenizer=split("(((("))
    yield changed("a pattern with a group that is not there", ["pre_tokenizer"], pre_tokenizer=split("\\9"))
    yield changed("a pattern of 100000 parentheses", ["pre_tokenizer"],
                  pre_tokenizer=split("(" * 100000 + ")" * 100000))
    yield changed("a pattern that repeats 100001 times", ["pre_tokenizer"], pre_tokenizer=split("a{100001}"))
    yield changed("a pattern that never ends", ["pre_tokenizer"], pre_tokenizer=split("(a+)+$"))
    yield changed("a pattern that never ends, in alternatives", ["pre_tokenizer"],
                  pre_tokenizer=split("(?:a|a|aa)+[0-9]"))
    yield changed("a pattern that calls itself", ["pre_tokenizer"], pre_tokenizer=split("(?R)"))
    yield changed("a pattern that is a number", ["pre_tokenizer"], pre_tokenizer={**split(""), "pattern": 5})
    yield changed("a behaviour that is not there", ["pre_tokenizer"],
                  pre_tokenizer={**split("a"), "behavior": "Explode"})
    yield changed("an unknown post-processor", ["post_processor", "Magic"], post_processor={"type": "Magic"})
    yield changed("a template with a token that is not there", ["post_processor"], post_processor={
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}], "pair": [],
        "special_tokens": {}})
    yield changed("an added token without a text", ["added_tokens"], added_tokens=[{"id": 1}])
    yield changed("an added token that is a number", ["added_tokens"], added_tokens=[1])
    for kind, id in (("of 2^31", 2**31), ("of 2^70", 2**70), ("below 0", -1), ("of 1.5", 1.5), ("of a text", "1")):
        yield changed(f"an added token with an id {kind}", ["added_tokens", "id"],
                      added_tokens=[{**f.byte_tokenizer()["added_tokens"][0], "id": id}])
    yield changed("added tokens as an object", ["added_tokens"], added_tokens={"<s>": 256})

    sp = f.sentencepiece
    bpe = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("a", -1, 1), ("b", -2, 1)]
    yield piece("an empty file", ["tokenizer.model"], b"")
    yield piece("a text", ["tokenizer.model"], b"a text, and no protobuf at all")
    yield piece("cut off", ["tokenizer.model"], sp(bpe, 2)[:20])
    yield piece("a field of 2^63 bytes", ["tokenizer.model"], b"\x0a" + f.varint(2**63) + b"a")
    yield piece("a number without an end", ["tokenizer.model"], b"\x0a" + b"\xff" * 30)
    yield piece("a piece twice", ["tokenizer.model", "pieces"], sp(bpe + [("a", 0, 1)], 2))
    yield piece("a piece of no text", ["tokenizer.model"], sp(bpe + [("", 0, 1)], 2))
    yield piece("a piece in broken UTF-8", ["tokenizer.model"], sp(bpe, 2) + f.pb_bytes(1, f.pb_bytes(1, b"\xff\xfe")))
    yield piece("a model of words", ["tokenizer.model"], sp(bpe, 3))
    yield piece("a model of an unknown kind", ["tokenizer.model"], sp(bpe, 99))
    yield piece("a piece of 100 kB", ["tokenizer.model"], sp(bpe + [("a" * 100000, 0, 1)], 2))
    yield tokenized(with_base(
        "sentencepiece: settings that are a list", ["tokenizer_config.json"], files={
            FILE: None, "tokenizer.model": sp(bpe, 2), "tokenizer_config.json": "[]"}))

    yield files("no file at all", ["tokenizer"])
    yield files("an empty vocab.json", ["vocab.json"], vocab__json=b"", merges__txt=b"")
    yield files("a vocab.json that is a list", ["vocab.json"], vocab__json=b"[]", merges__txt=b"")
    yield files("a vocab.json of texts", ["vocab.json"], vocab__json=b'{"a": "b"}', merges__txt=b"")
    yield files("a token twice", ["vocab.json", "twice"], vocab__json=b'{"a": 0, "a": 1}', merges__txt=b"")
    yield files("an id of 2^31", ["vocab.json"], vocab__json=b'{"a": 2147483648}', merges__txt=b"")
    yield files("merges of one word", ["merges.txt", "line 1"], vocab__json=b'{"a": 0}', merges__txt=b"abc\n")
    yield files("merges of unknown tokens", [], vocab__json=b'{"a": 0}', merges__txt=b"x y\n")
    yield files("merges in broken UTF-8", ["merges.txt"], vocab__json=b'{"a": 0}', merges__txt=b"\xff \xfe\n")
    yield files("an empty vocab.txt", ["vocab.txt"], {"tokenizer_class": "BertTokenizer"}, vocab__txt=b"")
    yield files("a vocab.txt in broken UTF-8", ["vocab.txt"], {"tokenizer_class": "BertTokenizer"},
                vocab__txt=b"\xff\xfe\n")
    yield files("extra tokens without an end", ["extra_ids"], {"tokenizer_class": "T5Tokenizer", "extra_ids": 10**12},
                spiece__model=f.sentencepiece(f.SP_PIECES))
