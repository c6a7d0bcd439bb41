#!/usr/bin/env python3
"""Makes adapters whose files and configurations say different things, and what PEFT makes of them.

make_reading_goldens.py OUTDIR
Takes the LLaMA base that make_goldens.py made in OUTDIR/models and writes OUTDIR/reading/{variants…,golden.npz,
index.json} in that script's form. Each variant's oracle is another folder where PEFT itself cannot read the file as it
stands: names with wrappers, which PEFT loads as an adapter without effect, must give what the plain names give.
"""
import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import make_goldens  # noqa: E402
import torch  # noqa: E402
from goldens import adapters, oracle  # noqa: E402
from goldens.adapters import ATTENTION, LINEARS, Adapter  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

FULL_PATHS = ["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"]

# Saved with all linears in every layer; then the configuration is narrowed.
NARROWED = {
    "list": dict(target_modules=["q_proj", "down_proj"]),
    "part_of_a_name": dict(target_modules=["proj", "self_attn.v_proj"]),
    "whole_paths": dict(target_modules=FULL_PATHS + ["o_proj"]),
    "whole_paths_beside_layers": dict(target_modules=FULL_PATHS + ["o_proj"], layers_to_transform=[2]),
    "pattern": dict(target_modules=r"model\.layers\.[02]\.(self_attn\.(q|v)_proj|mlp\.down_proj)"),
    "pattern_of_a_part": dict(target_modules=r"(self_attn\.q_proj|.*\.mlp\.up_proj)"),
    "all_linear": dict(target_modules="all-linear"),
    "all_linear_in_capitals": dict(target_modules="ALL-LINEAR", exclude_modules=["up_proj"]),
    "excluded": dict(exclude_modules=["up_proj", "self_attn.k_proj", "model.layers.1.self_attn.v_proj"]),
    "excluded_pattern": dict(exclude_modules=r".*\.layers\.[13]\..*"),
    "layers": dict(layers_to_transform=[1, 3]),
    "one_layer": dict(layers_to_transform=0),
    "no_layers": dict(layers_to_transform=[]),
    "layers_pattern": dict(layers_to_transform=[0, 2], layers_pattern="layers"),
    "layers_patterns": dict(layers_to_transform=[0, 2], layers_pattern=["h", "layers"]),
}
# (name, kind, configuration, what the saved configuration is narrowed to)
KINDS = [
    ("dora_list", "LORA", dict(target_modules=LINEARS, use_dora=True), dict(target_modules=["q_proj", "up_proj"])),
    ("ia3_list", "IA3", dict(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]),
     dict(target_modules=["v_proj", "down_proj"])),
    ("loha_layers", "LOHA", dict(target_modules=ATTENTION), dict(layers_to_transform=[2])),
    ("lokr_excluded", "LOKR", dict(target_modules=ATTENTION), dict(exclude_modules=["v_proj"])),
    ("vera_pattern", "VERA", dict(target_modules=["q_proj", "v_proj"]), dict(target_modules=r".*\.[01]\.self_attn\.q_proj")),
    ("oft_list", "OFT", dict(target_modules=["q_proj", "v_proj"], oft_block_size=8), dict(target_modules=["q_proj"])),
    ("hra_list", "HRA", dict(target_modules=["q_proj", "v_proj"]), dict(target_modules=["v_proj"])),
    ("norms_list", "LN_TUNING", dict(target_modules=["input_layernorm", "norm"]), dict(target_modules=["input_layernorm"])),
    ("embedding_out", "LORA", dict(target_modules=["embed_tokens", "q_proj"]), dict(target_modules=["q_proj"])),
]
PEFT = "base_model.model."
# name -> how a tensor of the plain adapter is called.
NAMES = {
    "compiled": lambda k: k.replace(PEFT, PEFT + "_orig_mod."),
    "compiled_layers": lambda k: k.replace(".mlp.", "._orig_mod.mlp."),
    "compiled_outside": lambda k: "_orig_mod." + k,
    "parallel": lambda k: "module." + k,
    "parallel_inside": lambda k: k.replace(PEFT, PEFT + "module."),
    "fsdp": lambda k: "_fsdp_wrapped_module." + k.replace(".self_attn.", "._fsdp_wrapped_module.self_attn."),
    "checkpointed": lambda k: k.replace(".self_attn.", "._checkpoint_wrapped_module.self_attn."),
    "all_of_them": lambda k: "module._orig_mod." + k.replace(".mlp.", "._fsdp_wrapped_module._checkpoint_wrapped_module.mlp."),
    "thinker": lambda k: k.replace(PEFT, PEFT + "thinker."),
    "language_model": lambda k: k.replace(PEFT + "model.", PEFT + "model.language_model."),
    "language_model_before": lambda k: k.replace(PEFT, PEFT + "language_model."),
    "text_model": lambda k: k.replace(PEFT + "model.", PEFT + "model.text_model."),
    "value_head_wrapper": lambda k: k.replace(PEFT, PEFT + "pretrained_model."),
    "named": lambda k: k.replace(".weight", ".sft.weight"),
    "default": lambda k: k.replace(".weight", ".default.weight"),
    "bare": lambda k: k.removeprefix(PEFT),
    "bare_body": lambda k: k.removeprefix(PEFT + "model."),
    "peft_twice": lambda k: PEFT + k,
}


def edit(folder, changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=1))


def rename(folder, name_of, more=()):
    file = folder / "adapter_model.safetensors"
    save_file({name_of(k): v for k, v in load_file(file).items()} | dict(more), file, metadata={"format": "pt"})


def outside():
    """Tensors of towers and heads, trained and zero."""
    generator = torch.Generator().manual_seed(0)
    tower = "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj"
    trained = {f"{PEFT}{place}{tower}.lora_{half}.weight": torch.randn(shape, generator=generator)
               for place in ("", "model.") for half, shape in (("A", (8, 48)), ("B", (48, 8)))}
    zero = {f"{PEFT}model.visual.blocks.1.attn.qkv.lora_{half}.weight": torch.zeros(shape)
            for half, shape in (("A", (8, 32)), ("B", (96, 8)))}
    heads = {"v_head.summary.weight": (1, 64), "v_head.summary.bias": (1,), f"{PEFT}value_head.weight": (1, 64),
             f"{PEFT}custom_text_proj.lora_A.weight": (8, 64), f"{PEFT}custom_text_proj.lora_B.weight": (16, 8),
             f"{PEFT}regression_head.weight": (1, 64), f"{PEFT}score.weight": (3, 64),
             f"{PEFT}multi_modal_projector.linear_1.weight": (64, 48), f"{PEFT}model.audio_tower.conv1.weight": (4, 4, 3)}
    return trained | zero | {name: torch.randn(shape, generator=generator) for name, shape in heads.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    base, out = args.outdir / "models/llama/base", args.outdir / "reading"
    stamp = Path(__file__).read_text() + json.loads((args.outdir / "models/llama/case.json").read_text())["stamp"]
    if (out / "stamp").exists() and (out / "stamp").read_text() == stamp:
        return
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    token_ids = make_goldens.encode(base, oracle.PROBES)
    probes = oracle.hidden_states(oracle.load_base(base), token_ids)
    deltas, variants = {}, []

    def add(name, source, word=""):
        deltas[name] = oracle.hidden_states(oracle.load_variant(base, source), token_ids)
        variants.append({"name": name, "path": name, "word": word})

    for name, changes in NARROWED.items():
        adapters.make_adapter(Adapter(name, dict(target_modules=LINEARS)), base, out / name, "reading")
        edit(out / name, changes)
        add(name, out / name, "does not target" if name not in ("all_linear", "no_layers") else "")
    for name, kind, config, changes in KINDS:
        adapters.make_adapter(Adapter(name, config, kind=kind), base, out / name, "reading")
        edit(out / name, changes)
        add(name, out / name, "does not target")
    plain = out / "plain"
    adapters.make_adapter(Adapter("plain", dict(target_modules=LINEARS)), base, plain, "reading")
    add("plain", plain)
    words = {"named": "'sft'", "default": "'default'", "bare": "base_model.model.", "bare_body": "base_model.model.",
             "compiled": "_orig_mod", "fsdp": "_fsdp_wrapped_module", "checkpointed": "_checkpoint_wrapped_module"}
    for name, name_of in NAMES.items():
        shutil.copytree(plain, out / name)
        rename(out / name, name_of)
        add(name, plain, words.get(name, ""))
    shutil.copytree(plain, out / "outside")
    rename(out / "outside", lambda k: k, outside())
    add("outside", plain, "the text path does not read them")
    shutil.copytree(plain, out / "unknown_options")
    edit(out / "unknown_options", {"dtype": "bfloat16", "_comment": "", "trl_version": "0.9", "seed": 0, "zzz": {"a": [1]}})
    add("unknown_options", out / "unknown_options", "_comment, dtype, seed, trl_version, zzz")
    oracle.write_golden(out / "golden.npz", probes, deltas, token_ids)
    (out / "index.json").write_text(json.dumps({"cases": [{
        "name": "reading", "family": "llama", "base": "../models/llama/base", "npz": "golden.npz", "position": "last",
        "layer": "all", "probes": None, "variants": variants}]}, indent=1))
    (out / "stamp").write_text(stamp)


if __name__ == "__main__":
    main()
