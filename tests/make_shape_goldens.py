#!/usr/bin/env python3
"""Makes the goldens of what a block may be (docs/design.md §3.2): hidden states, logits and greedy tokens of tiny
models, prefix tuning, and one step of LoRA training, by transformers and PEFT in float64.

make_shape_goldens.py OUTDIR
Writes OUTDIR/shape/NAME/{base,golden.npz,prefix,lora} and OUTDIR/shape/index.json. What is up to date is left alone.
"""
import hashlib
import json
import logging
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from goldens import oracle, tiny as tinies  # noqa: E402
from goldens.exact import Exact  # noqa: E402
from goldens.shapes import EMBEDDED, SHAPES, randomise  # noqa: E402

VOCABULARY = 80
LENGTHS = (17, 5, 30)
NEW_TOKENS = 7
PREFIX_TOKENS = 3
LORA = dict(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"])
LEARNING_RATE = 0.02


def stamp():
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for source in [Path(__file__), *(here / "goldens" / f"{n}.py" for n in ("exact", "families", "oracle", "shapes", "tiny"))]:
        digest.update(source.read_bytes())
    digest.update(repr([m.__version__ for m in (torch, transformers, peft, np)]).encode())
    return digest.hexdigest()


def loader(shape):
    return AutoModelForSeq2SeqLM if shape.family == "t5" else AutoModelForCausalLM


def make_base(shape, folder):
    specials = dict(bos_token_id=1, eos_token_id=1, pad_token_id=0)
    config = AutoConfig.for_model(shape.family, vocab_size=VOCABULARY, **(specials | shape.config))
    model = randomise(loader(shape).from_config(config), shape.name).eval()
    tinies.save(model, folder, "f32" if shape in EMBEDDED else shape.storage)


def load(shape, folder):
    # Without fused kernels: they know no float64.
    experts = {"experts_implementation": "eager"} if shape.family in oracle.EXPERTS else {}
    attention = "sdpa" if shape.family == "falcon" else "eager"  # Falcon's eager path adds ALiBi twice
    return loader(shape).from_pretrained(folder, dtype=torch.float64, attn_implementation=attention, **experts).eval()


def fresh(model):
    """Dynamic RoPE keeps the longest sequence it has seen; each sequence counts its own length alone."""
    for module in model.modules():
        if getattr(module, "rope_type", "") == "dynamic":
            module.inv_freq = module.original_inv_freq
            module.max_seq_len_cached = module.original_max_seq_len
    return model


def token_ids(name):
    generator = tinies.seeded(name, "tokens")
    return [torch.randint(2, VOCABULARY, (n,), generator=generator).tolist() for n in LENGTHS]


def stack(states):
    """[L+1, tokens, d] of one sequence."""
    return torch.cat(tinies.same_width(states)).numpy()


@torch.no_grad()
def run(shape, model, ids):
    arrays = {"states": [], "logits": [], "encoder_states": []}
    for row in ids:
        inputs = {"input_ids": torch.tensor([row])}
        if shape.family == "t5":
            inputs["decoder_input_ids"] = torch.tensor([[0] + row[::-1]])
        with Exact(fresh(model)):
            out = model(**inputs, output_hidden_states=True, use_cache=True)
        states = out.decoder_hidden_states if shape.family == "t5" else out.hidden_states
        arrays["states"].append(stack(states))
        arrays["logits"].append(out.logits[0].numpy())
        if shape.family == "t5":
            arrays["encoder_states"].append(stack(out.encoder_hidden_states))
    return {k: np.concatenate(v, axis=-2) for k, v in arrays.items() if v}


@torch.no_grad()
def decode(model, ids):
    """Greedy tokens with transformers' cache: [sequences, new], and the logits each was chosen from."""
    tokens, scores = [], []
    for row in ids:
        with Exact(fresh(model)):
            out = model.generate(input_ids=torch.tensor([row]), attention_mask=torch.ones(1, len(row), dtype=torch.long),
                                 do_sample=False, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS,
                                 eos_token_id=None, output_logits=True, return_dict_in_generate=True)
        tokens.append(out.sequences[0, -NEW_TOKENS:].numpy())
        scores.append(torch.cat(out.logits).numpy())
    gap = np.sort(np.stack(scores), -1)
    assert (gap[..., -1] - gap[..., -2]).min() > 1e-4, "a tie decides the greedy tokens: take other ids"
    return {"generated": np.stack(tokens), "generated_logits": np.stack(scores)}


def save_adapter(shape, folder, name, config, size):
    """An adapter with random weights, size(key) large, into folder/name."""
    model = peft.get_peft_model(load(shape, folder / "base").float(), config)
    for key, value in model.named_parameters():
        if value.requires_grad:
            value.data = torch.randn(value.shape, generator=tinies.seeded(shape.name, name, key)) * size(key)
    model.save_pretrained(folder / name)


def with_adapter(shape, folder, name):
    return peft.PeftModel.from_pretrained(load(shape, folder / "base"), folder / name).double().eval()


def make_prefix(shape, folder, ids):
    config = peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=PREFIX_TOKENS)
    save_adapter(shape, folder, "prefix", config, lambda key: 0.7)
    model = with_adapter(shape, folder, "prefix")
    arrays = run(shape, model, ids) | decode(model, ids)
    return {"prefix_" + k: v for k, v in arrays.items()}


def batch_loss(model, prompts, completions):
    """Cross-entropy on the completions alone, mean over their tokens, as a padded batch."""
    rows = [p + c for p, c in zip(prompts, completions)]
    longest = max(map(len, rows))
    ids = torch.tensor([r + [0] * (longest - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in rows])
    labels = torch.tensor([[-100] * len(p) + c + [-100] * (longest - len(p) - len(c)) for p, c in zip(prompts, completions)])
    with Exact(model):
        return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def make_lora(shape, folder, ids):
    save_adapter(shape, folder, "lora", peft.LoraConfig(task_type="CAUSAL_LM", **LORA),
                 lambda key: 0.15 if "lora_B" in key else 0.2)
    prompts, completions = [r[:-4] for r in ids], [r[-4:] for r in ids]
    prompts[1], completions[1] = ids[1][:2], ids[1][2:]
    arrays = {"train_prompts": np.array(json.dumps(prompts)), "train_completions": np.array(json.dumps(completions))}
    for name, optimiser in (("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)):
        model = peft.PeftModel.from_pretrained(load(shape, folder / "base"), folder / "lora", is_trainable=True).double()
        trained = {k: v for k, v in model.named_parameters() if v.requires_grad}
        step = optimiser(trained.values(), lr=LEARNING_RATE)
        loss = batch_loss(model, prompts, completions)
        loss.backward()
        arrays["train_loss"] = np.array(loss.item())
        for key, value in trained.items():
            arrays["grad:" + key.removeprefix("base_model.model.").replace(".default.weight", "")] = value.grad.numpy()
        step.step()
        with torch.no_grad():
            arrays["train_loss_" + name] = np.array(batch_loss(model, prompts, completions).item())
    return arrays


# What adapters of these families touch: linears of every stack, fused and latent ones too.
TARGETS = {"t5": ["q", "v", "wo"], "t5_gated": ["k", "o", "wi_0", "wi_1"], "bloom": ["query_key_value", "dense_4h_to_h"],
           "deepseek_v2": ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"],
           "gpt_oss": ["q_proj", "v_proj", "o_proj"], "llama4": ["q_proj", "o_proj", "gate_proj", "down_proj"],
           "granite_hybrid": ["in_proj", "out_proj", "q_proj", "shared_mlp.input_linear"], "granite_hybrid_moe": ["in_proj", "v_proj"],
           "qwen3_5": ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj", "v_proj", "down_proj"],
           "qwen3_next": ["in_proj_qkvz", "in_proj_ba", "out_proj", "q_proj"]}


def make_adapter(shape, folder, ids):
    task = "SEQ_2_SEQ_LM" if shape.family == "t5" else "CAUSAL_LM"
    config = peft.LoraConfig(task_type=task, r=LORA["r"], lora_alpha=LORA["lora_alpha"], target_modules=TARGETS[shape.name])
    save_adapter(shape, folder, "lora", config, lambda key: 0.15)
    model = with_adapter(shape, folder, "lora")
    return {"lora_" + k: v for k, v in run(shape, model, ids).items()}


@torch.no_grad()
def make_experts(shape, folder, ids):
    """LoRA on experts as PEFT saved it when each was a module of its own (w1, w2, w3), and a full finetune. The
    oracle is the merged model: transformers has the experts in one tensor by now."""
    model = load(shape, folder / "base")
    state, scale = {}, LORA["lora_alpha"] / LORA["r"]

    def pair(path, weight):
        a, b = (torch.randn(size, generator=tinies.seeded(shape.name, path, which)) * 0.2
                for which, size in (("A", (LORA["r"], weight.shape[1])), ("B", (weight.shape[0], LORA["r"]))))
        state[f"base_model.model.model.{path}.lora_A.weight"], state[f"base_model.model.model.{path}.lora_B.weight"] = a, b
        weight += scale * b.double() @ a.double()

    for number in (0, 2):
        layer = model.model.layers[number]
        pair(f"layers.{number}.self_attn.q_proj", layer.self_attn.q_proj.weight)
        experts = layer.mlp.experts
        for e in range(experts.num_experts - 1):  # the last one stays as it is
            gate, up = experts.gate_up_proj[e].chunk(2)
            for name, weight in (("w1", gate), ("w3", up), ("w2", experts.down_proj[e])):
                pair(f"layers.{number}.block_sparse_moe.experts.{e}.{name}", weight)
    (folder / "lora").mkdir()
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "lora" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": f"tiny/{shape.name}",
              "r": LORA["r"], "lora_alpha": LORA["lora_alpha"], "target_modules": ["q_proj", "w1", "w2", "w3"]}
    (folder / "lora" / "adapter_config.json").write_text(json.dumps(config, indent=2))
    arrays = {"lora_states": run(shape, model, ids)["states"]}
    model = load(shape, folder / "base").float()
    for key, value in model.named_parameters():
        value += torch.randn(value.shape, generator=tinies.seeded(shape.name, "full", key)) * (0.1 * value.std())
    model.save_pretrained(folder / "full")
    return arrays | {"full_states": run(shape, load(shape, folder / "full"), ids)["states"]}


def make(shape, out):
    folder = out / shape.name
    make_base(shape, folder / "base")
    model = load(shape, folder / "base")
    ids = token_ids(shape.name)
    arrays = {"ids": np.array(json.dumps(ids))} | run(shape, model, ids) | decode(model, ids)
    if shape.name in ("llama", "gemma3"):
        arrays |= make_prefix(shape, folder, ids)
    if shape.name in ("llama", "gemma2"):
        arrays |= make_lora(shape, folder, ids)
    if shape.name in TARGETS:
        arrays |= make_adapter(shape, folder, ids)
    if shape.family == "mixtral":
        arrays |= make_experts(shape, folder, ids)
    np.savez(folder / "golden.npz", **arrays)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    out = Path(sys.argv[1]) / "shape"
    index = out / "index.json"
    if index.exists() and json.loads(index.read_text())["stamp"] == stamp():
        return
    shutil.rmtree(out, ignore_errors=True)
    start = time.monotonic()
    for shape in SHAPES + EMBEDDED:
        make(shape, out)
    index.write_text(json.dumps({"stamp": stamp(), "shapes": [s.name for s in SHAPES], "embedded": [s.name for s in EMBEDDED]}))
    print(f"shape: {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
