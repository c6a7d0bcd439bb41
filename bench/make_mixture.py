#!/usr/bin/env python3
"""Random finetunes of every execution the engine has, side by side: make_mixture.py BASE FOLDER

LoRA, DoRA, rsLoRA on other modules, IA3, LoHa, OFT, prefix tuning, LoRA with saved modules, and a full finetune. What is
there already stays as it is.
"""
import sys
from pathlib import Path

import torch
from peft import (IA3Config, LoHaConfig, LoraConfig, OFTConfig, PrefixTuningConfig, TaskType, get_peft_model)
from transformers import AutoModelForCausalLM, AutoTokenizer

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STRENGTH = 0.02


def kinds():
    """Name -> configuration."""
    lora = {f"lora-{i}": LoraConfig(r=8, target_modules=ALL) for i in range(6)}
    late = LoraConfig(r=4, target_modules=["v_proj", "down_proj"], layers_to_transform=list(range(10, 30)), use_rslora=True)
    return lora | {
        "late": late,
        "dora-0": LoraConfig(r=8, target_modules=ALL, use_dora=True),
        "dora-1": LoraConfig(r=4, target_modules=["q_proj", "up_proj"], use_dora=True),
        "ia3-0": IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]),
        "ia3-1": IA3Config(target_modules=["q_proj", "up_proj"], feedforward_modules=[]),
        "loha": LoHaConfig(r=4, target_modules=["q_proj", "down_proj"]),
        "oft": OFTConfig(oft_block_size=32, target_modules=["q_proj", "v_proj"]),
        "prefix": PrefixTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=6),
        "saved": LoraConfig(r=8, target_modules=["q_proj"], modules_to_save=["o_proj"]),
    }


def main():
    base, folder = sys.argv[1], Path(sys.argv[2])
    for seed, (name, config) in enumerate(kinds().items()):
        if (folder / name / "adapter_config.json").exists():
            continue
        torch.manual_seed(seed)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += STRENGTH * torch.randn_like(parameter)
        model.save_pretrained(folder / name)
    if not (folder / "full" / "config.json").exists():
        torch.manual_seed(1000)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        for parameter in model.model.layers.parameters():
            parameter.data += 0.05 * parameter.data.std() * torch.randn_like(parameter)
        model.to(torch.bfloat16).save_pretrained(folder / "full")
        AutoTokenizer.from_pretrained(base).save_pretrained(folder / "full")


if __name__ == "__main__":
    main()
