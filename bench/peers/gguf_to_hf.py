#!/usr/bin/env python3
"""gguf_to_hf.py FILE.gguf OUTDIR [--dtype bfloat16|float32]: a GGUF model, dequantised, as a Hugging Face folder."""
import argparse
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(source, out, dtype):
    options = {"gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **options)
    # The loaded model's configuration remembers the quantisation: build a plain one of the same shape.
    settings = model.config.to_dict()
    for field in ("quantization_config", "_name_or_path"):
        settings.pop(field, None)
    plain = type(model)(type(model.config).from_dict(settings))
    plain.load_state_dict(model.state_dict())
    plain.to(dtype).save_pretrained(out)
    AutoTokenizer.from_pretrained(source.parent, **options).save_pretrained(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    args = parser.parse_args()
    convert(args.source.resolve(), args.out, getattr(torch, args.dtype))


if __name__ == "__main__":
    main()
