#!/usr/bin/env python3
"""transformers' greedy generate with its cache, left-padded: hf_generate.py BASE DATA BATCH TOKENS DTYPE OUT.json"""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

base, data, batch, tokens, dtype, out = sys.argv[1:]
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype)).eval()
prompts = [json.loads(line)["prompt"] for line in open(data, encoding="utf-8")][:int(batch)]
inputs = tokenizer(prompts, return_tensors="pt", padding=True)


@torch.inference_mode()
def run(count):
    start = time.perf_counter()
    ids = model.generate(**inputs, do_sample=False, max_new_tokens=count, pad_token_id=tokenizer.pad_token_id)
    return time.perf_counter() - start, ids


run(2)
whole, ids = run(int(tokens))
start, _ = run(1)
said, produced = [], -len(prompts)  # the first token of each is in `start`
for row in ids[:, inputs.input_ids.shape[1]:].tolist():
    end = row.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in row else len(row)
    produced += min(end + 1, len(row))
    said.append(tokenizer.decode(row[:end], skip_special_tokens=True))
json.dump({"tokens_a_second": produced / (whole - start), "produced": produced, "said": said}, open(out, "w"))
