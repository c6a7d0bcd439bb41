#!/usr/bin/env python3
"""strong_hf.py BASE OUT.npz ADAPTER...: what a strong user of transformers and PEFT writes.

fp32; the decoder without its head, the five probes as one padded batch, adapters swapped on one base by name.
"""
import sys

import numpy as np
import torch
from peft import PeftModel
from probes import MAX_TOKENS, PROBES
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.inference_mode()
def last_token_mean(decoder, batch):
    """Mean over the probes of the last real token's final hidden state: [d]."""
    ends = batch["attention_mask"].sum(dim=1) - 1
    hidden = decoder(**batch, use_cache=False).last_hidden_state  # [5, T, d]
    return hidden[torch.arange(len(PROBES)), ends].mean(dim=0).numpy()


def main():
    base_path, out, *adapters = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(base_path, padding_side="right")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    batch = tokenizer(PROBES, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS)
    base = AutoModelForCausalLM.from_pretrained(base_path, dtype=torch.float32).eval()
    origin = last_token_mean(base.model, batch)
    tuned = PeftModel.from_pretrained(base, adapters[0], adapter_name="0").eval()
    rows = []
    for number, adapter in enumerate(adapters):
        if number:
            tuned.load_adapter(adapter, adapter_name=str(number))
            tuned.set_adapter(str(number))
            tuned.delete_adapter(str(number - 1))
        rows.append(last_token_mean(tuned.get_base_model().model, batch) - origin)
    np.savez(out, embeddings=np.stack(rows), model_names=np.array(adapters))


if __name__ == "__main__":
    main()
