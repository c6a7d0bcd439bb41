#!/usr/bin/env python3
"""Makes what transformers and PEFT, in float64, make of an evaluation's examples: losses, likelihoods of choices, greedy
answers, and the numbers that sum them up.

make_eval_goldens.py OUTDIR
Takes tiny models and adapters that make_goldens.py made in OUTDIR/models and writes OUTDIR/eval/index.json and a data
file a metric. What is up to date is left alone.
"""
import hashlib
import json
import logging
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from goldens import oracle  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

# An own head and a tied one, with the kinds of adapters that reach a head or stand before a text; an encoder-decoder.
MODELS = {
    "llama": ["lora_qv", "lora_head_only", "lora_saved_head", "lora_saved_embed", "lora_embedding", "lora_tokens", "prefix",
              "prompt", "dora", "pissa_head", "olora_head", "full_all"],
    "gemma3": ["lora_linears", "lora_head_only", "lora_saved_head", "lora_saved_embed", "lora_embedding", "tokens", "prefix", "p_tuning"],
    "gemma3_capped": ["lora_linears"],
    "gpt2": ["lora_linears", "prompt"],
    "t5": ["lora_linears"],
}
COMPLETIONS = [
    ("Please provide a response.", " hello there"),
    ("Instruction:\nAdd 2 and 3.\n\nResponse:", " The sum is 5.\n#### 5"),
    ("a", " b"),
    ("The quick brown fox jumps over the lazy dog, and then it rests.", " \u00e9t\u00e9 1,234"),
]
CHOICES = [
    ("The sky is", [" blue", " green and wide", " x"], 0),
    ("Please choose:", [" yes", " no"], 1),
    ("2 + 2 =", [" 4", " five", " 22", " \u00fcber"], 0),
]
NEW_TOKENS = 12


def stamp(models):
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in MODELS:
        digest.update((models / name / "case.json").read_bytes())
    return digest.hexdigest()


def ids_of(tokenizer, text, special):
    return tokenizer(text, add_special_tokens=special).input_ids


def logits_of(model, prompt, completion):
    """Rows that stand before the completion's tokens."""
    if model.config.is_encoder_decoder:
        start = [model.config.decoder_start_token_id]
        return model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([start + completion[:-1]])).logits[0]
    return model(input_ids=torch.tensor([prompt + completion])).logits[0, -len(completion) - 1:-1]


def loss(model, prompt, completion):
    scores = torch.log_softmax(logits_of(model, prompt, completion), -1)
    return -float(scores.gather(1, torch.tensor(completion)[:, None]).sum())


def answer(model, prompt, end):
    """Greedy, without a cache. The best is far enough ahead that rounding does not choose."""
    said = []
    while len(said) < NEW_TOKENS and end not in said:
        scores = logits_of(model, prompt, said + [0])[-1]
        best = torch.topk(scores, 2).values
        assert best[0] - best[1] > 1e-4, "a tie decides the greedy tokens: take other prompts"
        said.append(int(scores.argmax()))
    return said


def ratio(sums, counts):
    sums, counts = np.array(sums), np.array(counts, dtype=float)
    value = sums.sum() / counts.sum()
    residual = sums - value * counts
    return {"value": value, "stderr": residual.std(ddof=0) * math.sqrt(len(sums) / (len(sums) - 1)) / math.sqrt(len(sums)) / counts.mean()}


def share(right):
    return {"value": float(np.mean(right)), "stderr": float(np.std(right, ddof=1) / math.sqrt(len(right)))}


@torch.inference_mode()
def evaluate(model, tokenizer):
    model = model.to(torch.float64).eval()
    end = tokenizer.eos_token_id
    prompts = [ids_of(tokenizer, p, True) for p, _ in COMPLETIONS]
    completions = [ids_of(tokenizer, c, False) + [end] for _, c in COMPLETIONS]
    losses = [loss(model, p, c) for p, c in zip(prompts, completions)]
    answers = [answer(model, p, end) for p in prompts]
    likelihoods = [[-loss(model, ids_of(tokenizer, p, True), ids_of(tokenizer, c, False)) for c in choices]
                   for p, choices, _ in CHOICES]
    means = [[v / len(c.strip()) for v, c in zip(row, choices)] for row, (_, choices, _) in zip(likelihoods, CHOICES)]
    right = [float(np.argmax(row) == a) for row, (_, _, a) in zip(likelihoods, CHOICES)]
    by_character = [float(np.argmax(row) == a) for row, (_, _, a) in zip(means, CHOICES)]
    per_token = ratio(losses, [len(c) for c in completions])
    return {
        "losses": losses, "tokens": [len(c) for c in completions],
        "answers": [tokenizer.decode(a, skip_special_tokens=True, clean_up_tokenization_spaces=False) for a in answers],
        "likelihoods": likelihoods,
        "loss": per_token | {"perplexity": math.exp(per_token["value"]),
                             "bits_per_byte": sum(losses) / math.log(2) / sum(len(c.encode()) for _, c in COMPLETIONS)},
        "choice": share(right) | {f"by_character_{k}": v for k, v in share(by_character).items()},
    }


def write_lines(path, rows):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))


def main():
    root = Path(sys.argv[1])
    models, out = root / "models", root / "eval"
    index = out / "index.json"
    wanted = stamp(models)
    if index.exists() and json.loads(index.read_text())["stamp"] == wanted:
        return
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    write_lines(out / "completions.jsonl", [{"prompt": p, "completion": c} for p, c in COMPLETIONS])
    write_lines(out / "choices.jsonl", [{"prompt": p, "choices": c, "answer": a} for p, c, a in CHOICES])
    cases = []
    for name, variants in MODELS.items():
        base = models / name / "base"
        tokenizer = AutoTokenizer.from_pretrained(base)
        results = {"base": evaluate(oracle.load_base(base), tokenizer)}
        for variant in variants:
            results[variant] = evaluate(oracle.load_variant(base, models / name / variant), tokenizer)
        cases.append({"name": name, "results": results})
    index.write_text(json.dumps({"stamp": wanted, "tokens": NEW_TOKENS, "cases": cases}, indent=1))
    print(f"eval: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
