#!/usr/bin/env python3
"""authors_flow.py BASE OUT.npz ADAPTER...: the flow of the paper's released code, in our own words.

fp32; one prompt at a time through the whole causal LM, head and all; each adapter loaded by PEFT onto the one base
in memory, garbage collected after it. (What an adapter leaves behind in that base is part of the flow.)
"""
import gc
import sys

import numpy as np
import torch
from peft import PeftConfig, PeftModel
from probes import MAX_TOKENS, PROBES
from transformers import AutoModelForCausalLM, AutoTokenizer


def last_token_mean(model, tokenizer):
    """Mean over the probes of the last token's final hidden state: [d]."""
    model.eval()
    states = []
    for prompt in PROBES:
        encoded = tokenizer(prompt, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
        with torch.no_grad():
            output = model(**encoded, output_hidden_states=True)
        states.append(output.hidden_states[-1].float()[0, -1].numpy())
    return np.stack(states).mean(axis=0)


def main():
    base_path, out, *adapters = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(base_path)
    base = AutoModelForCausalLM.from_pretrained(base_path, dtype=torch.float32)
    origin = last_token_mean(base, tokenizer)
    rows = []
    for adapter in adapters:
        PeftConfig.from_pretrained(adapter)
        tuned = PeftModel.from_pretrained(base, adapter)
        rows.append(last_token_mean(tuned, tokenizer) - origin)
        del tuned
        gc.collect()
    np.savez(out, embeddings=np.stack(rows), model_names=np.array(adapters))


if __name__ == "__main__":
    main()
