#!/usr/bin/env python3
"""strong_hf.py BASE OUT.npz ADAPTER...: what a strong user of transformers and PEFT writes.

fp32, or with --dtype bfloat16 the model as it is stored; the decoder without its head, the five probes as one padded
batch, adapters swapped on one base by name. --row N reads hidden_states[N].
"""
import argparse

import numpy as np
import torch
from peft import PeftModel
from probes import MAX_TOKENS, PROBES
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.inference_mode()
def last_token_mean(decoder, batch, row=None):
    """Mean over the probes of the last real token's hidden state, the final one or that of a row: [d]."""
    ends = batch["attention_mask"].sum(dim=1) - 1
    out = decoder(**batch, use_cache=False, output_hidden_states=row is not None)
    hidden = out.last_hidden_state if row is None else out.hidden_states[row]  # [5, T, d]
    return hidden[torch.arange(len(PROBES)), ends].float().mean(dim=0).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--row", type=int)
    parser.add_argument("base")
    parser.add_argument("out")
    parser.add_argument("adapters", nargs="+")
    args = parser.parse_args()
    adapters = args.adapters
    tokenizer = AutoTokenizer.from_pretrained(args.base, padding_side="right")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    batch = tokenizer(PROBES, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS)
    base = AutoModelForCausalLM.from_pretrained(args.base, dtype=getattr(torch, args.dtype)).eval()
    origin = last_token_mean(base.model, batch, args.row)
    tuned = PeftModel.from_pretrained(base, adapters[0], adapter_name="0").eval()
    rows = []
    for number, adapter in enumerate(adapters):
        if number:
            tuned.load_adapter(adapter, adapter_name=str(number))
            tuned.set_adapter(str(number))
            tuned.delete_adapter(str(number - 1))
        rows.append(last_token_mean(tuned.get_base_model().model, batch, args.row) - origin)
    np.savez(args.out, embeddings=np.stack(rows), model_names=np.array(adapters))


if __name__ == "__main__":
    main()
