"""Exits 0 when PEFT and torch, trained on the same examples in the same order, make what `train` made.

usage: check_train.py CASE.json…
A case names base, data, out and the run's options. Every step of OUT/train_log.jsonl has to show the loss, gradient norm
and learning rate of the loop here; OUT as PEFT or transformers load it has to hold the weights that this loop ends with.
"""
import json
import logging
import math
import os
import sys
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1", TQDM_DISABLE="1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import peft  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from transformers import AutoTokenizer, get_scheduler  # noqa: E402

from goldens import oracle  # noqa: E402
from goldens.exact import Exact  # noqa: E402

NAMES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}  # get_scheduler's


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def load(case, path):
    """The base with the adapter at `path`, or the model there."""
    if case["method"] == "full":
        return oracle.load_base(path)
    prefix = case["method"] == "prefix"  # which PEFT trains, but does not load to train
    model = peft.PeftModel.from_pretrained(oracle.load_base(case["base"]), path, is_trainable=not prefix)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad or (prefix and name.startswith("prompt_encoder.")))
    return model


def log_probabilities(model, prompt, completion):
    if model.config.is_encoder_decoder:
        start = [model.config.decoder_start_token_id]
        logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([start + completion[:-1]])).logits[0]
    else:
        logits = model(input_ids=torch.tensor([prompt + completion[:-1]])).logits[0, len(prompt) - 1:]
    return F.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None]).sum()


def run(case):
    tokenizer = AutoTokenizer.from_pretrained(case["base"])
    fields = ("chosen", "rejected") if case["loss"] == "dpo" else ("completion",)
    rows = [(tokenizer(r["prompt"]).input_ids,
             [tokenizer(r[f], add_special_tokens=False).input_ids + [tokenizer.eos_token_id] for f in fields])
            for r in lines(case["data"])]
    model = load(case, case["init"]).double().eval()
    model.get_input_embeddings().padding_idx = None  # a token of the text may be the one that others pad with
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=case["learning_rate"], weight_decay=case["weight_decay"])
    batches = math.ceil(len(rows) / case["batch"])
    steps = math.ceil(batches / case["accumulation"]) * case["epochs"]
    schedule = get_scheduler(NAMES[case["schedule"]], optimiser, math.ceil(case["warmup"] * steps), steps)
    a_step = case["batch"] * case["accumulation"]
    order = [rows[i:i + a_step] for i in range(0, len(rows), a_step)] * case["epochs"]
    log = []
    with Exact(model):
        with torch.no_grad():
            reference = {id(r): [log_probabilities(model, r[0], c) for c in r[1]] for r in rows}
        for part in order:
            found = [(r, [log_probabilities(model, r[0], c) for c in r[1]]) for r in part]
            if case["loss"] == "dpo":
                margins = [(p[0] - reference[id(r)][0]) - (p[1] - reference[id(r)][1]) for r, p in found]
                loss = -F.logsigmoid(case["beta"] * torch.stack(margins)).mean()
            else:
                loss = -sum(p[0] for _, p in found) / sum(len(r[1][0]) for r, _ in found)
            optimiser.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained, case["clip"] or math.inf)
            log.append((loss.item(), norm.item(), schedule.get_last_lr()[0]))
            optimiser.step()
            schedule.step()
    return model, log


def close(got, wanted, relative, what):
    assert abs(got - wanted) <= relative * abs(wanted), f"{what}: {got} instead of {wanted}"


def check(path):
    case = json.loads(Path(path).read_text())
    model, expected = run(case)
    found = lines(Path(case["out"]) / "train_log.jsonl")
    assert len(found) == len(expected), (len(found), len(expected))
    # AdamW divides by the root of a gradient's square: rounding of the small ones grows from step to step.
    for i, (line, (loss, norm, rate)) in enumerate(zip(found, expected)):
        assert line["step"] == i + 1, line
        close(line["loss"], loss, 1e-9, f"{path}: loss of step {i + 1}")
        close(line["gradient_norm"], norm, 1e-7, f"{path}: gradient of step {i + 1}")
        close(line["learning_rate"], rate, 1e-12, f"{path}: learning rate of step {i + 1}")
    assert abs(found[-1]["loss"] - found[0]["loss"]) > 1e-3 * found[0]["loss"], "nothing was learnt"
    written = dict(load(case, case["out"]).named_parameters())
    for name, value in model.named_parameters():
        got = written.pop(name)
        assert got.requires_grad == value.requires_grad, name
        distance = (got.detach().double() - value.detach()).norm().item()
        assert distance <= 1e-7 * value.detach().norm().item(), f"{path}: {name}: {distance}"  # float32's rounding
    assert not written, written.keys()


logging.disable(logging.WARNING)
torch.set_num_threads(1)
for case_path in sys.argv[1:]:
    check(case_path)
