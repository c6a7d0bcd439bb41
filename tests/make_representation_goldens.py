#!/usr/bin/env python3
"""Makes what transformers and PEFT, in float64, make of the representations that run a model: logits after the probes,
likelihoods of continuations, greedy answers and what a sentence encoder makes of them.

make_representation_goldens.py OUTDIR
Takes tiny models and adapters that make_goldens.py made in OUTDIR/models and writes OUTDIR/representations/{index.json,
continuations.jsonl, an npz a model, sentence encoders}. What is up to date is left alone.
"""
import hashlib
import json
import logging
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from goldens import oracle  # noqa: E402
from make_eval_goldens import ids_of, logits_of, loss, write_lines  # noqa: E402
from transformers import AutoModel, AutoTokenizer  # noqa: E402

# Own and tied heads, capped, scaled and with a bias; kinds of adapters that reach a head or stand before a text.
MODELS = {
    "llama": ["lora_qv", "lora_head_only", "lora_saved_head", "lora_saved_embed", "lora_embedding", "lora_tokens", "lora_grown_saved",
              "prefix", "prompt", "dora", "ia3", "loha", "lokr", "oft", "pissa_head", "olora_head", "full_all", "full_grown"],
    "gemma2": ["lora_linears", "lora_embedding", "lora_tokens", "tokens", "dora", "prefix", "prompt", "full_all", "full_grown"],
    "gemma3": ["lora_head_only", "lora_saved_head", "p_tuning"],
    "gpt2": ["lora_saved", "p_tuning", "full_grown"],
    "t5": ["lora_linears", "lora_cross", "lora_saved", "ia3", "full_all"],
    "cohere": ["lora_linears", "full_all"],
    "phi": ["lora_bias_all", "lora_saved", "full_all"],
}
ANSWERED = {"llama": ["lora_qv", "lora_head_only", "prefix", "full_all"], "gemma2": ["lora_linears", "prompt"], "t5": ["lora_linears", "full_all"]}
CONTINUATIONS = [
    {"probe": 0, "text": " hello there"}, {"probe": 0, "text": " The sum is 5.\n#### 5"}, {"probe": 0, "text": "x"},
    {"probe": 1, "text": " été 1,234 – fin"}, {"probe": 4, "text": " yes\n\nno"}, {"probe": 2, "text": "\n"},
    {"probe": 4, "text": " The quick brown fox jumps over the lazy dog, and then it rests."},
]
NEW_TOKENS = 64
SENTENCES = ["", "hello there", "A sentence of some words, longer than the most tokens that are read: one two three four five six.",
             "été 1,234"]
POOLING = {"mean": dict(pooling_mode_mean_tokens=True, pooling_mode_cls_token=False),
           "cls": dict(pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)}
LONGEST = 12


def stamp(models):
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in [*MODELS, "bert"]:
        digest.update((models / name / "case.json").read_bytes())
    return digest.hexdigest()


@torch.inference_mode()
def last_logits(model, prompts):
    rows = []
    for ids in prompts:
        start = {"decoder_input_ids": torch.tensor([[model.config.decoder_start_token_id]])} if model.config.is_encoder_decoder else {}
        rows.append(model(input_ids=torch.tensor([ids]), **start).logits[0, -1].double().numpy())
    return np.stack(rows)


@torch.inference_mode()
def likelihoods(model, tokenizer, prompts):
    """e to the mean log-likelihood of a byte."""
    out = []
    for c in CONTINUATIONS:
        ids = ids_of(tokenizer, c["text"], False)
        out.append(np.exp(-(loss(model, prompts[c["probe"]], ids) if ids else 0) / len(c["text"].encode())))
    return np.array(out)


@torch.inference_mode()
def answer(model, prompt, end):
    """Greedy, without a cache; None where two tokens are so close that rounding chooses."""
    said = []
    while len(said) < NEW_TOKENS and end not in said:
        scores = logits_of(model, prompt, said + [0])[-1]
        best = torch.topk(scores, 2).values
        if best[0] - best[1] < 2e-5:
            return None
        said.append(int(scores.argmax()))
    return said


def make_encoder(source, folder, pooling, normalised):
    shutil.copytree(source, folder)
    modules = ["Transformer", "Pooling"] + (["Normalize"] if normalised else [])
    paths = ["", "1_Pooling", "2_Normalize"]
    (folder / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{m}"} for i, m in enumerate(modules)]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 48} | POOLING[pooling]))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST, "do_lower_case": False}))


@torch.inference_mode()
def encoded(folder, texts, pooling, normalised, longest):
    """As sentence-transformers pools: over all tokens, special ones too."""
    model, tokenizer = AutoModel.from_pretrained(folder, dtype=torch.float32).to(torch.float64).eval(), AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=longest).input_ids if longest else tokenizer(text).input_ids
        states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        row = states.mean(0) if pooling == "mean" else states[0]
        rows.append((row / row.norm() if normalised else row).numpy())
    return np.stack(rows)


def answers_of(base, tokenizer, model, prompts):
    end = tokenizer.eos_token_id
    said = [answer(model, p, end) for p in prompts]
    if any(s is None for s in said):
        return None
    return [tokenizer.decode(s, skip_special_tokens=True, clean_up_tokenization_spaces=False) for s in said]


def make_case(models, out, name):
    base = models / name / "base"
    tokenizer = AutoTokenizer.from_pretrained(base)
    prompts = [tokenizer(p, truncation=True, max_length=oracle.MAX_TOKENS).input_ids for p in oracle.PROBES]
    logits, meaning, answers = {}, {}, {}
    for variant in ["base", *MODELS[name]]:
        model = oracle.load_base(base) if variant == "base" else oracle.load_variant(base, models / name / variant)
        model = model.to(torch.float64).eval()
        logits[variant] = last_logits(model, prompts)[:, :len(logits["base"][0]) if logits else None]
        meaning[variant] = likelihoods(model, tokenizer, prompts)
        if variant == "base" and name in ANSWERED or variant in ANSWERED.get(name, []):
            said = answers_of(base, tokenizer, model, prompts)
            if said is not None:
                answers[variant] = said
    np.savez(out / f"{name}.npz", names=np.array(MODELS[name], dtype=str), base_logits=logits["base"], base_meaning=meaning["base"],
             logits=np.stack([logits[v] - logits["base"] for v in MODELS[name]]),
             meaning=np.stack([meaning[v] - meaning["base"] for v in MODELS[name]]))
    return {"name": name, "answers": answers}


def main():
    root = Path(sys.argv[1])
    models, out = root / "models", root / "representations"
    index = out / "index.json"
    wanted = stamp(models)
    if index.exists() and json.loads(index.read_text())["stamp"] == wanted:
        return
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start = time.monotonic()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_lines(out / "continuations.jsonl", CONTINUATIONS)
    cases = [make_case(models, out, name) for name in MODELS]
    sentences = {"texts": np.array(SENTENCES, dtype=str)}
    for pooling, normalised, name in (("mean", True, "mean"), ("cls", False, "cls")):
        make_encoder(models / "bert/base", out / name, pooling, normalised)
        sentences[name] = encoded(out / name, SENTENCES, pooling, normalised, LONGEST)
    shutil.copytree(models / "bert/base", out / "bare")
    sentences["bare"] = encoded(out / "bare", SENTENCES, "mean", True, 0)
    np.savez(out / "sentences.npz", **sentences)
    for case in cases:
        if "base" in case["answers"]:
            rows = {v: encoded(out / "mean", said, "mean", True, LONGEST) for v, said in case["answers"].items()}
            np.savez(out / f"{case['name']}_outputs.npz", **rows)
    index.write_text(json.dumps({"stamp": wanted, "cases": cases}, indent=1))
    print(f"representations: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
