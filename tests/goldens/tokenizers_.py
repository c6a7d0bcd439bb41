"""Owns the tokenizers of the tiny models: trained here on a page of text, in the three shapes that the families use."""
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CORPUS = """\
Below is an instruction that describes a task. Write a response that appropriately completes the request.
The harbour was quiet when the ferry came in, and nobody had yet opened the shutters of the bakery.
Describe the requirements, then provide a short plan that meets them; the response should be accurate.
A model is a function of its weights. Two models that share a base differ by what their training changed.
How many litres does the tank hold if 3 pumps of 12 litres a minute fill it in 45 minutes?
The instruction outlines the input and the output: read each line, complete it, and return the result.
She isn't sure whether they'll arrive before noon, but we've asked them to write as soon as they can.
def total(values):
    return sum(value * weight for value, weight in values)
Generate the following: a title, an abstract, and 25 words that describe what the request asks for.
Rain fell on the northern hills through the night, and by morning the river had reached the lower bridge.
"""


def byte_level(size, split, bos, eos="</s>"):
    """Byte-level BPE as Llama 3 and Qwen 2 have it; `bos` None adds nothing in front."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    specials = [t for t in (bos, eos) if t]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    if bos:
        _template(tokenizer, bos)
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def sentencepiece_like(size, prefix_space):
    """BPE on ▁-escaped text with byte fallback: Llama 2 (`prefix_space`) or Gemma."""
    escape = [normalizers.Replace(" ", "▁")]
    normalizer = normalizers.Sequence(([normalizers.Prepend("▁")] if prefix_space else []) + escape)
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizer
    # Learns merges within words; at use every pair that makes a known piece may merge, as in SentencePiece.
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(CORPUS.splitlines(keepends=True),
                                trainers.BpeTrainer(vocab_size=size - 260, show_progress=False))
    pieces = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    specials = ["<unk>", "<s>", "</s>"] if prefix_space else ["<pad>", "<eos>", "<bos>", "<unk>"]
    byte_pieces = [f"<0x{b:02X}>" for b in range(256)]
    # Merged pieces first, by rank; single characters last: the order SentencePiece gives and scores follow.
    ordered = [p for p, _ in pieces if len(p) > 1] + [p for p, _ in pieces if len(p) == 1]
    vocabulary = {piece: i for i, piece in enumerate(specials + byte_pieces + ordered)}
    merges = []
    for piece in ordered:
        for cut in range(1, len(piece)):
            if piece[:cut] in vocabulary and piece[cut:] in vocabulary:
                merges.append((piece[:cut], piece[cut:]))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer = normalizer
    if not prefix_space:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in specials])
    _template(tokenizer, "<s>" if prefix_space else "<bos>")
    return tokenizer


def unigram(size):
    """Scored pieces as T5 has them, </s> at the end."""
    trained = Tokenizer(models.Unigram())
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    trained.pre_tokenizer = words
    specials = ["<pad>", "</s>", "<unk>"]
    trained.train_from_iterator(CORPUS.splitlines(keepends=True), trainers.UnigramTrainer(
        vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False))
    pieces = [(piece, score) for piece, score in json.loads(trained.to_str())["model"]["vocab"] if piece not in specials]
    tokenizer = Tokenizer(models.Unigram([(s, 0.0) for s in specials] + pieces, unk_id=2))
    tokenizer.pre_tokenizer = words
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in specials])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def word_piece(size):
    """Lower-cased words and their pieces as BERT has them, between [CLS] and [SEP]."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS.splitlines(), trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=specials, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def roberta(size):
    """Byte-level BPE as RoBERTa has it, between <s> and </s>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return tokenizer


def _template(tokenizer, bos):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])


# kind -> (make, BOS, EOS, what GGUF calls its pre-tokenizer; None: a SentencePiece vocabulary)
KINDS = {
    "llama3": (lambda: byte_level(360, LLAMA3_SPLIT, "<s>"), "<s>", "</s>", "llama-bpe"),
    "qwen2": (lambda: byte_level(360, QWEN2_SPLIT, None), None, "</s>", "qwen2"),
    "llama2": (lambda: sentencepiece_like(420, True), "<s>", "</s>", None),
    "t5": (lambda: unigram(300), None, "</s>", None),
    "bert": (lambda: word_piece(300), None, "[SEP]", None),
    "roberta": (lambda: roberta(360), "<s>", "</s>", None),
    "gemma": (lambda: sentencepiece_like(420, False), "<bos>", "<eos>", None),
}


def save_tokenizer(kind, folder):
    """Writes tokenizer.json and tokenizer_config.json as a published model has them."""
    from transformers import PreTrainedTokenizerFast

    make, bos, eos, _ = KINDS[kind]
    tokenizer = make()
    specials = {"eos_token": eos} | ({"bos_token": bos} if bos else {})
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **specials).save_pretrained(folder)
    return tokenizer
