#!/usr/bin/env python3
"""peft_train.py BASE DATA.jsonl ADAPTER OUT.json [--steps N] [--bf16]: what a strong user of transformers and PEFT trains.

LoRA from the initial adapter in ADAPTER, the first --examples examples in the file's order, again and again; the model's
own loss with labels of -100 on the prompt and `num_items_in_batch`, as the Trainer calls it; right-padded batches of 4,
4 of them a step, AdamW. fp32, or with --bf16 under torch.autocast. OUT.json: tokens that are no padding, seconds of the
loop and of the processor, a loss a step. --make-init writes ADAPTER, as PEFT initialises one, and does nothing else.
"""
import argparse
import contextlib
import json
import time

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

TARGETS = ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]
BATCH, ACCUMULATION = 4, 4


def read_examples(path, tokenizer, count):
    """(ids, where the completion starts) of the first `count` examples."""
    examples = []
    with open(path, encoding="utf-8") as lines:
        for line, _ in zip(lines, range(count)):
            row = json.loads(line)
            prompt = tokenizer(row["prompt"]).input_ids
            completion = tokenizer(row["completion"], add_special_tokens=False).input_ids
            examples.append((prompt + completion + [tokenizer.eos_token_id], len(prompt)))
    return examples


def padded(group, pad):
    width = max(len(ids) for ids, _ in group)
    ids = torch.full((len(group), width), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, (tokens, start) in enumerate(group):
        ids[row, :len(tokens)] = torch.tensor(tokens)
        mask[row, :len(tokens)] = 1
        labels[row, start:len(tokens)] = torch.tensor(tokens[start:])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def step(model, batches, precision):
    """The gradient of one step, and its loss over all completion tokens."""
    items = sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        with precision():
            loss = model(**batch, num_items_in_batch=items, use_cache=False).loss
        loss.backward()
        total += loss.item()
    return total


def train(model, examples, args, pad):
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=args.learning_rate, weight_decay=0.0)
    precision = (lambda: torch.autocast("cpu", torch.bfloat16)) if args.bf16 else contextlib.nullcontext
    groups = [examples[i:i + BATCH] for i in range(0, len(examples), BATCH)]
    losses, tokens = [], 0
    start, cpu = time.perf_counter(), time.process_time()
    for number in range(args.steps):
        own = [groups[(number * ACCUMULATION + i) % len(groups)] for i in range(ACCUMULATION)]
        tokens += sum(len(ids) for group in own for ids, _ in group)
        losses.append(step(model, [padded(group, pad) for group in own], precision))
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return {"tokens": tokens, "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - cpu, "losses": losses}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("data")
    parser.add_argument("adapter")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--examples", type=int, default=320)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--make-init", action="store_true")
    args = parser.parse_args()
    base = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32)
    if args.make_init:
        torch.manual_seed(0)
        config = LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM")
        get_peft_model(base, config).save_pretrained(args.adapter)
        return
    tokenizer = AutoTokenizer.from_pretrained(args.base)
    model = PeftModel.from_pretrained(base, args.adapter, is_trainable=True).train()
    examples = read_examples(args.data, tokenizer, args.examples)
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    with open(args.out, "w", encoding="utf-8") as out:
        json.dump(train(model, examples, args, pad), out)


if __name__ == "__main__":
    main()
