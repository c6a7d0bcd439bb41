#!/usr/bin/env python3
"""Makes what transformers and PEFT, in float64, make of heads that the configuration ties to the token embedding: files
that hold both, one under the other's name, adapters that change rows of one or of both.

make_head_goldens.py OUTDIR
Takes tiny models that make_goldens.py made in OUTDIR/models and writes OUTDIR/heads/index.json, the models and adapters
that it names, and the data. What is up to date is left alone.
"""
import hashlib
import json
import logging
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peft  # noqa: E402
import torch  # noqa: E402
from goldens import oracle  # noqa: E402
from goldens.adapters import noise_for  # noqa: E402
from goldens.adapters import Adapter  # noqa: E402
from goldens.tiny import loader, seeded  # noqa: E402
from make_eval_goldens import COMPLETIONS, ids_of, loss, write_lines  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

# Tied models of families that call the two differently, or scale what stands between.
TIED = ("llama_rope3", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "starcoder2", "cohere", "opt", "opt_350m", "bloom", "falcon",
        "gpt2", "t5", "mt5", "umt5")
STACKS = ("t5", "mt5", "umt5")
ENCODERS = {"roberta": "lm_head.decoder.weight", "mpnet": "lm_head.decoder.weight",
            "distilbert": "vocab_projector.weight", "electra": "generator_lm_head.weight", "bert": "cls.predictions.decoder.weight"}
TABLES = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "shared.weight")
LAYOUT = {"qwen3": "sharded", "gemma3": "bin", "mt5": "bin", "umt5": "sharded"}  # else one safetensors file
FIRST, SECOND = [20, 33, 34, 60], [21, 33, 90]


def tensors_of(folder):
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        out.update(load_file(path))
    return out or torch.load(folder / "pytorch_model.bin")


def write_model(folder, source, tensors, layout="", config=None):
    """A copy of `source` with these tensors in place of its own."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin", "*.index.json"))
    if layout == "bin":
        torch.save(tensors, folder / "pytorch_model.bin")
    elif layout == "sharded":
        names, places = sorted(tensors), {}
        for i, part in enumerate((names[::2], names[1::2]), 1):
            file = f"model-{i:05}-of-00002.safetensors"
            save_file({n: tensors[n].contiguous() for n in part}, folder / file, metadata={"format": "pt"})
            places.update({n: file for n in part})
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    else:
        save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    if config:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config, indent=2))


def results(model, tokenizer):
    """Each completion's loss, and the mean over the prompts of the last token's last hidden state."""
    model = model.to(torch.float64).eval()
    end = tokenizer.eos_token_id
    prompts = [ids_of(tokenizer, p, True) for p, _ in COMPLETIONS]
    completions = [ids_of(tokenizer, c, False) + [end] for _, c in COMPLETIONS]
    with torch.inference_mode():
        losses = [loss(model, p, c) for p, c in zip(prompts, completions)]
    states = oracle.hidden_states(model, prompts)
    rows = oracle.tap(states, "last", False)[:, -1]  # [prompts, d]
    return {"losses": losses, "hidden": rows.mean(0).tolist()}


def noise(*names, shape, dtype, size):
    return (torch.randn(shape, generator=seeded(*names)) * size).to(dtype)


def tied_models(name, source, out):
    """(what is special, folder) of one tied model's files."""
    tensors = tensors_of(source)
    table = next(k for k in tensors if k.endswith(TABLES))
    weight, layout = tensors[table], LAYOUT.get(name, "")
    heads = ["lm_head.weight"]
    if name in STACKS:
        heads += ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    plain = {k: v for k, v in tensors.items() if k == table or k not in heads}
    rest = {k: v for k, v in plain.items() if k != table}
    own = noise(name, "head", shape=weight.shape, dtype=weight.dtype, size=0.3)
    for head in heads:
        short = head.removesuffix(".weight").replace(".embed_tokens", "")
        made = {f"own_{short}": plain | {head: own}, f"alone_{short}": rest | {head: weight},
                f"copy_{short}": plain | {head: weight.clone()}}
        for what, these in made.items():
            write_model(out / what, source, these, layout)
            yield what, out / what
    if name in STACKS:
        others = rest | {"encoder.embed_tokens.weight": weight, "lm_head.weight": own}
        for what, flag in (("said_apart", False), ("said_tied", True)):
            write_model(out / what, source, others, layout, {"tie_word_embeddings": flag})
            yield what, out / what
        write_model(out / "apart_alone", source, plain, layout, {"tie_word_embeddings": False})
        yield "apart_alone", out / "apart_alone"


LORA = dict(target_modules=["q_proj"])
ROWS = (
    Adapter("rows_list", LORA | dict(trainable_token_indices=FIRST)),
    Adapter("rows_head", LORA | dict(trainable_token_indices={"lm_head": FIRST})),
    Adapter("rows_embed", LORA | dict(trainable_token_indices={"embed_tokens": FIRST})),
    Adapter("rows_equal", LORA | dict(trainable_token_indices={"embed_tokens": FIRST, "lm_head": FIRST})),
    Adapter("rows_other_order", LORA | dict(trainable_token_indices={"embed_tokens": FIRST, "lm_head": FIRST[::-1]})),
    Adapter("rows_differ", LORA | dict(trainable_token_indices={"lm_head": SECOND, "embed_tokens": FIRST})),
    Adapter("rows_ensured", LORA | dict(trainable_token_indices={"embed_tokens": FIRST, "lm_head": FIRST}, ensure_weight_tying=True)),
    Adapter("rows_head_ensured", LORA | dict(trainable_token_indices={"lm_head": FIRST}, ensure_weight_tying=True)),
    Adapter("rows_head_saved_embed", LORA | dict(trainable_token_indices={"lm_head": FIRST}, modules_to_save=["embed_tokens"])),
    Adapter("rows_embed_saved_head", LORA | dict(trainable_token_indices={"embed_tokens": FIRST}, modules_to_save=["lm_head"])),
    Adapter("rows_embed_lora_head", dict(target_modules=["q_proj", "lm_head"], trainable_token_indices={"embed_tokens": FIRST})),
    Adapter("rows_head_lora_embed", dict(target_modules=["q_proj", "embed_tokens"], trainable_token_indices={"lm_head": FIRST})),
    Adapter("tokens", dict(token_indices=FIRST), kind="TRAINABLE_TOKENS"),
    Adapter("tokens_head", dict(token_indices=FIRST, target_modules=["lm_head"]), kind="TRAINABLE_TOKENS"),
    Adapter("tokens_both", dict(token_indices=FIRST, target_modules=["embed_tokens", "lm_head"]), kind="TRAINABLE_TOKENS"),
    Adapter("lora_embed", dict(target_modules=["embed_tokens"])),
    Adapter("lora_head", dict(target_modules=["lm_head"])),
    Adapter("lora_both", dict(target_modules=["q_proj", "embed_tokens", "lm_head"])),
    Adapter("dora_head", dict(target_modules=["lm_head"], use_dora=True)),
    Adapter("saved_embed", LORA | dict(modules_to_save=["embed_tokens"])),
    Adapter("saved_head", LORA | dict(modules_to_save=["lm_head"])),
    Adapter("saved_both", LORA | dict(modules_to_save=["lm_head", "embed_tokens"])),
    Adapter("ensured_saved_embed", LORA | dict(modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    Adapter("ensured_saved_head", LORA | dict(modules_to_save=["lm_head"], ensure_weight_tying=True)),
    Adapter("ensured_saved_both", LORA | dict(modules_to_save=["lm_head", "embed_tokens"], ensure_weight_tying=True)),
    Adapter("ensured_lora_embed", dict(target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True)),
    Adapter("ensured_lora_head", dict(target_modules=["q_proj", "lm_head"], ensure_weight_tying=True)),
    Adapter("ensured_lora_both", dict(target_modules=["q_proj", "embed_tokens", "lm_head"], ensure_weight_tying=True,
                                      alpha_pattern={"lm_head": 3}, use_rslora=True)),
    Adapter("ensured_nothing", LORA | dict(ensure_weight_tying=True)),
)
COPIES = {"copied_embed": "lora_embed", "copied_head": "lora_head"}  # whose base_layer is another table than the base's


def make_adapter(adapter, base, folder):
    kinds = {"LORA": peft.LoraConfig, "TRAINABLE_TOKENS": peft.TrainableTokensConfig}
    size = dict(r=4, lora_alpha=6) if adapter.kind == "LORA" else {}
    torch.manual_seed(0)
    config = kinds[adapter.kind](task_type="CAUSAL_LM", **size, **adapter.config)
    try:
        model = peft.get_peft_model(oracle.load_base(base), config)
    except TypeError:  # rows and LoRA on one module
        return False
    for key, value in model.named_parameters():
        if value.requires_grad:
            # In place: parameters that PEFT ties stay one.
            value.data.copy_(noise_for(adapter, key, value, torch.randn(value.shape, generator=seeded(adapter.name, key))))
    model.save_pretrained(folder)
    path = folder / "adapter_config.json"
    saved = json.loads(path.read_text()) | {"base_model_name_or_path": "tiny/base"}
    # As it was asked for: PEFT edits these when it ties.
    for field in ("target_modules", "modules_to_save"):
        if adapter.config.get("ensure_weight_tying") and field in adapter.config:
            saved[field] = adapter.config[field]
        if isinstance(saved.get(field), list):
            saved[field].sort()
    path.write_text(json.dumps(saved, indent=2))
    (folder / "README.md").unlink(missing_ok=True)
    return True


def adapters_of(base, out):
    for adapter in ROWS:
        if make_adapter(adapter, base, out / adapter.name):
            yield adapter.name, out / adapter.name
    for name, source in COPIES.items():
        shutil.copytree(out / source, out / name)
        file = out / name / "adapter_model.safetensors"
        tensors = load_file(file)
        for key, value in tensors.items():
            if "base_layer" in key:
                tensors[key] = value + noise(name, key, shape=value.shape, dtype=value.dtype, size=0.1)
        save_file(tensors, file)
        yield name, out / name
    # Lists that differ, and a wish that they be one.
    refused = out / "rows_differ_ensured"
    shutil.copytree(out / "rows_differ", refused)
    path = refused / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ensure_weight_tying": True}, indent=2))
    yield refused.name, refused


def attempt(load, tokenizer):
    try:
        return results(load(), tokenizer)
    except Exception as e:  # whatever the oracle throws: the adapter is refused
        return {"refused": f"{type(e).__name__}: {e}"}


def stamp(models):
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in (*TIED, *ENCODERS, "llama"):
        digest.update((models / name / "case.json").read_bytes())
    return digest.hexdigest()


def main():
    root = Path(sys.argv[1])
    models, out = root / "models", root / "heads"
    index = out / "index.json"
    wanted = stamp(models)
    if index.exists() and json.loads(index.read_text())["stamp"] == wanted:
        return
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start = time.monotonic()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_lines(out / "completions.jsonl", [{"prompt": p, "completion": c} for p, c in COMPLETIONS])
    (out / "probes.json").write_text(json.dumps({"probes": [p for p, _ in COMPLETIONS]}))
    cases = []

    def case(name, base, variants):
        tokenizer = AutoTokenizer.from_pretrained(base)
        rows = {"base": results(oracle.load_base(base), tokenizer)}
        for what, path in variants:
            rows[what] = attempt(lambda path=path: oracle.load_variant(base, path), tokenizer)
        cases.append({"name": name, "base": str(base.relative_to(root)), "folder": f"heads/{name}", "results": rows})

    for name in TIED:
        case(name, models / name / "base", tied_models(name, models / name / "base", out / name))
    for name, head in ENCODERS.items():
        source = models / name / "base"
        tensors = tensors_of(source)
        table = next(k for k in tensors if k.endswith("word_embeddings.weight"))
        write_model(out / name / "alone", source, {(head if k == table else k): v for k, v in tensors.items()})
        cases.append({"name": name, "base": str(source.relative_to(root)), "folder": f"heads/{name}", "results": {"alone": {}}})
    for name, base in (("rows_tied", models / "llama_rope3" / "base"), ("rows_apart", models / "llama" / "base"),
                       ("rows_said_tied", out / "llama_rope3" / "own_lm_head")):
        case(name, base, adapters_of(base, out / name))
    index.write_text(json.dumps({"stamp": wanted, "cases": cases}, indent=1))
    print(f"heads: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
