#!/usr/bin/env python3
"""Trains the demo's pool with PEFT: for each domain of a data folder, adapters on disjoint splits of its examples.

train_pool.py --base FILE.gguf|DIR --data DIR --out OUT [--splits 3] [--epochs 1]
DIR/<domain>.jsonl holds {"prompt","completion"} a line; OUT/<domain>-<split> becomes a LoRA adapter (r=8 on the
attention inputs and the MLP). The loss is on completions alone. Adapters that are there already are left alone.
"""
import argparse
import json
import os
import random
import shutil
import sys
import time
import warnings
from pathlib import Path

# Waiting threads sleep: on a busy machine spinning ones take the time that the work needs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

TARGETS = ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]
BATCH = 4
MAX_TOKENS = 224
LEARNING_RATE = 5e-4


def load(base):
    folder, options = (base.parent, {"gguf_file": base.name}) if base.suffix == ".gguf" else (base, {})
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    return model, AutoTokenizer.from_pretrained(folder, **options)


def read_examples(path, tokenizer):
    """(ids, where the completion starts) of each example, cut to MAX_TOKENS."""
    examples = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        prompt = tokenizer(row["prompt"]).input_ids
        ids = prompt + tokenizer(row["completion"], add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
        examples.append((ids[:MAX_TOKENS], len(prompt)))
    return examples


def batches(examples, epochs, seed):
    """Batches of examples of like length, in random order."""
    chance = random.Random(seed)
    for _ in range(epochs):
        order = sorted(examples, key=lambda e: len(e[0]) + chance.random())
        groups = [order[i:i + BATCH] for i in range(0, len(order), BATCH)]
        chance.shuffle(groups)
        yield from groups


def loss_of(model, group):
    """Mean cross-entropy of the completions' tokens; logits are computed for these alone."""
    width = max(len(ids) for ids, _ in group)
    tokens = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    wanted = torch.zeros_like(tokens, dtype=torch.bool)
    for row, (ids, start) in enumerate(group):
        tokens[row, :len(ids)] = torch.tensor(ids)
        mask[row, :len(ids)] = 1
        wanted[row, start - 1:len(ids) - 1] = True
    whole = model.get_base_model()
    hidden = whole.model(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state
    logits = whole.lm_head(hidden[wanted])
    return torch.nn.functional.cross_entropy(logits, tokens.roll(-1, 1)[wanted])


def train(base, examples, epochs, seed, name):
    torch.manual_seed(seed)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(base, config).train()
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = list(batches(examples, epochs, seed))
    optimiser = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0)
    warmup = max(1, len(groups) // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / warmup) * (1 - step / len(groups)))
    losses = []
    for step, group in enumerate(groups):
        loss = loss_of(model, group)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        if sys.stderr.isatty():
            print(f"\r  {name}: step {step + 1}/{len(groups)}, loss {losses[-1]:.3f}  ", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    edge = max(1, len(losses) // 5)
    return model, sum(losses[:edge]) / edge, sum(losses[-edge:]) / edge


def save(model, folder, base_name):
    """Whole or not at all: a kill leaves no half adapter that a later run would take for a finished one."""
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = base_name
    model.save_pretrained(partial)
    partial.rename(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--base-name", default="HuggingFaceTB/SmolLM2-135M-Instruct", help="what the adapters name as their base")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    args = parser.parse_args()
    todo = [(domain, split) for domain in sorted(args.data.glob("*.jsonl")) for split in range(args.splits)
            if not (args.out / f"{domain.stem}-{split + 1}").exists()]
    if not todo:
        print("the pool is there already")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    base, tokenizer = load(args.base)
    start = time.monotonic()
    for done, (domain, split) in enumerate(todo):
        name = f"{domain.stem}-{split + 1}"
        examples = read_examples(domain, tokenizer)[split::args.splits]
        model, first, last = train(base, examples, args.epochs, seed=split, name=name)
        save(model, args.out / name, args.base_name)
        base = model.unload()
        print(f"  {name}: {len(examples)} examples, loss {first:.2f} -> {last:.2f}; {done + 1} of {len(todo)}, "
              f"{time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
